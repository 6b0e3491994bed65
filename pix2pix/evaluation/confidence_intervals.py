"""Mean, standard deviation and 95 % interval of a per-image metric, where images of one group belong together."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Summary:
    """`sd` is the sample standard deviation over images; `low`, `high` the 95 % interval of the mean."""

    mean: float
    sd: float
    low: float
    high: float


def summarise(values: NDArray[np.float64], groups: list[str]) -> Summary:
    """Summarise one metric. The interval of the mean counts groups: the views of one car are not independent.

    Cluster-robust t-interval: the variance of the mean from the groups' summed residuals, groups - 1 degrees of freedom
    (Cameron & Miller 2015, section II). With one image a group it is the usual t-interval; with groups of one size, the
    t-interval of the groups' means. NaN: low and high of a single group, sd of a single value, and all three where a
    value is infinite (the PSNR of equal images).
    """
    with np.errstate(invalid="ignore"):  # the mean of inf and -inf is NaN
        mean = float(values.mean())
    sd = low = high = math.nan
    if np.isfinite(values).all():
        sd = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        names, index = np.unique(np.asarray(groups), return_inverse=True)
        if len(names) > 1:
            residuals = np.bincount(index, values - mean)
            error = math.sqrt(len(names) / (len(names) - 1) * np.square(residuals).sum()) / len(values)
            from scipy.special import stdtrit  # noqa: PLC0415  slow to import

            reach = float(stdtrit(len(names) - 1, 0.975)) * error  # the quantile of the t-distribution
            low, high = mean - reach, mean + reach
    return Summary(mean, sd, low, high)
