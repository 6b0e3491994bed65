"""Laws of a study's figure: a column an experiment, a grid a set of images, and no wider than a page."""

import numpy as np
import pytest

from pix2pix.files.image_grid import GAP, grid, side_by_side
from pix2pix.files.images import Uint8
from pix2pix.reporting.comparison_figure import WIDTH, figure
from pix2pix.reporting.experiment_result import ExperimentResult
from tests.support.results import result
from tests.support.tiny import TINY, random_image

ROLES = ("source", "generated", "target")


@pytest.fixture(autouse=True)
def images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results show random images, each result its own."""
    monkeypatch.setattr(ExperimentResult, "shown", shown)


def shown(of: ExperimentResult, count: int) -> list[tuple[Uint8, ...]]:
    size = of.card.recipe.size
    seed = 100 * sum(of.name.encode())
    return [tuple(random_image(seed + 10 * x + i, size, size) for i in range(count)) for x in range(3)]


def columns(*results: tuple[ExperimentResult, str]) -> list[list[Uint8]]:
    """The rows of four images of a grid with these columns."""
    return [list(row) for row in zip(*(shown(of, 4)[ROLES.index(role)] for of, role in results), strict=True)]


def test_both_directions_stand_in_one_row() -> None:
    there, back, other = result("there", direction="AtoB"), result("back"), result("other")
    expected = columns(
        (there, "source"), (there, "generated"), (back, "source"), (back, "generated"), (other, "generated")
    )
    picture = figure({"": [back, there, other]}, {})
    np.testing.assert_array_equal(picture, grid(expected, columns=["A", "there", "B", "back", "other"]))


def test_other_images_have_a_grid_of_their_own() -> None:
    houses, streets = result("houses"), result("streets", dataset="streets")
    grids = [
        (f"Table: {of.card.dataset}, 64 px", grid(rows, columns=["input", of.name, "target"]))
        for of in (houses, streets)
        for rows in [columns(*((of, role) for role in ROLES))]
    ]
    np.testing.assert_array_equal(figure({"Table": [houses, streets]}, {}), side_by_side(grids, columns=2))


def test_grids_too_wide_for_a_page_stand_beneath_each_other_and_sketches_last() -> None:
    sketches = {"first": random_image(0, 40, WIDTH // 2 + 1)}
    rows = columns(*((result(), role) for role in ROLES))
    pictures = [("Table", grid(rows, columns=["input", "first", "target"])), ("first, on sketches", sketches["first"])]
    np.testing.assert_array_equal(figure({"Table": [result()]}, sketches), side_by_side(pictures, columns=1))


def test_a_figure_of_many_large_images_stays_small_enough_for_a_page() -> None:
    large = TINY["recipes"]["quick"] | {"size": 256, "load_size": 256}
    results = [result(f"a_long_name_of_an_experiment_{i}", recipe=large) for i in range(10)]
    assert figure({"": results[:1]}, {}).shape[1] == 3 * 256 + 2 * GAP
    assert WIDTH - 100 < figure({"": results}, {}).shape[1] <= WIDTH
