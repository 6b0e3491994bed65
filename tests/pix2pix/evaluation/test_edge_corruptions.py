"""Laws of drawings drawn worse: black on white, a function of seed and strength, and no stronger than they say."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pix2pix.evaluation.edge_corruptions import bold, broken, corruptions, jittered, thinned
from pix2pix.files.images import Uint8, read_image
from tests.support.repository import REPO

WAYS: dict[str, Callable[[Uint8, float, int], Uint8]] = {
    "thinned": lambda drawing, strength, seed: thinned(drawing, share=strength / 10, seed=seed),
    "broken": lambda drawing, strength, seed: broken(drawing, gap=int(strength), every=60, seed=seed),
    "jittered": lambda drawing, strength, seed: jittered(drawing, reach=strength, seed=seed),
    "bold": lambda drawing, strength, seed: bold(drawing, by=int(strength)),
}


@pytest.fixture
def drawing() -> Uint8:
    return read_image(REPO / "sketches/cars/hatchback.png")


def lines(drawing: Uint8) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((drawing == 0).all(2))


@pytest.mark.parametrize("way", WAYS)
def test_strength_zero_is_the_drawing_itself(drawing: Uint8, way: str) -> None:
    assert np.array_equal(WAYS[way](drawing, 0, 1), drawing)


@pytest.mark.parametrize("way", WAYS)
def test_every_strength_corrupts_black_on_white_in_the_same_size(drawing: Uint8, way: str) -> None:
    before = drawing.copy()
    corrupted = WAYS[way](drawing, 5, 1)
    assert corrupted.shape == drawing.shape and corrupted.dtype == np.uint8
    assert set(np.unique(corrupted)) == {0, 255} and (corrupted != drawing).any()
    assert 0.2 * lines(drawing).mean() < lines(corrupted).mean() < 0.4  # white paper stays white
    assert np.array_equal(drawing, before)


@pytest.mark.parametrize("way", ["thinned", "broken", "jittered"])
def test_one_seed_one_result_and_another_another(drawing: Uint8, way: str) -> None:
    corrupted = WAYS[way](drawing, 5, 1)
    assert np.array_equal(corrupted, WAYS[way](drawing, 5, 1))
    assert (corrupted != WAYS[way](drawing, 5, 2)).any()


@pytest.mark.parametrize("way", ["thinned", "broken"])
def test_what_is_left_out_was_there_and_nothing_is_added(drawing: Uint8, way: str) -> None:
    kept = [lines(WAYS[way](drawing, strength, 1)) for strength in (3, 7)]
    assert all((k <= lines(drawing)).all() for k in kept)
    assert lines(drawing).sum() > kept[0].sum() > kept[1].sum() > 0


def test_thinning_leaves_out_its_share_of_the_strokes() -> None:
    dashes = np.full((320, 320, 3), 255, np.uint8)
    dashes[8::32, 8:330:32] = 0  # a dot in each of 100 cells, wherever the cells begin
    assert lines(thinned(dashes, share=0.4, seed=3)).sum() == 60
    assert not lines(thinned(dashes, share=1, seed=3)).any()


@pytest.mark.parametrize("reach", [2, 4, 9.5])
def test_jitter_moves_no_pixel_further_than_its_reach(drawing: Uint8, reach: float) -> None:
    moved = lines(jittered(drawing, reach=reach, seed=1))
    distance = cv2.distanceTransform((~lines(drawing)).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert reach / 2 < distance[moved].max() <= reach + 1e-3


def test_a_bold_pen_is_wider_by_so_many_pixels() -> None:
    page = np.full((64, 64, 3), 255, np.uint8)
    page[30, 10:50] = 0
    for by in (1, 2, 3):
        assert lines(bold(page, by=by))[:, 30].sum() == 1 + by


def test_an_empty_page_stays_empty() -> None:
    page = np.full((64, 48, 3), 255, np.uint8)
    assert all(np.array_equal(corrupted, page) for corrupted in corruptions(page, seed=0).values())


def test_all_ways_differ_and_the_first_is_the_drawing(drawing: Uint8) -> None:
    ways = list(corruptions(drawing, seed=0).values())
    assert np.array_equal(ways[0], drawing)
    assert len({way.tobytes() for way in ways}) == len(ways) == 6
