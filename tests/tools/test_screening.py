"""The table of ingredients: differences over seeds by hand, and what the rule says of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pix2pix.evaluation.confidence_intervals import Summary
from pix2pix.evaluation.result_files import FcnScore
from pix2pix.reporting.experiment_result import ExperimentResult
from tests.support.results import metrics, result
from tests.support.tiny import TINY
from tools.readme import markers
from tools.screening import DECIDE, PAGE, SHOWN, compare_seeds, screening_table, verdict

LSD = {"none": (0.30, 0.28, 0.26), "one": (0.20, 0.19, 0.15)}  # by seed


def rows(name: str, **recipe: Any) -> list[ExperimentResult]:
    """Three seeds."""
    fcn = FcnScore.model_validate({"segmenter": "small", "n": 3, "pixel_accuracy": 0.5})
    scores: dict[str, Any] = {"ssim": 0.25, "lab_l": 0.9, "lab_a": 0.9, "lab_b": 0.9, "checkerboard": 0.3}
    made = TINY["recipes"]["quick"] | recipe
    return [
        result(f"{name}{seed}", seed=seed, recipe=made, metrics=metrics(lsd=lsd, **scores), fcn_score=fcn)
        for seed, lsd in enumerate(LSD[name])
    ]


def test_a_difference_is_the_mean_over_seeds_with_its_t_interval() -> None:
    summary = compare_seeds(rows("one"), rows("none")[::-1])["lsd"]
    differences = np.subtract(LSD["one"], LSD["none"])
    low, high = stats.t.interval(0.95, 2, differences.mean(), stats.sem(differences))
    assert (summary.mean, summary.low, summary.high) == pytest.approx((differences.mean(), low, high))


@pytest.mark.parametrize(
    ("changes", "apart_from", "says"),
    [
        ({}, None, "–"),
        ({"lsd": (-0.1, -0.2, 0.01)}, None, "–"),  # may be chance
        ({"lsd": (-0.1, -0.2, -0.01)}, None, "better: LSD"),
        ({"lsd": (-0.1, -0.2, -0.01)}, "lsd", "–"),  # the loss asks for it
        ({"lab_a": (0.1, 0.01, 0.2), "lab_b": (-0.1, -0.2, -0.01)}, None, "better: a ∩; worse: b ∩"),
        ({"lsd": (0.1, 0.01, 0.2)}, "lsd", "worse: LSD"),
        ({"lsd": (-0.1, -0.2, -0.01), "ssim": (-0.021, -0.1, 0.1)}, None, "better: LSD; worse: SSIM"),
        ({"fcn_pixel_accuracy": (-0.019, -0.02, -0.018)}, None, "–"),  # a guard may fall a little
    ],
)
def test_the_rule(changes: dict[str, tuple[float, float, float]], apart_from: str | None, says: str) -> None:
    same = dict.fromkeys(SHOWN, (0.0, -0.1, 0.1))
    differences = {key: Summary(mean, 0.0, low, high) for key, (mean, low, high) in (same | changes).items()}
    assert verdict(differences, apart_from=apart_from) == says


def test_the_table_begins_with_the_setting_that_has_none() -> None:
    lines = screening_table([*rows("none"), *rows("one", epochs=2), result("mean", model={"kind": "mean"})])
    assert [line["setting"] for line in lines] == ["none0", "one0"]
    assert [line["LSD"] for line in lines] == ["0.280", "-0.100 [-0.125, -0.075]"]
    assert [line["verdict"] for line in lines] == ["", "better: LSD"]
    assert lines[0]["FCN pixel acc."] == "0.500"


def test_the_page_has_the_markers_and_the_rule_names_what_decides() -> None:
    text = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
    begin, end = markers("ingredients")
    assert text.index(begin) < text.index(end)
    assert len(DECIDE) == 4
    assert "Log-spectrum distance and the three Lab intersections" in text
