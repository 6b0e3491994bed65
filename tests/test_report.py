"""Laws of tables: every number is one of metrics.json, differences are paired, and nothing is left out."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.evaluate import evaluate
from stages.params import Params
from stages.pix2pix.grids import GAP, HEADER
from stages.pix2pix.images import read_image, write_png
from stages.report import report
from tests.conftest import TINY, random_image
from tests.test_evaluate import save_rendered

FOLDER = Path("results/tiny")
ROWS: dict[str, dict[str, Any]] = {
    "first": {"noise": 10},
    "first_seed1": {"noise": 12, "seed": 1},
    "first_mean": {"noise": 40, "model": {"kind": "mean"}},
}


@pytest.fixture
def three(tiny_repo: Path) -> Params:
    """Two seeds and a baseline, rendered and evaluated."""
    experiments = TINY["experiments"] | {"first_seed1": TINY["experiments"]["first"] | {"seed": 1}}
    params = Params.model_validate(TINY | {"experiments": {name: experiments[name] for name in ROWS}})
    for seed, (name, row) in enumerate(ROWS.items()):
        save_rendered(FOLDER / name, **row)
        evaluate(name, params)
        write_png(FOLDER / name / "grid.png", random_image(seed, 80, 300))
    return params


def edit(name: str, file: str, **values: Any) -> None:
    path = FOLDER / name / file
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def tables(text: str) -> list[list[dict[str, str]]]:
    """The Markdown tables of a text, each a list of rows."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        found.append([dict(zip(cells[0], row, strict=True)) for row in cells[2:]])
    return found


def read_report() -> str:
    return Path("results/tiny.md").read_text(encoding="utf-8")


def metrics(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / name / "metrics.json").read_text(encoding="utf-8")))


def test_a_row_holds_the_numbers_of_its_metrics(three: Params) -> None:
    report("tiny", three)
    scores = tables(read_report())[0]
    assert [row["experiment"] for row in scores] == [*ROWS, "*mean and spread of 2 seeds*"]
    for row in scores[:3]:
        m = metrics(row["experiment"])
        for key, heading, digits in (("psnr", "PSNR, dB", 2), ("ssim", "SSIM", 4), ("l1", "L1 of 1", 4)):
            mean, sd, low, high = (f"{m[key + end]:.{digits}f}" for end in ("", "_sd", "_ci95_low", "_ci95_high"))
            assert row[heading] == f"{mean} ± {sd} [{low}, {high}]"
        assert (row["data"], row["split"], row["size"], row["n"]) == ("houses", "val", "64", "3")
    assert [row["epochs"] for row in scores] == ["3", "3", "–", "3"]
    assert [row["seed"] for row in scores] == ["0", "1", "–", "all"]


def test_seeds_alone_make_a_family(three: Params) -> None:
    report("tiny", three)
    family = tables(read_report())[0][3]
    values = [metrics(name)["ssim"] for name in ("first", "first_seed1")]
    assert family["SSIM"] == f"{sum(values) / 2:.4f} ± {abs(values[0] - values[1]) / 2**0.5:.4f}"
    edit("first_seed1", "card.json", recipe=TINY["recipes"]["quick"] | {"l1_weight": 10.0})
    report("tiny", three)
    assert [row["experiment"] for row in tables(read_report())[0]] == list(ROWS)


def test_differences_are_paired_image_by_image(three: Params) -> None:
    reference = pd.read_csv(FOLDER / "first_mean/per_image.csv", dtype={"id": str})
    shifted = reference.copy()
    shifted[["psnr", "ssim", "l1"]] += np.array([[1, 0.01, -0.02], [2, 0.01, -0.02], [6, 0.01, -0.02]])
    shifted.iloc[::-1].to_csv(FOLDER / "first/per_image.csv", index=False)  # by id, not by place
    report("tiny", three)
    first, other = tables(read_report())[1]
    assert (first["experiment"], other["experiment"]) == ("first − first_mean", "first_seed1 − first_mean")
    assert first["PSNR, dB"] == "+3.00 [-3.57, 9.57]"  # t with 2 degrees of freedom: 4.303 * sqrt(7 / 3)
    assert (first["SSIM"], first["L1 of 1"]) == ("+0.0100 [0.0100, 0.0100]", "-0.0200 [-0.0200, -0.0200]")


@pytest.mark.parametrize("card", [{"dataset": "other"}, {"direction": "AtoB"}, {"recipe": {"size": 128}}])
def test_other_data_are_not_compared(three: Params, card: dict[str, Any]) -> None:
    edit("first", "card.json", **card)
    report("tiny", three)
    assert [row["experiment"] for row in tables(read_report())[1]] == ["first_seed1 − first_mean"]


def test_rows_scored_on_other_images_are_refused(three: Params) -> None:
    path = FOLDER / "first_mean/per_image.csv"
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    with pytest.raises(ValueError, match="first and first_mean were not scored on the same images"):
        report("tiny", three)
    assert not Path("results/tiny.md").exists()


def test_an_image_may_be_called_na(three: Params) -> None:
    for name in ROWS:
        table = pd.read_csv(FOLDER / name / "per_image.csv").astype({"id": str, "group": str})
        table.loc[:1, ["id", "group"]] = [["NA", "NA"], ["null", "null"]]
        table.to_csv(FOLDER / name / "per_image.csv", index=False)
    report("tiny", three)
    assert len(tables(read_report())[1]) == 2


def test_what_is_infinite_or_alone_is_shown_so(three: Params) -> None:
    edit("first", "metrics.json", psnr=None, psnr_sd=None, psnr_ci95_low=None, psnr_ci95_high=None, ssim_sd=None)
    table = pd.read_csv(FOLDER / "first/per_image.csv")
    table.assign(psnr=np.inf).to_csv(FOLDER / "first/per_image.csv", index=False)
    report("tiny", three)
    scores, differences = tables(read_report())
    assert scores[0]["PSNR, dB"] == "∞ ± – [–]"
    assert " ± – [0." in scores[0]["SSIM"]
    assert scores[3]["PSNR, dB"] == ""
    assert differences[0]["PSNR, dB"] == "– [–]"


def test_the_foreground_has_a_table_of_the_rows_that_have_one(three: Params) -> None:
    report("tiny", three)
    assert "foreground" not in read_report()
    scores = {f"fg_{key}": value for key, value in metrics("first_mean").items() if key not in ("n", "groups")}
    edit("first_mean", "metrics.json", **scores)
    report("tiny", three)
    whole, foreground, _ = tables(read_report())
    assert foreground == [whole[2]]


def test_the_figure_shows_every_grid_and_the_same_results_give_the_same_bytes(three: Params) -> None:
    report("tiny", three)
    assert "![Tiny](tiny.png)" in read_report()
    figure = read_image(Path("results/tiny.png"))
    height, width = 80 + HEADER + 4 * GAP, 300 + 4 * GAP
    for i, name in enumerate(ROWS):
        top, left = HEADER + i // 2 * height, 2 * GAP + i % 2 * width
        shown = figure[top : top + 80, left : left + 300]
        np.testing.assert_array_equal(shown, read_image(FOLDER / name / "grid.png"))
    before = Path("results/tiny.md").read_bytes(), Path("results/tiny.png").read_bytes()
    report("tiny", three)
    assert (Path("results/tiny.md").read_bytes(), Path("results/tiny.png").read_bytes()) == before


@pytest.mark.parametrize("file", ["card.json", "metrics.json", "per_image.csv", "grid.png"])
def test_an_experiment_without_results_is_named(three: Params, file: str) -> None:
    (FOLDER / "first_seed1" / file).unlink()
    run = "" if file == "grid.png" else ".*run `dvc repro evaluate@first_seed1`"
    with pytest.raises(FileNotFoundError, match=f"results/tiny/first_seed1/{file}{run}"):
        report("tiny", three)
    assert not list(Path("results").glob("tiny.*"))


def test_unknown_and_empty_reports_are_refused(three: Params) -> None:
    with pytest.raises(ValueError, match="reports: there is no 'nope'"):
        report("nope", three)
    empty = Params.model_validate(TINY | {"reports": TINY["reports"] | {"empty": {"title": "E", "references": []}}})
    with pytest.raises(ValueError, match="no experiment has table: empty"):
        report("empty", empty)
