"""Laws of a study's tables: every cell is a number of the results, differences are paired, nothing is left out."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from pix2pix.config.study_entries import ReferenceNumbers, ReferenceScore
from pix2pix.evaluation.distributions import distributions, joined
from pix2pix.evaluation.metric_definitions import IMAGE_METRICS, METRICS
from pix2pix.evaluation.metrics import scores
from pix2pix.evaluation.result_files import Control, FcnScore, Perceptual, Spread
from pix2pix.evaluation.set_scores import SetPair
from pix2pix.reporting.experiment_result import ExperimentResult
from pix2pix.reporting.tables import cells, definitions, image_metrics, main_scores, other_metrics, published
from tests.support.results import CARD, metrics, result
from tests.support.tiny import TINY, random_image

SET = SetPair(*[joined([distributions(random_image(0))])] * 2)
NONE = ReferenceNumbers(source="none", scores=[], rows={})


def test_the_table_of_metrics_is_what_is_computed_and_what_others_are_compared_by() -> None:
    assert get_args(ReferenceScore) == tuple(METRICS)
    computed = scores(random_image(0), random_image(1), masked_out=False)
    assert list(computed) == [metric.key for metric in IMAGE_METRICS]
    assert len({metric.heading for metric in METRICS.values()}) == len(METRICS)


def test_a_line_holds_mean_spread_and_interval() -> None:
    spread = {key: Spread(sd=0.5, low=1.0, high=2.0) for key in ("psnr", "ssim", "l1")}
    [line] = image_metrics([result(intervals=spread, metrics=metrics(n=9, psnr=12.345, ssim=0.2, l1=0.1))])
    assert line == {
        "experiment": "first",
        "data": "houses",
        "split": "val",
        "size": "64",
        "epochs": "3",
        "seed": "0",
        "n": "9",
        "groups": "3",
        "PSNR, dB": "12.35 ± 0.50 [1.00, 2.00]",
        "SSIM": "0.2000 ± 0.5000 [1.0000, 2.0000]",
        "L1 (0–1)": "0.1000 ± 0.5000 [1.0000, 2.0000]",
    }


def test_the_mean_baseline_has_neither_epochs_nor_seed() -> None:
    [line] = image_metrics([result(model={"kind": "mean"})])
    assert (line["epochs"], line["seed"]) == ("–", "–")


def test_a_single_group_has_no_interval_and_equal_images_are_counted() -> None:
    alone = {key: Spread(sd=None, low=None, high=None) for key in ("psnr", "ssim", "l1")}
    values = metrics(n=2, groups=1, psnr=58.92, ssim=1.0, l1=0.0, equal=1.0)
    [line] = image_metrics([result(intervals=alone, metrics=values)])
    assert (line["PSNR, dB"], line["SSIM"]) == ("58.92 ± – [–] (1 equal)", "1.0000 ± – [–]")


def with_set_scores(name: str, **card: Any) -> ExperimentResult:
    plain = result(name, **card)
    scores: dict[str, Any] = {"lsd": 0.25, "lab_l": 0.875, "lab_a": 0.75, "lab_b": 0.5}
    spreads = {key: Spread(sd=None, low=value - 0.125, high=value + 0.125) for key, value in scores.items()}
    means: dict[str, Any] = plain.metrics.values | scores
    return replace(plain, metrics=metrics(**means), intervals=plain.intervals | spreads)


def test_scores_of_the_set_stand_beside_those_of_images_and_controls_beneath() -> None:
    """Results of earlier versions, which have none, have a dash."""
    ceiling = Control(metrics=metrics(n=2, groups=2, lsd=0.03), intervals={"lsd": Spread(sd=None, low=0.0, high=0.1)})
    mean = replace(with_set_scores("mean", model={"kind": "mean"}), controls={"training": ceiling})
    old, new, floor, control = image_metrics([result(), with_set_scores("new", dataset="other"), mean])
    assert (old["LSD"], old["b ∩"], new["LSD"]) == ("–", "–", "0.250 [0.125, 0.375]")
    assert floor["LSD"] == new["LSD"]
    assert (control["experiment"], control["n"]) == ("*real training images of houses*", "2")
    assert (control["LSD"], control["L ∩"], control["SSIM"]) == ("0.030 [0.000, 0.100]", "–", "–")
    assert "LSD" not in image_metrics([result()])[0]
    assert not [line for line in other_metrics([mean]) if "LSD" in line]


def test_results_that_differ_in_their_seed_alone_have_a_line_of_their_mean() -> None:
    better = metrics(psnr=14.0, ssim=0.35, l1=0.125, val_l1=0.375)
    first, other = result(), result("seed1", seed=1, metrics=better)
    line = image_metrics([first, other])[-1]
    assert (line["experiment"], line["seed"]) == ("*first: mean and spread of 2 seeds*", "all")
    assert (line["PSNR, dB"], line["SSIM"]) == ("13.00 ± 1.41", "0.3000 ± 0.0707")
    assert other_metrics([first, other])[-1] == {
        "experiment": "*first: mean and spread of 2 seeds*",
        "val. L1": "0.3750 ± 0.0000",
    }
    otherwise = result("seed1", seed=1, recipe=TINY["recipes"]["quick"] | {"l1_weight": 10.0})
    assert len(image_metrics([first, otherwise])) == 2


def test_both_directions_are_named() -> None:
    lines = image_metrics([result(), result("reverse", direction="AtoB")])
    assert [line["direction"] for line in lines] == ["B → A", "A → B"]


def test_the_foreground_has_lines_of_the_results_that_have_one() -> None:
    car = result("car")
    values: dict[str, Any] = {f"fg_{key}": value for key, value in car.metrics.values.items()}
    car = replace(
        car,
        metrics=metrics(**values),
        intervals={f"fg_{key}": spread for key, spread in car.intervals.items()},
    )
    assert image_metrics([result(), car], prefix="fg_") == image_metrics([result("car")])


def test_other_metrics_stand_beside_where_any_result_has_them() -> None:
    ce = metrics(val_l1=0.5, val_ce=1.23456)
    assert other_metrics([result(), result("unet", dataset="other", metrics=ce)]) == [
        {"experiment": "first", "train L1": "0.2500", "val. L1": "0.3750", "val. CE": "–"},
        {"experiment": "unet", "train L1": "–", "val. L1": "0.5000", "val. CE": "1.235"},
    ]
    assert other_metrics([result(metrics=metrics())]) == []


def fcn_score(**values: float) -> FcnScore:
    defaults = {"pixel_accuracy": 0.5, "class_accuracy": 0.4, "mean_iou": 0.3}
    real = {"real_pixel_accuracy": 0.8, "real_class_accuracy": 0.7, "real_mean_iou": 0.6}
    return FcnScore(n=3, segmenter="reader", **(defaults | real | values))


def test_fcn_scores_stand_above_those_of_the_real_photos() -> None:
    lines = other_metrics([result(fcn_score=fcn_score()), result("b", seed=1, fcn_score=fcn_score(mean_iou=0.5))])
    assert {line["experiment"]: line["FCN mean IoU"] for line in lines} == {
        "first": "0.300",
        "b": "0.500",
        "*first: mean and spread of 2 seeds*": "0.400 ± 0.141",
        "*real photos of houses, 64 px, by reader*": "0.600",
    }
    with pytest.raises(ValueError, match=r"results/tiny/fcn_scores\.json: b: other scores of the real photos"):
        other_metrics([result(fcn_score=fcn_score()), result("b", fcn_score=fcn_score(real_mean_iou=0.5))])


def test_perceptual_distances_stand_where_they_are() -> None:
    kid = {"kid": 0.1, "kid_low": 0.05, "kid_high": 0.15}
    perceptual = Perceptual.model_validate({"card": CARD, "n": 3, "fid": 123.45, "lpips": 0.4567} | kid)
    lines = other_metrics([result(perceptual=perceptual), result("b", dataset="b")])
    assert [(line["FID"], line["LPIPS"]) for line in lines] == [("123.5", "0.457"), ("–", "–")]
    assert [line["KID"] for line in lines] == ["0.1000 [0.0500, 0.1500]", "–"]


def test_published_numbers_stand_under_our_headings() -> None:
    numbers = ReferenceNumbers(source="Somebody", scores=["psnr", "fcn_mean_iou"], rows={"L1": [12.3, 0.17]})
    assert published(numbers) == [{"published": "L1", "PSNR, dB": "12.30", "FCN mean IoU": "0.170"}]
    assert "FCN mean IoU" in definitions([result()], numbers)


def test_each_filled_column_is_defined_once() -> None:
    results = [result(fcn_score=fcn_score()), result("other")]
    headings = {heading for line in image_metrics(results) + other_metrics(results) for heading in line}
    defined = definitions(results, NONE)
    assert defined.keys() == headings & {metric.heading for metric in METRICS.values()}


def test_the_main_scores_are_all_of_an_experiment_in_one_line_without_losses() -> None:
    line, reals = main_scores([result(fcn_score=fcn_score())])
    assert (line["experiment"], line["SSIM"], line["FCN mean IoU"]) == (
        "first",
        "0.2500 ± 0.0250 [0.1500, 0.3500]",
        "0.300",
    )
    assert "val. L1" not in line
    assert (reals["experiment"], reals["FCN mean IoU"]) == ("*real photos of houses, 64 px, by reader*", "0.600")


def test_cells_speak_of_cars_where_there_are_cars_and_of_groups_where_there_are_groups() -> None:
    houses, grouped = result(), result(metrics=metrics(n=3, groups=2, ssim=0.5))
    car = replace(grouped, intervals=grouped.intervals | {"fg_psnr": Spread(sd=None, low=0.0, high=1.0)})
    assert cells([houses]).endswith("[95 % t-interval over images].")
    assert cells([houses, grouped]).endswith("over groups].")
    assert cells([houses, car]).endswith("over groups: the views of one car are not independent].")
    assert "LSD" in cells([replace(houses, sets={"": SET})])
