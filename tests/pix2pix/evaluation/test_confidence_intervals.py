"""Laws of means and intervals: the formulas written out, and honest about images that belong together."""

import math

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from pix2pix.evaluation.confidence_intervals import Summary, summarise
from tests.support.laws import of_any, seeds
from tests.support.soaks import Soak


def standard_error(values: np.ndarray, groups: list[str]) -> float:
    """Of the mean: the cluster-robust covariance of a regression on a constant, written in matrices.

    As statsmodels' OLS(values, ones).fit(cov_type="cluster"): (X'X)^-1 (sum of X_g' u_g u_g' X_g) (X'X)^-1, times
    G / (G - 1) * (n - 1) / (n - k).
    """
    n, names = len(values), sorted(set(groups))
    x = np.ones((n, 1))
    bread = np.linalg.inv(x.T @ x)
    residuals = values[:, None] - x @ (bread @ x.T @ values[:, None])
    meat = np.zeros((1, 1))
    for name in names:
        rows = np.array([group == name for group in groups])
        score = x[rows].T @ residuals[rows]
        meat += score @ score.T
    correction = len(names) / (len(names) - 1) * (n - 1) / (n - x.shape[1])
    return math.sqrt((correction * bread @ meat @ bread).item())


@pytest.mark.soak
def test_any_interval_is_the_sandwich_of_a_regression_on_a_constant(soak: Soak) -> None:
    cases = st.lists(st.tuples(st.floats(-1e3, 1e3), st.sampled_from("abcdef")), min_size=1, max_size=30)

    @of_any(soak, 150, 10_000, cases=cases)
    def law(cases: list[tuple[float, str]]) -> None:
        values, groups = np.array([value for value, _ in cases]), [group for _, group in cases]
        summary = summarise(values, groups)
        assert summary.mean == pytest.approx(math.fsum(values) / len(values), abs=1e-9)
        squares = math.fsum((value - summary.mean) ** 2 for value in values)
        assert math.isnan(summary.sd) == (len(values) == 1)
        if len(values) > 1:
            assert summary.sd == pytest.approx(math.sqrt(squares / (len(values) - 1)), abs=1e-9)
        assert math.isnan(summary.low) == math.isnan(summary.high) == (len(set(groups)) == 1)
        if len(set(groups)) > 1:
            reach = stats.t(len(set(groups)) - 1).isf(0.025) * standard_error(values, groups)
            assert (summary.low, summary.high) == pytest.approx((summary.mean - reach, summary.mean + reach), abs=1e-6)


@pytest.mark.soak
def test_any_groups_of_one_size_have_the_interval_of_their_means(soak: Soak) -> None:
    """So equal views of a car say no more than one view."""

    @of_any(soak, 50, 3_000, seed=seeds, groups=st.integers(2, 12), views=st.integers(1, 16))
    def law(*, seed: int, groups: int, views: int) -> None:
        values = np.random.default_rng(seed).normal(20, 3, (groups, views))
        summary = summarise(values.ravel(), [f"car {i}" for i in range(groups) for _ in range(views)])
        means = values.mean(1)
        usual = stats.t.interval(0.95, groups - 1, loc=means.mean(), scale=stats.sem(means))
        assert (summary.low, summary.high) == pytest.approx(usual, abs=1e-9)


@pytest.mark.parametrize(("groups", "views"), [(60, 1), (40, 4), (5, 16)])
def test_an_interval_covers_the_true_mean_95_times_in_100(groups: int, views: int) -> None:
    """Of 500 draws of scores with a known mean, 0.92 to 0.98 hold it: three standard errors; also of five cars."""
    draw = np.random.default_rng(0)
    names = [f"{group}" for group in range(groups) for _ in range(views)]
    covered = 0
    for _ in range(500):
        values = np.repeat(draw.normal(0.5, 0.2, groups), views) + draw.normal(0, 0.05, groups * views)
        summary = summarise(values, names)
        covered += summary.low <= 0.5 <= summary.high
    assert 0.92 <= covered / 500 <= 0.98


def test_equal_scores_have_an_interval_of_no_width() -> None:
    assert summarise(np.full(8, 0.5), list("abcdefgh")) == Summary(0.5, 0.0, 0.5, 0.5)


@pytest.mark.parametrize("infinite", [[math.inf], [-math.inf], [math.inf, -math.inf], [math.nan]])
def test_infinite_scores_have_no_interval_and_no_spread(infinite: list[float]) -> None:
    values = np.array([1.0, 2.0, *infinite])
    summary = summarise(values, list("abcd")[: len(values)])
    assert summary.mean == pytest.approx(sum(infinite), nan_ok=True)
    assert all(math.isnan(value) for value in (summary.sd, summary.low, summary.high))
