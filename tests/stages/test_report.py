"""Laws of tables: every number is one of metrics.json, differences are paired, and nothing is left out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pix2pix.config.configuration import Configuration
from pix2pix.files.image_grid import grid
from pix2pix.files.images import read_image, write_png
from pix2pix.reporting import tables as lines
from pix2pix.reporting.results import Row
from stages.report import report
from tests.support.reported import FOLDER, ROWS, edit, pictures, read_report, tables, three_rows  # noqa: F401
from tests.support.tiny import TINY, random_image


def differences() -> list[dict[str, str]]:
    return tables(read_report())[-1]


def metrics(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / name / "metrics.json").read_text(encoding="utf-8")))


def test_a_row_holds_the_numbers_of_its_metrics(three: Configuration) -> None:
    report(three.study("tiny"))
    scores = tables(read_report())[0]
    assert [row["experiment"] for row in scores] == [*ROWS, "*first: mean and spread of 2 seeds*"]
    for row in scores[:3]:
        m = metrics(row["experiment"])
        for key, heading, digits in (("psnr", "PSNR, dB", 2), ("ssim", "SSIM", 4), ("l1", "L1 of 1", 4)):
            mean, sd, low, high = (f"{m[key + end]:.{digits}f}" for end in ("", "_sd", "_ci95_low", "_ci95_high"))
            assert row[heading] == f"{mean} ± {sd} [{low}, {high}]"
        assert (row["data"], row["split"], row["size"], row["n"]) == ("houses", "val", "64", "3")
    assert [row["epochs"] for row in scores] == ["3", "3", "–", "3"]
    assert [row["seed"] for row in scores] == ["0", "1", "–", "all"]


def test_seeds_alone_make_a_family(three: Configuration) -> None:
    report(three.study("tiny"))
    family = tables(read_report())[0][3]
    values = [metrics(name)["ssim"] for name in ("first", "first_seed1")]
    assert family["SSIM"] == f"{sum(values) / 2:.4f} ± {abs(values[0] - values[1]) / 2**0.5:.4f}"
    edit("first_seed1", "card.json", recipe=TINY["recipes"]["quick"] | {"l1_weight": 10.0})
    report(three.study("tiny"))
    assert [row["experiment"] for row in tables(read_report())[0]] == list(ROWS)


def test_differences_are_paired_image_by_image(three: Configuration) -> None:
    reference = pd.read_csv(FOLDER / "first_mean/per_image.csv", dtype={"id": str})
    shifted = reference.copy()
    shifted[["psnr", "ssim", "l1"]] += np.array([[1, 0.01, -0.02], [2, 0.01, -0.02], [6, 0.01, -0.02]])
    shifted.iloc[::-1].to_csv(FOLDER / "first/per_image.csv", index=False)  # by id, not by place
    report(three.study("tiny"))
    first, other = differences()
    assert (first["experiment"], other["experiment"]) == ("first − first_mean", "first_seed1 − first_mean")
    assert first["PSNR, dB"] == "+3.00 [-3.57, 9.57]"  # t with 2 degrees of freedom: 4.303 * sqrt(7 / 3)
    assert (first["SSIM"], first["L1 of 1"]) == ("+0.0100 [0.0100, 0.0100]", "-0.0200 [-0.0200, -0.0200]")


@pytest.mark.parametrize("card", [{"dataset": "other"}, {"direction": "AtoB"}, {"recipe": {"size": 128}}])
def test_other_data_are_not_compared(three: Configuration, card: dict[str, Any]) -> None:
    edit("first", "card.json", **card)
    size = card.get("recipe", {"size": 64})["size"]
    images = [[random_image(0, size, size)] * 3] * 3
    write_png(FOLDER / "first/grid.png", grid(images, columns=["input", "generated", "target"], across=2))
    report(three.study("tiny"))
    assert [row["experiment"] for row in differences()] == ["first_seed1 − first_mean"]


def test_rows_scored_on_other_images_are_refused(three: Configuration) -> None:
    path = FOLDER / "first_mean/per_image.csv"
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    with pytest.raises(ValueError, match="first and first_mean were not scored on the same images"):
        report(three.study("tiny"))
    assert not Path("results/tiny.md").exists()


def test_an_image_may_be_called_na(three: Configuration) -> None:
    for name in ROWS:
        table = pd.read_csv(FOLDER / name / "per_image.csv").astype({"id": str, "group": str})
        table.loc[:1, ["id", "group"]] = [["NA", "NA"], ["null", "null"]]
        table.to_csv(FOLDER / name / "per_image.csv", index=False)
    report(three.study("tiny"))
    assert len(differences()) == 2


def test_what_is_infinite_or_alone_is_shown_so(three: Configuration) -> None:
    edit("first", "metrics.json", psnr=None, psnr_sd=None, psnr_ci95_low=None, psnr_ci95_high=None, ssim_sd=None)
    table = pd.read_csv(FOLDER / "first/per_image.csv")
    table.assign(psnr=np.inf).to_csv(FOLDER / "first/per_image.csv", index=False)
    report(three.study("tiny"))
    scores = tables(read_report())[0]
    assert scores[0]["PSNR, dB"] == "∞ ± – [–]"
    assert " ± – [0." in scores[0]["SSIM"]
    assert scores[3]["PSNR, dB"] == ""
    assert differences()[0]["PSNR, dB"] == "– [–]"


def test_the_foreground_has_a_table_of_the_rows_that_have_one(three: Configuration) -> None:
    report(three.study("tiny"))
    assert "foreground" not in read_report()
    scores = {f"fg_{key}": value for key, value in metrics("first_mean").items() if key not in ("n", "groups")}
    edit("first_mean", "metrics.json", **scores)
    report(three.study("tiny"))
    whole, _, foreground, _ = tables(read_report())
    assert foreground == [whole[2]]


def with_tables(configuration: Configuration, **about: Any) -> Configuration:
    study = configuration.sections["studies"]["tiny"] | about
    return replace(configuration, sections=configuration.sections | {"studies": {"tiny": study}})


def test_a_row_may_stand_in_several_tables_of_a_report(three: Configuration) -> None:
    halves = {"Seeds": ["first", "first_seed1"], "Floor": ["first", "first_mean"]}
    report(with_tables(three, tables=halves).study("tiny"))
    seeds, seeds_beside, floor, floor_beside, paired = tables(read_report())
    assert [row["experiment"] for row in seeds] == ["first", "first_seed1", "*first: mean and spread of 2 seeds*"]
    assert [row["experiment"] for row in floor] == ["first", "first_mean"]
    assert seeds[0] == floor[0]
    assert seeds_beside[0] == floor_beside[0]
    assert [row["experiment"] for row in paired] == ["first − first_mean", "first_seed1 − first_mean"]
    text = read_report()
    assert text.index("#### Seeds") < text.index("#### Floor") < text.index("PSNR, SSIM (RGB")
    assert text.count("PSNR, SSIM (RGB") == 1, "defined once"


@pytest.mark.parametrize("name", ["first", "first_mean"])
def test_one_row_alone_is_a_report(three: Configuration, name: str) -> None:
    experiments = {name: three.sections["experiments"][name]}
    alone = replace(three, sections=three.sections | {"experiments": experiments})
    report(with_tables(alone, baselines=[]).study("tiny"))
    assert [[row["experiment"] for row in table] for table in tables(read_report())] == [[name], [name]]


def test_losses_stand_beside_the_scores(three: Configuration) -> None:
    edit("first_mean", "metrics.json", val_ce=1.23456)
    report(three.study("tiny"))
    first, seed1, mean, family = tables(read_report())[1]
    assert first == {"experiment": "first", "train L1": "0.2500", "val. L1": "0.3750", "val. CE": "–"}
    assert (seed1["val. CE"], mean["val. CE"]) == ("–", "1.235")
    assert family == {
        "experiment": "*first: mean and spread of 2 seeds*",
        "train L1": "0.2500 ± 0.0000",
        "val. L1": "0.3750 ± 0.0000",
        "val. CE": "",
    }


def test_numbers_of_others_stand_apart_with_their_source(three: Configuration) -> None:
    rows = {"L1": [12.3, 0.17], "cGAN": [11.2, 0.2]}
    others = {"somebody": {"source": "Somebody 2017, table 1", "scores": ["psnr", "fcn_mean_iou"], "rows": rows}}
    configuration = with_tables(three, reference_numbers="somebody")
    sections = configuration.sections | {"reference_numbers": others}
    report(replace(configuration, sections=sections).study("tiny"))
    assert tables(read_report())[2] == [
        {"source": "Somebody 2017, table 1, L1", "PSNR, dB": "12.30", "FCN mean IoU": "0.170"},
        {"source": "Somebody 2017, table 1, cGAN", "PSNR, dB": "11.20", "FCN mean IoU": "0.200"},
    ]
    assert "Published, for comparison" in read_report()


SCORE = {"n": 3, "segmenter": "reader", "pixel_accuracy": 0.5, "class_accuracy": 0.4, "mean_iou": 0.3}
REAL = {"real_pixel_accuracy": 0.8, "real_class_accuracy": 0.7, "real_mean_iou": 0.6}


def scored(configuration: Configuration, **scores: dict[str, float]) -> Configuration:
    """`params` with rows under scores:, and what the stage left of them."""
    for name, numbers in scores.items():
        (FOLDER / name / "fcn_score.json").write_text(json.dumps(SCORE | REAL | numbers), encoding="utf-8")
    section = {name: {"study": "tiny", "dataset": "houses", "segmenter": "reader"} for name in scores}
    return replace(configuration, sections=configuration.sections | {"fcn_scores": section})


def test_fcn_scores_stand_under_the_ceiling_of_real_photos(three: Configuration) -> None:
    report(scored(three, first={}, first_seed1={"mean_iou": 0.5}).study("tiny"))
    rows = tables(read_report())[1]
    fcn = {row["experiment"]: [row[f"FCN {s}"] for s in ("pixel acc.", "class acc.", "mean IoU")] for row in rows}
    assert fcn == {
        "first": ["0.500", "0.400", "0.300"],
        "first_seed1": ["0.500", "0.400", "0.500"],
        "first_mean": ["–", "–", "–"],
        "*first: mean and spread of 2 seeds*": ["0.500 ± 0.000", "0.400 ± 0.000", "0.400 ± 0.141"],
        "*real photos*": ["0.800", "0.700", "0.600"],
    }
    assert "(`reader`)" in read_report()


def test_two_ceilings_of_the_same_photos_are_refused(three: Configuration) -> None:
    with pytest.raises(ValueError, match=r"first_seed1/fcn_score\.json: another ceiling"):
        report(scored(three, first={}, first_seed1={"real_mean_iou": 0.5}).study("tiny"))


def test_a_score_that_is_asked_for_must_be_there(three: Configuration) -> None:
    configuration = scored(three, first={})
    (FOLDER / "first/fcn_score.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"first has no results of fcn_score yet; .*fcn_score@first`"):
        report(configuration.study("tiny"))


def test_perceptual_distances_are_shown_where_they_are(three: Configuration) -> None:
    distances = {"card": json.loads((FOLDER / "first/card.json").read_text()), "n": 3, "fid": 123.45, "lpips": 0.4567}
    (FOLDER / "first/perceptual.json").write_text(json.dumps(distances), encoding="utf-8")
    report(three.study("tiny"))
    first, seed1, *_ = tables(read_report())[1]
    assert (first["FID"], first["LPIPS"], seed1["FID"]) == ("123.5", "0.457", "–")


@pytest.mark.parametrize("file", ["card.json", "metrics.json", "per_image.csv", "grid.png"])
def test_an_experiment_without_results_is_named(three: Configuration, file: str) -> None:
    (FOLDER / "first_seed1" / file).unlink()
    run = "" if file == "grid.png" else ".*run `dvc repro evaluate@first_seed1`"
    with pytest.raises(FileNotFoundError, match=f"results/tiny/first_seed1/{file}{run}"):
        report(three.study("tiny"))
    assert not list(Path("results").glob("tiny.*"))


def test_unknown_and_empty_reports_are_refused(three: Configuration) -> None:
    with pytest.raises(ValueError, match="studies: there is no 'nope'"):
        report(three.study("nope"))
    empty = Configuration(TINY | {"studies": TINY["studies"] | {"empty": TINY["studies"]["tiny"]}})
    with pytest.raises(ValueError, match="no experiment has study: empty"):
        report(empty.study("empty"))


def test_where_no_row_has_a_number_there_is_no_table_of_them() -> None:
    card = {key: "x" for key in ("dataset", "direction", "model", "recipe")}
    bare = Row("bare", Path(), card, {"n": 3, "ssim": 0.5}, {}, {}, pd.DataFrame())
    assert lines.numbers([bare]) == []
    assert lines.numbers([bare, replace(bare, name="more", metrics={"val_l1": 0.25})])[0] == {
        "experiment": "bare",
        "val. L1": "–",
    }


def test_perceptual_distances_of_other_images_are_refused(three: Configuration) -> None:
    (FOLDER / "first/perceptual.json").write_text(json.dumps({"card": {"seed": 9}, "fid": 1.0}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"first/perceptual\.json: of images that were rendered before; delete it"):
        report(three.study("tiny"))


def probed(configuration: Configuration, *names: str) -> Configuration:
    """With robustness.csv of two kinds of drawings and sketches.png; the k-th scores 0.1 k more than the first."""
    for k, name in enumerate(names):
        rows = [
            {"edges": "canny", "redrawn": way, "split": "val", "id": f"{car}_{view}", "group": car}
            | {"fg_ssim": 0.5 + 0.1 * k + 0.01 * view, "l1": 0.25 - 0.1 * k}
            for way in ("as prepared", "bold")
            for car in ("NA", "b")
            for view in (1, 2)
        ]
        pd.DataFrame(rows).to_csv(FOLDER / name / "robustness.csv", index=False)
        write_png(FOLDER / name / "sketches.png", random_image(k, 40, 90))
    section = {name: {"study": "tiny", "canny": "houses", "doodle": "houses"} for name in names}
    return replace(configuration, sections=configuration.sections | {"robustness": section})


def test_probes_have_a_table_a_score_and_their_sketches_in_the_figure(three: Configuration) -> None:
    report(three.study("tiny"))
    before = read_image(Path("results/tiny.png"))
    report(probed(three, "first", "first_seed1").study("tiny"))
    assert "Held-out cars drawn otherwise, SSIM over the car alone" in read_report()
    similar, l1 = tables(read_report())[-2:]
    assert [(line["edges"], line["redrawn"]) for line in similar] == [("canny", "as prepared"), ("canny", "bold")]
    for line in similar:
        assert (line["first"], line["first_seed1"]) == ("0.5150", "0.6150")
        assert line["first_seed1 − first"] == "+0.1000 [0.1000, 0.1000]"
    assert {line["first_seed1 − first"] for line in l1} == {"-0.1000 [-0.1000, -0.1000]"}
    after = read_image(Path("results/tiny.png"))
    assert after.shape[0] * after.shape[1] > before.shape[0] * before.shape[1] + 2 * 40 * 90


def test_a_probe_that_was_not_run_is_named_with_its_command(three: Configuration) -> None:
    configuration = probed(three, "first")
    (FOLDER / "first/robustness.csv").unlink()
    with pytest.raises(
        FileNotFoundError,
        match=r"first/robustness\.csv: first has no robustness scores yet; run `dvc repro robustness@first`",
    ):
        report(configuration.study("tiny"))
