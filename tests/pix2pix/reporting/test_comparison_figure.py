"""Laws of a study's figure: a row an experiment, a block a set of images, no wider than a page, nothing too small."""

import numpy as np
import pytest

from pix2pix.files.image_grid import GAP
from pix2pix.files.images import Uint8, resize
from pix2pix.reporting.comparison_figure import IMAGES, WIDTH, figure
from pix2pix.reporting.experiment_result import ExperimentResult
from tests.support.results import result
from tests.support.tiny import TINY, random_image

SMALL = 128  # of images of 64 pixels


@pytest.fixture(autouse=True)
def images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results show random images, each result its own."""
    monkeypatch.setattr(ExperimentResult, "shown", shown)


def shown(of: ExperimentResult, count: int) -> list[tuple[Uint8, ...]]:
    size = of.card.recipe.size
    seed = 100 * sum(of.name.encode())
    return [tuple(random_image(seed + 10 * x + i, size, size) for i in range(count)) for x in range(3)]


def rows(picture: Uint8, count: int) -> list[Uint8]:
    """The first rows of a block of small images, without their names."""
    width = IMAGES * (SMALL + GAP) - GAP
    return [picture[y * (SMALL + GAP) : y * (SMALL + GAP) + SMALL, -width:] for y in range(count)]


def row(of: ExperimentResult, side: str) -> Uint8:
    gap = np.full((SMALL, GAP, 3), 255, np.uint8)
    tiles = shown(of, IMAGES)[("source", "generated", "target").index(side)]
    parts = [part for tile in tiles for part in (resize(tile, width=SMALL, height=SMALL), gap)]
    return np.concatenate(parts[:-1], axis=1)


def test_rows_are_input_experiments_and_target_and_a_seed_stands_for_all() -> None:
    first, mean = result("first"), result("first_mean", model={"kind": "mean"})
    picture = figure({"": [first, result("first_seed1", seed=1), mean]}, {})
    assert picture.shape[0] == 4 * (SMALL + GAP) - GAP
    expected = [row(first, "source"), row(first, "generated"), row(mean, "generated"), row(first, "target")]
    np.testing.assert_array_equal(rows(picture, 4), expected)
    renamed = figure({"": [first, result("mean", model={"kind": "mean"})]}, {})
    margin = picture.shape[1] - rows(picture, 1)[0].shape[1]
    np.testing.assert_array_equal(picture[:, :margin], renamed[:, :margin], "it is called the mean photo")


def test_both_directions_stand_in_one_block() -> None:
    there, back = result("there", direction="AtoB"), result("back")
    other = result("other", recipe=TINY["recipes"]["quick"] | {"l1_weight": 10.0})
    expected = [(there, "source"), (there, "generated"), (back, "source"), (back, "generated"), (other, "generated")]
    picture = figure({"": [back, there, other]}, {})
    assert picture.shape[0] == 5 * (SMALL + GAP) - GAP
    np.testing.assert_array_equal(rows(picture, 5), [row(*given) for given in expected])


def test_other_images_have_a_block_of_their_own_and_sketches_come_last() -> None:
    houses, streets, sketch = result("houses"), result("streets", dataset="streets"), random_image(0, 40, 90)
    alone = [figure({"": [one]}, {}) for one in (houses, streets)]
    picture = figure({"Table": [houses, streets]}, {"houses": sketch})
    title, between = 40, 4 * GAP
    top = 0
    for block in (*alone, sketch):
        top += title
        np.testing.assert_array_equal(picture[top : top + block.shape[0], : block.shape[1]], block)
        assert picture[top - title : top].min() < 100, "a title"
        top += block.shape[0] + between
    assert picture.shape[0] == top - between


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_a_figure_fits_a_page_with_captions_unbroken_and_images_large_enough(size: int) -> None:
    recipes = [
        TINY["recipes"]["quick"] | {"size": size, "load_size": size, "l1_weight": float(weight)} for weight in range(12)
    ]
    results = [result(f"a_long_name_of_an_experiment_{i:02}", recipe=recipe) for i, recipe in enumerate(recipes)]
    height, width, _ = figure({"": results}, {}).shape
    assert WIDTH - 256 - GAP < width <= WIDTH or size < 256
    assert height == 14 * (min(max(size, 128), 256) + GAP) - GAP
