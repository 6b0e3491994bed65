"""Laws of differences: paired by image and by resample, of the same images alone, over groups and over seeds."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pix2pix.evaluation.distributions import distributions, joined
from pix2pix.evaluation.metric_definitions import METRICS
from pix2pix.evaluation.set_scores import SetPair, paired_differences
from pix2pix.reporting.differences import differences, headline, seeds_compared
from pix2pix.reporting.experiment_result import ExperimentResult
from tests.support.results import metrics, per_image, result
from tests.support.tiny import TINY, random_image

TARGETS = joined([distributions(random_image(i)) for i in range(3)])


def test_differences_are_paired_image_by_image() -> None:
    baseline = result("mean")
    better = result(per_image=per_image({"3": (18.0, 0.26, 0.105), "2": (14.0, 0.26, 0.105), "1": (13.0, 0.26, 0.105)}))
    [line] = differences([baseline, better], [baseline])  # by id, not by place
    assert line == {
        "experiment": "first − mean",
        "PSNR, dB": "+3.00 [-3.57, 9.57]",  # t with 2 degrees of freedom: 4.303 * sqrt(7 / 3)
        "SSIM": "+0.0100 [0.0100, 0.0100]",
        "L1 (0–1)": "-0.0200 [-0.0200, -0.0200]",
    }
    infinite = result(per_image=per_image(dict.fromkeys("123", (math.inf, 1.0, 0.0))))
    assert differences([infinite], [baseline])[0]["PSNR, dB"] == "– [–]"


def test_the_headline_is_the_first_row_of_each_data_set_against_its_baseline() -> None:
    mean = result("first_mean", model={"kind": "mean"})
    better = {"metrics": metrics(psnr=16.0), "per_image": per_image(dict.fromkeys("123", (16.0, 0.25, 0.125)))}
    seeds = [result("first", **better), result("first_seed1", seed=1)]
    worse = result("worse", recipe=TINY["recipes"]["quick"] | {"l1_weight": 10.0})
    rows = [mean, *seeds, worse, result("alone", dataset="other")]
    assert headline(rows, [mean], METRICS["psnr"]) == (
        "PSNR, dB (peak signal-to-noise ratio over all channels; higher is better): "
        "first (mean of 2 seeds) 14.00 against 12.00 of the mean photo, +2.00 [95 % interval 2.00, 2.00]."
    )
    assert headline(rows, [mean], METRICS["lsd"]) == "", "earlier results have no such score"
    assert headline(rows, [], METRICS["psnr"]) == ""
    against = headline([worse, mean], [worse, mean], METRICS["l1"])
    assert against.startswith(
        "L1 (0–1) (mean absolute difference; lower is better): worse 0.1250 against 0.1250 of the"
    )


@pytest.mark.parametrize(
    "card",
    [
        {"dataset": "other"},
        {"direction": "AtoB"},
        {"recipe": TINY["recipes"]["quick"] | {"size": 128, "load_size": 128}},
    ],
)
def test_other_data_are_not_compared(card: dict[str, Any]) -> None:
    assert differences([result(**card)], [result("mean")]) == []


def test_results_of_other_images_are_refused() -> None:
    baseline = result("mean")
    with pytest.raises(ValueError, match="first and mean were not scored on the same images"):
        differences([result(per_image=per_image(dict.fromkeys("12", (12.0, 0.25, 0.125))))], [baseline])


def with_sets(name: str, *, first: int, **changes: Any) -> ExperimentResult:
    """Three noise images, of growing contrast with `first`."""
    images = [(random_image(first + i) // (1 + first)).astype(np.uint8) for i in range(3)]
    return replace(result(name, **changes), sets={"": SetPair(joined([distributions(i) for i in images]), TARGETS)})


def test_scores_of_the_set_have_differences_too_by_image_whatever_their_order() -> None:
    one, other = with_sets("first", first=1), with_sets("mean", first=2)
    expected = paired_differences([one.sets[""]], [other.sets[""]], list("123"))["lsd"]
    [line] = differences([one], [other])
    assert line["LSD"] == f"{expected.mean:+.3f} [{expected.low:.3f}, {expected.high:.3f}]"
    backwards = dict(reversed(other.per_image.items()))
    turned = replace(other, per_image=backwards, sets={"": other.sets[""].in_order([2, 1, 0])})
    assert differences([one], [turned]) == [line]
    assert "LSD" not in differences([one], [result("mean")])[0], "of earlier results"


def test_two_rows_are_compared_seed_by_seed_and_as_means_over_groups_and_seeds() -> None:
    first = [with_sets(name, first=1 + i, seed=i) for i, name in enumerate(("a", "a_seed1", "a_seed2"))]
    second = [with_sets("b_seed1", first=5, seed=1), with_sets("b", first=6, seed=0)]
    lines = seeds_compared(first, second)
    assert [(line["difference"], line["interval over"]) for line in lines] == [
        ("a − b_seed1, seed 0", "groups"),
        ("a − b_seed1, seed 1", "groups"),
        ("*a − b_seed1, mean of 2 seeds*", "groups"),
        ("*a − b_seed1, mean of 2 seeds*", "seeds"),
    ]
    each = [float(line["LSD"].split()[0]) for line in lines]
    assert each[2] == each[3] == pytest.approx((each[0] + each[1]) / 2, abs=1e-3)
    assert lines[2]["LSD"] != lines[3]["LSD"]
    assert lines[0]["PSNR, dB"] == "+0.00 [0.00, 0.00]"
    assert len(seeds_compared(first[:1], second)) == 1
    with pytest.raises(ValueError, match="a_seed2 and b_seed1 have no seed in common"):
        seeds_compared(first[2:], second)
    with pytest.raises(ValueError, match="a and c were not scored on the same images"):
        seeds_compared(first, [with_sets("c", first=1, dataset="other")])
