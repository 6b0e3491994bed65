"""Laws of the drawn cars and house fronts."""

import random
from dataclasses import replace
from functools import cache
from itertools import combinations

import cv2
import numpy as np
import pytest

from pix2pix.pairs.palettes import FACADES
from pix2pix.toydata import cars as drawn_cars
from pix2pix.toydata.car_bodies import identify
from pix2pix.toydata.cars import draw_car
from pix2pix.toydata.facades import draw_facade
from pix2pix.toydata.studio import Array

SIZE, VIEWS = 64, 16
CARS = range(8)  # one of each body


@cache
def turntable(car: int) -> tuple[Array, Array]:
    """Photos (views, size, size, 3) and masks (views, size, size)."""
    photos, masks = zip(*(draw_car(car=car, view=view, size=SIZE) for view in range(VIEWS)), strict=True)
    return np.stack(photos), np.stack(masks)


@pytest.mark.parametrize("size", [64, 100, 256])
def test_shapes_types_and_ranges(size: int) -> None:
    photo, mask = draw_car(car=0, view=1, size=size)
    assert mask.shape == (size, size) and mask.dtype == np.uint8
    for image in (photo, *draw_facade(index=0, size=size)):
        assert image.shape == (size, size, 3) and image.dtype == np.uint8


def test_same_arguments_give_the_same_arrays() -> None:
    for first, second in (
        (draw_car(car=3, view=5, size=SIZE, seed=7), draw_car(car=3, view=5, size=SIZE, seed=7)),
        (draw_facade(index=3, seed=7), draw_facade(index=3, seed=7)),
    ):
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_drawing_leaves_global_random_state_alone() -> None:
    python, (_, numpy_keys, numpy_position, *_) = random.getstate(), np.random.get_state(legacy=True)
    draw_car(car=1, view=1, size=SIZE)
    draw_facade(index=1)
    (_, keys, position, *_) = np.random.get_state(legacy=True)
    assert random.getstate() == python
    assert position == numpy_position and np.array_equal(keys, numpy_keys)


def test_another_view_car_or_seed_is_another_picture() -> None:
    photos, _ = turntable(0)
    side = [turntable(car)[0][4] for car in CARS] + [draw_car(car=0, view=4, size=SIZE, seed=1)[0]]
    for pictures in (list(photos), side):
        for a, b in combinations(pictures, 2):
            assert np.abs(a.astype(int) - b).mean() > 1


def test_eight_neighbours_have_eight_outlines() -> None:
    for a, b in combinations([turntable(car)[1][4] for car in CARS], 2):
        assert (a & b).sum() / (a | b).sum() < 0.97


def test_a_view_is_an_angle() -> None:
    for a, b in zip(draw_car(car=2, view=3, views=8), draw_car(car=2, view=6, views=16), strict=True):
        assert np.abs(a.astype(int) - b).mean() < 2  # all but the film's grain


@pytest.mark.parametrize("car", CARS)
def test_mask_is_one_car_inside_the_frame(car: int) -> None:
    for mask in turntable(car)[1]:
        assert set(np.unique(mask)) == {0, 1}
        assert 0.12 < mask.mean() < 0.60
        assert not mask[[0, -1]].any() and not mask[:, [0, -1]].any()
        parts = cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA]
        assert parts.max() > 0.99 * parts.sum()


@pytest.mark.parametrize("car", CARS)
def test_backdrop_is_grey_and_not_white(car: int) -> None:
    photos, _ = turntable(car)
    around = photos[:, :4].reshape(-1, 3).astype(int)
    assert around.min() > 100 and around.max() < 245
    assert np.ptp(around, axis=1).max() < 12


def test_a_car_keeps_its_colour_all_round() -> None:
    checked = 0
    for car in range(16):
        hues = []
        for photo, mask in zip(*turntable(car), strict=True):
            hue, saturation, value = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)[mask == 1].astype(np.float64).T
            painted = (saturation > 110) & (value > 60)
            if painted.mean() > 0.25:
                angle = hue[painted] * np.pi / 90
                hues.append(np.arctan2(np.median(np.sin(angle)), np.median(np.cos(angle))))
        if len(hues) == VIEWS:  # greys have no hue
            spread = np.angle(np.exp(1j * (np.array(hues) - hues[0])))
            assert np.degrees(np.abs(spread).max()) < 12
            checked += 1
    assert checked >= 5


def test_label_holds_only_the_twelve_colours_and_a_front() -> None:
    colours = {colour for colour in FACADES.values()}
    assert len(colours) == len(FACADES) == 12
    met = set()
    for index in range(40):
        _, label = draw_facade(index=index, size=SIZE + index)
        here = {tuple(int(c) for c in colour) for colour in np.unique(label.reshape(-1, 3), axis=0)}
        assert {FACADES[name] for name in ("background", "facade", "window", "door", "cornice")} <= here
        met |= here
    assert met == colours


def test_photo_steps_where_the_label_does() -> None:
    for index in range(20):
        photo, label = (image.astype(int) for image in draw_facade(index=index))
        for axis in (0, 1):
            step = np.abs(np.diff(photo, axis=axis)).mean(-1)
            border = np.diff(label, axis=axis).any(-1)
            shifted = np.roll(border, 3, axis) & ~border
            assert step[border].mean() > 1.5 * step[shifted].mean()


def test_houses_differ() -> None:
    for a, b in combinations([draw_facade(index=index) for index in range(10)], 2):
        assert not np.array_equal(a[1], b[1]) and np.abs(a[0].astype(int) - b[0]).mean() > 5


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="view 16 of 16"):
        draw_car(car=0, view=16)
    with pytest.raises(ValueError, match="32"):
        draw_facade(index=0, size=32)


def test_a_painted_roof_is_painted_and_only_the_roof() -> None:
    identities = ((car, seed, identify(car=car, seed=seed)) for seed in range(9) for car in CARS)
    car, seed, identity = next(found for found in identities if found[2].roof and found[2].paint != found[2].roof)
    plain = replace(identity, roof="")
    with pytest.MonkeyPatch.context() as patch:
        photos = []
        for drawn in (identity, plain):
            patch.setattr(drawn_cars, "identify", lambda *, car, seed, drawn=drawn: drawn)
            photos.append(draw_car(car=car, view=4, size=SIZE, seed=seed))
    (painted, mask), (unpainted, same) = photos
    changed = (painted != unpainted).any(2)
    assert np.array_equal(mask, same) and not changed[cv2.dilate(mask, np.ones((3, 3))) == 0].any()
    rows = np.nonzero(mask.any(1))[0]
    where = np.nonzero(changed.any(1))[0]
    assert where.size and where.max() < rows.mean(), "in the upper half of the car"
