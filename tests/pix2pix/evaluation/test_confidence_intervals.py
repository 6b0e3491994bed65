"""Laws of means and intervals: equal to pandas, repeatable, honest about images that belong together."""

import math

import numpy as np
import pandas as pd
import pytest

from pix2pix.evaluation.confidence_intervals import Summary, summarise


def scores(seed: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(20, 3, count)


def singles(count: int) -> list[str]:
    return [str(i) for i in range(count)]


@pytest.mark.parametrize("count", [2, 3, 106])
def test_mean_and_spread_equal_pandas(count: int) -> None:
    values = scores(count, count)
    summary = summarise(values, singles(count))
    assert summary.mean == pytest.approx(pd.Series(values).mean(), rel=1e-12)
    assert summary.sd == pytest.approx(pd.Series(values).std(), rel=1e-12)
    assert summary.low < summary.mean < summary.high


def test_grouping_changes_neither_mean_nor_spread() -> None:
    values = scores(0, 40)
    alone, grouped = summarise(values, singles(40)), summarise(values, ["a"] * 7 + ["b"] * 13 + ["c"] * 20)
    assert (alone.mean, alone.sd) == (grouped.mean, grouped.sd)


def test_an_interval_is_a_function_of_the_values() -> None:
    values, groups = scores(0, 30), [f"car {i // 3}" for i in range(30)]
    first = summarise(values, groups)
    assert summarise(values.copy(), list(groups)) == first
    assert summarise(values + 1e-3, groups) != first


def test_an_interval_moves_and_stretches_with_the_scores() -> None:
    values, groups = scores(1, 30), singles(30)
    summary, other = summarise(values, groups), summarise(5 - 2 * values, groups)
    assert (other.low, other.high) == pytest.approx((5 - 2 * summary.high, 5 - 2 * summary.low), abs=1e-9)


def test_many_images_have_the_interval_of_the_normal_distribution() -> None:
    values = scores(2, 400)
    summary = summarise(values, singles(400))
    half = 1.96 * values.std(ddof=1) / math.sqrt(400)
    assert (summary.low, summary.high) == pytest.approx((summary.mean - half, summary.mean + half), abs=0.05 * half)


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


def test_views_that_agree_count_as_one() -> None:
    """Sixteen equal views of a car say no more than one: the interval is that of the cars."""
    cars = scores(3, 12)
    names = [f"car {i}" for i in range(12)]
    repeated = summarise(np.repeat(cars, 16), list(np.repeat(names, 16)))
    assert (repeated.low, repeated.high) == pytest.approx(interval(summarise(cars, names)), abs=1e-9)


def test_an_interval_over_groups_is_wider_where_views_agree() -> None:
    cars = np.repeat(scores(4, 10), 16) + scores(5, 160) / 100
    grouped, alone = summarise(cars, [f"car {i // 16}" for i in range(160)]), summarise(cars, singles(160))
    assert grouped.high - grouped.low > 2.5 * (alone.high - alone.low)  # sqrt(16) = 4 in the limit


def test_the_order_of_the_images_does_not_matter() -> None:
    values, groups = scores(6, 30), [f"car {i // 3}" for i in range(30)]
    order = np.random.default_rng(0).permutation(30)
    shuffled = summarise(values[order], [groups[i] for i in order])
    summary = summarise(values, groups)
    assert (shuffled.mean, shuffled.sd) == pytest.approx((summary.mean, summary.sd))
    assert interval(shuffled) == pytest.approx(interval(summary))


@pytest.mark.parametrize("views", [1, 16])
def test_one_group_has_no_interval(views: int) -> None:
    summary = summarise(scores(0, views), ["car"] * views)
    assert math.isnan(summary.low)
    assert math.isnan(summary.high)
    assert math.isnan(summary.sd) == (views == 1)


def test_equal_scores_have_an_interval_of_no_width() -> None:
    assert summarise(np.full(8, 0.5), singles(8)) == Summary(0.5, 0.0, 0.5, 0.5)


@pytest.mark.parametrize("infinite", [[math.inf], [-math.inf], [math.inf, -math.inf], [math.nan]])
def test_infinite_scores_have_no_interval_and_no_spread(infinite: list[float]) -> None:
    values = np.array([1.0, 2.0, *infinite])
    summary = summarise(values, singles(len(values)))
    assert summary.mean == pytest.approx(sum(infinite), nan_ok=True)
    assert all(math.isnan(value) for value in (summary.sd, summary.low, summary.high))


def interval(summary: Summary) -> tuple[float, float]:
    return summary.low, summary.high
