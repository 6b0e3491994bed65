"""Laws of the drawn cars and house fronts."""

from functools import cache
from itertools import combinations

import cv2
import numpy as np
import pytest

from pix2pix.pairs.palettes import FACADES
from pix2pix.toydata.cars import draw_car
from pix2pix.toydata.facades import draw_facade
from pix2pix.toydata.renderer import Array

SIZE, VIEWS = 64, 8
CARS = range(8)  # one of each body


@cache
def turntable(car: int) -> tuple[Array, Array]:
    """Photos (views, size, size, 3) and masks (views, size, size)."""
    photos, masks = zip(*(draw_car(car=car, view=view, views=VIEWS, size=SIZE) for view in range(VIEWS)), strict=True)
    return np.stack(photos), np.stack(masks)


@cache
def house(index: int) -> tuple[Array, Array]:
    return draw_facade(index=index)


def difference(a: Array, b: Array) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def test_the_same_arguments_give_the_same_arrays() -> None:
    first, second = (
        (*draw_car(car=3, view=5, size=100, seed=7), *draw_facade(index=3, size=100, seed=7)) for _ in range(2)
    )
    for a, b in zip(first, second, strict=True):
        assert a.shape in ((100, 100), (100, 100, 3)) and a.dtype == np.uint8
        np.testing.assert_array_equal(a, b)


def test_another_view_car_seed_or_house_is_another_picture() -> None:
    side = [turntable(car)[0][2] for car in CARS] + [draw_car(car=0, view=2, views=VIEWS, size=SIZE, seed=1)[0]]
    for pictures in ([*turntable(0)[0]], side, [house(index)[0] for index in range(10)]):
        assert min(difference(a, b) for a, b in combinations(pictures, 2)) > 1
    for a, b in combinations([turntable(car)[1][2] for car in CARS], 2):
        assert (a & b).sum() / (a | b).sum() < 0.97, "eight neighbours have eight outlines"


@pytest.mark.parametrize("car", CARS)
def test_a_car_stands_inside_the_frame_before_a_grey_backdrop(car: int) -> None:
    photos, masks = turntable(car)
    for mask in masks:
        assert set(np.unique(mask)) == {0, 1} and 0.12 < mask.mean() < 0.60
        assert not mask[[0, -1]].any() and not mask[:, [0, -1]].any()
        parts = cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA]
        assert parts.max() > 0.99 * parts.sum()
    around = photos[:, :4].reshape(-1, 3).astype(int)
    assert around.min() > 100 and around.max() < 245 and np.ptp(around, axis=1).max() < 12


def test_label_holds_only_the_twelve_colours_and_a_front() -> None:
    met = set()
    for index in range(40):
        here = {tuple(int(c) for c in colour) for colour in np.unique(house(index)[1].reshape(-1, 3), axis=0)}
        assert {FACADES[name] for name in ("background", "facade", "window", "door", "cornice")} <= here
        met |= here
    assert met == set(FACADES.values()) and len(met) == 12


def test_photo_steps_where_the_label_does() -> None:
    for index in range(20):
        photo, label = (image.astype(int) for image in house(index))
        for axis in (0, 1):
            step = np.abs(np.diff(photo, axis=axis)).mean(-1)
            border = np.diff(label, axis=axis).any(-1)
            shifted = np.roll(border, 3, axis) & ~border
            assert step[border].mean() > 1.5 * step[shifted].mean()
