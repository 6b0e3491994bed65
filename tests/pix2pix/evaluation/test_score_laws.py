"""Laws of intervals and class scores for any values: the formulas written out."""

import math

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from pix2pix.evaluation.confidence_intervals import summarise
from pix2pix.evaluation.segmentation import confusion, ious, label_scores
from tests.support.laws import of_any, seeds
from tests.support.soaks import Soak


def sandwich(values: np.ndarray, groups: list[str]) -> float:
    """Standard error of the mean: the cluster-robust covariance of a regression on a constant, written in matrices.

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
            reach = stats.t(len(set(groups)) - 1).isf(0.025) * sandwich(values, groups)
            assert (summary.low, summary.high) == pytest.approx((summary.mean - reach, summary.mean + reach), abs=1e-6)


@pytest.mark.soak
def test_any_groups_of_one_size_have_the_interval_of_their_means(soak: Soak) -> None:
    @of_any(soak, 50, 3_000, seed=seeds, groups=st.integers(2, 12), views=st.integers(1, 16))
    def law(*, seed: int, groups: int, views: int) -> None:
        values = np.random.default_rng(seed).normal(20, 3, (groups, views))
        summary = summarise(values.ravel(), [f"car {i}" for i in range(groups) for _ in range(views)])
        means = values.mean(1)
        usual = stats.t.interval(0.95, groups - 1, loc=means.mean(), scale=stats.sem(means))
        assert (summary.low, summary.high) == pytest.approx(usual, abs=1e-9)


@pytest.mark.soak
def test_any_class_maps_score_as_by_counting(soak: Soak) -> None:
    """scikit-learn's definitions: accuracy_score, recall_score and jaccard_score over the classes that occur."""

    @of_any(soak, 120, 5_000, seed=seeds, names=st.integers(1, 20), side=st.integers(1, 9), void=st.booleans())
    def law(*, seed: int, names: int, side: int, void: bool) -> None:
        draw = np.random.default_rng(seed)
        classes = [f"class {i}" for i in range(names)]
        if void:
            classes[draw.integers(names)] = "void"
        some = draw.choice(names, draw.integers(1, names + 1), replace=False)  # others occur nowhere
        truth, called = (draw.choice(some, (side, side + 1)).astype(np.uint8) for _ in range(2))
        matrix = confusion(called, truth, classes=classes)
        counted = np.array([classes[t] != "void" for t in truth.ravel()])
        true, claimed = truth.ravel()[counted].tolist(), called.ravel()[counted].tolist()
        for t in range(names):
            for c in range(names):
                assert matrix[t, c] == sum((t, c) == both for both in zip(true, claimed, strict=True))
        recalls, overlaps = [], {}
        for index, name in enumerate(classes):
            hits = sum(t == c == index for t, c in zip(true, claimed, strict=True))
            either = sum(index in both for both in zip(true, claimed, strict=True))
            if index in true:
                recalls.append(hits / true.count(index))
            if name != "void":
                overlaps[name] = hits / either if either else math.nan
        assert ious(matrix, classes=classes) == pytest.approx(overlaps, nan_ok=True)
        occurring = [value for value in overlaps.values() if not math.isnan(value)]
        right = sum(t == c for t, c in zip(true, claimed, strict=True))
        expected = {
            "pixel_accuracy": right / len(true) if true else math.nan,
            "class_accuracy": sum(recalls) / len(recalls) if recalls else math.nan,
            "mean_iou": sum(occurring) / len(occurring) if occurring else math.nan,
        }
        assert label_scores(matrix, classes=classes) == pytest.approx(expected, nan_ok=True)
