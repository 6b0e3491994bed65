"""Laws of grids: what goes in comes out again, pixel for pixel, and fixed images are the same for everyone."""

import numpy as np
import pytest

from pix2pix.files.image_grid import grid, spread, tiles
from tests.support.tiny import random_image


@pytest.mark.parametrize(("rows", "across"), [(1, 1), (3, 1), (1, 2), (2, 2), (3, 2), (10, 2), (7, 3)])
@pytest.mark.parametrize("size", [(64, 64), (40, 70)])
@pytest.mark.parametrize("columns", [["input"], ["input", "generated", "an_experiment_with_a_very_long_name"]])
def test_a_grid_cut_up_is_what_it_was_made_of(
    rows: int, across: int, size: tuple[int, int], columns: list[str]
) -> None:
    images = [[random_image(10 * y + x, *size) for x in range(len(columns))] for y in range(rows)]
    picture = grid(images, columns=columns, across=across)
    np.testing.assert_array_equal(tiles(picture, rows=rows, columns=len(columns), size=size, across=across), images)


def test_labels_at_the_left_do_not_matter() -> None:
    images = [[random_image(0)], [random_image(1)]]
    picture = grid(images, columns=["x"], labels=["best\n0.5", "the worst of all"])
    np.testing.assert_array_equal(tiles(picture, rows=2, columns=1, size=(64, 64)), images)


@pytest.mark.parametrize("wrong", [{"rows": 4}, {"columns": 3}, {"size": (128, 128)}, {"size": (60, 64)}])
def test_a_picture_that_is_no_such_grid_is_refused(wrong: dict[str, int]) -> None:
    picture = grid([[random_image(0)] * 2] * 3, columns=["a", "b"])
    with pytest.raises(ValueError, match=r"a picture of 132 x 226 pixels is not a grid of"):
        tiles(picture, **({"rows": 3, "columns": 2, "size": (64, 64)} | wrong))  # type: ignore[arg-type]


def test_every_row_fills_every_column() -> None:
    with pytest.raises(ValueError, match="each row must have 2 images: a, b"):
        grid([[random_image(0)]], columns=["a", "b"])


def test_fixed_images_are_spread_from_first_to_last() -> None:
    assert spread(4, of=10) == [0, 3, 6, 9]
    assert spread(10, of=3) == [0, 1, 2]
    assert spread(4, of=1) == [0]
