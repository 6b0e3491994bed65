"""Laws of a report's figure: the same images by each experiment, composed of the tiles of grids alone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pix2pix.config.configuration import Configuration
from pix2pix.files.image_grid import GAP, HEADER, LINE, tiles
from pix2pix.files.images import Uint8, read_image
from pix2pix.reporting import comparison_figure as figures
from pix2pix.reporting.comparison_figure import figure
from pix2pix.reporting.results import Row
from stages.report import report
from tests.support.reported import ROWS, edit, pictures, read_report, tables, three_rows  # noqa: F401
from tests.support.tiny import random_image


def shown(columns: int, *, top: int = 0, left: int = 0, header: int = HEADER + LINE) -> list[list[Uint8]]:
    """The tiles of a comparison grid of three images of 64 pixels that lies in the figure."""
    figure = read_image(Path("results/tiny.png"))
    bottom, right = top + header + 3 * (64 + GAP), left + columns * (64 + GAP) - GAP
    return tiles(figure[top:bottom, left:right], rows=3, columns=columns, size=(64, 64))


def test_the_figure_shows_the_same_images_by_each_experiment(three: Configuration) -> None:
    report(three.study("tiny"))
    assert "![Tiny](tiny.png)" in read_report()
    for i, line in enumerate(shown(5)):
        expected = [pictures["first"][i][0], *(pictures[name][i][1] for name in ROWS), pictures["first"][i][2]]
        np.testing.assert_array_equal(line, expected)
    before = Path("results/tiny.md").read_bytes(), Path("results/tiny.png").read_bytes()
    report(three.study("tiny"))
    assert (Path("results/tiny.md").read_bytes(), Path("results/tiny.png").read_bytes()) == before


def test_both_directions_stand_in_one_row(three: Configuration) -> None:
    edit("first", "card.json", direction="AtoB")
    report(three.study("tiny"))
    for i, line in enumerate(shown(5)):
        reverse, *others = (pictures[name][i] for name in ROWS)
        np.testing.assert_array_equal(line, [*reverse[:2], others[0][0], *(images[1] for images in others)])
    assert [row["direction"] for row in tables(read_report())[0]] == ["A → B", "B → A", "B → A"]


def test_other_images_have_a_grid_of_their_own_beside_or_beneath(
    three: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit("first", "card.json", dataset="other")
    report(three.study("tiny"))
    beside = read_image(Path("results/tiny.png"))
    monkeypatch.setattr(figures, "WIDTH", 300)  # too narrow for both
    report(three.study("tiny"))
    beneath = read_image(Path("results/tiny.png"))
    assert beside.shape[1] > 1.5 * beneath.shape[1]
    assert beneath.shape[0] > 1.5 * beside.shape[0]
    left = (read_image(Path("results/tiny.png")).shape[1] - (4 * (64 + GAP) - GAP)) // 2
    height = HEADER + HEADER + 3 * (64 + GAP) + 4 * GAP
    second = shown(4, top=height + HEADER, left=left)
    np.testing.assert_array_equal(second[2][1:3], [pictures[name][2][1] for name in list(ROWS)[1:]])


def test_a_figure_of_many_large_images_stays_small_enough_for_a_page() -> None:
    card = {"dataset": "d", "direction": "AtoB", "recipe": {"size": 256}, "grid": ["1"]}
    row = Row("a_long_name_of_an_experiment", Path(), card, {}, {}, {}, pd.DataFrame())
    vars(row)["pictures"] = [[random_image(i, 256, 256) for i in range(3)]]
    assert figure({"": [row]}, {}).shape[1] == 3 * 256 + 2 * GAP
    assert 1500 < figure({"": [row] * 10}, {}).shape[1] <= 1600
