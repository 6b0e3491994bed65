"""Mean, spread and a 95 % interval of a per-image score, honest about images that belong together."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000


@dataclass(frozen=True)
class Summary:
    """`sd` is the sample standard deviation over images; `low`, `high` the 95 % interval of the mean."""

    mean: float
    sd: float
    low: float
    high: float


def summarise(values: NDArray[np.float64], groups: list[str]) -> Summary:
    """Summarise one score; the interval is a percentile bootstrap over groups (views of one car are not independent).

    The bootstrap draws whole groups (Efron & Tibshirani 1993, chapter 13), with a fixed seed: the same values, the same
    interval. NaN stand where there is nothing to say: low and high of one group alone, sd of a single value, all three
    where a value is infinite (PSNR of equal images).
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(index, values)
    counts = np.bincount(index)
    low = high = math.nan
    finite = bool(np.isfinite(values).all())
    if len(names) > 1 and finite:
        draw = np.random.default_rng(0)
        means = np.empty(RESAMPLES)
        for i in range(RESAMPLES):
            drawn = draw.integers(0, len(names), len(names))
            means[i] = sums[drawn].sum() / counts[drawn].sum()
        low, high = np.percentile(means, [2.5, 97.5]).tolist()
    sd = float(values.std(ddof=1)) if len(values) > 1 and finite else math.nan
    with np.errstate(invalid="ignore"):  # the mean of inf and -inf is NaN
        return Summary(float(values.mean()), sd, low, high)
