"""Mean, standard deviation and 95 % interval of a per-image metric, and the interval of a score of a set of images,
where images of one group belong together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000


@dataclass(frozen=True)
class Summary:
    """`sd` is the sample standard deviation over images; `low`, `high` the 95 % interval of the mean."""

    mean: float
    sd: float
    low: float
    high: float


def summarise(values: NDArray[np.float64], groups: Sequence[str]) -> Summary:
    """Summarise one metric. The interval of the mean counts groups: the views of one car are not independent.

    Cluster-robust t-interval: the variance of the mean from the groups' summed residuals, groups - 1 degrees of freedom
    (Cameron & Miller 2015, section II). With one image a group it is the usual t-interval; with groups of one size, the
    t-interval of the groups' means. NaN: low and high of a single group, sd of a single value, and all three where a
    value is infinite or NaN.
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
            reach = _t(len(names) - 1) * error
            low, high = mean - reach, mean + reach
    return Summary(mean, sd, low, high)


def resampled(groups: Sequence[str], *, seed: int = 0) -> NDArray[np.float64]:
    """How often each image stands in each of RESAMPLES sets, (RESAMPLES, images): groups drawn with replacement.

    The draws depend on the names of the groups and the seed alone, so that two rows with the same groups are paired.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    return draws[:, index].astype(np.float64)


def summarise_resampled(
    score: float, resamples: NDArray[np.float64], groups: int, *, within: tuple[float, float] = (-math.inf, math.inf)
) -> Summary:
    """A set's score with its interval: the t-interval of the standard error over resamples of `groups` groups.

    Not the percentiles of the resamples: of five cars they are too narrow, and a distance near 0 is no less in any
    resample. The error is larger by sqrt(groups / (groups - 1)), as that of a mean is (Efron & Tibshirani 1993, section
    5.3). Cut off at the score's range, `within`. NaN: sd always, low and high of a single group.
    """
    if groups < 2:
        return Summary(score, math.nan, math.nan, math.nan)
    reach = _t(groups - 1) * math.sqrt(groups / (groups - 1)) * float(resamples.std())
    return Summary(score, math.nan, max(score - reach, within[0]), min(score + reach, within[1]))


def _t(degrees: int) -> float:
    """The 97.5 % quantile of the t-distribution."""
    from scipy.special import stdtrit  # noqa: PLC0415  slow to import

    return float(stdtrit(degrees, 0.975))
