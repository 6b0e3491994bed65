"""Laws of line drawings: black on white, repeatable, and a doodle is simpler than all edges."""

import cv2
import numpy as np
import pytest

from pix2pix.files.images import Uint8
from pix2pix.pairs.edges import canny, difference_of_gaussians, doodle


@pytest.fixture
def car() -> tuple[Uint8, Uint8]:
    """A dark car-like thing on white with two windows and a grille of thin bars, and its coverage, both 256 wide."""
    image = np.full((256, 256, 3), 255, np.uint8)
    coverage = np.zeros((256, 256), np.uint8)
    cv2.rectangle(coverage, (20, 110), (235, 180), 255, -1)
    cv2.ellipse(coverage, (128, 110), (80, 45), 0, 180, 360, 255, -1)
    image[coverage > 0] = (70, 30, 30)
    for left, right in ((82, 120), (136, 174)):
        cv2.rectangle(image, (left, 86), (right, 108), (15, 15, 20), -1)
    for x in range(40, 220, 6):
        cv2.line(image, (x, 150), (x, 158), (240, 240, 240), 1)
    return image, coverage


def draw_doodle(image: Uint8, coverage: Uint8, *, min_length: int = 30, width: int = 2) -> Uint8:
    return doodle(image, coverage, smoothing=2.0, low=40, high=110, min_length=min_length, width=width)


def draw_canny(image: Uint8) -> Uint8:
    return canny(image, blur_sigma=1.0, low=40, high=110)


def draw_pencil(image: Uint8, *, threshold: float = 4.0) -> Uint8:
    return difference_of_gaussians(image, sigma=1.0, threshold=threshold)


def components(lines: Uint8) -> int:
    return cv2.connectedComponents(255 - lines[..., 0])[0] - 1


def test_lines_are_black_on_white_and_repeat(car: tuple[Uint8, Uint8]) -> None:
    for lines, again in zip(
        *[(draw_canny(car[0]), draw_doodle(*car), draw_pencil(car[0])) for _ in range(2)], strict=True
    ):
        assert np.array_equal(lines, again)
        assert lines.shape == (256, 256, 3) and lines.dtype == np.uint8
        assert set(np.unique(lines)) == {0, 255} and 0.01 < (lines == 0).mean() < 0.2


def test_a_doodle_has_fewer_lines_than_canny_but_keeps_windows(car: tuple[Uint8, Uint8]) -> None:
    assert components(draw_canny(car[0])) > 20
    assert components(draw_doodle(*car)) == 3  # the outline and two windows


def test_a_doodle_outline_is_closed(car: tuple[Uint8, Uint8]) -> None:
    paper = np.ascontiguousarray(draw_doodle(*car, width=1)[..., 0])
    cv2.floodFill(paper, None, (0, 0), 128)  # paint from outside never gets into the car
    assert (paper[cv2.erode(car[1], np.ones((11, 11), np.uint8)) > 0] != 128).all()


def test_a_white_car_still_has_an_outline(car: tuple[Uint8, Uint8]) -> None:
    white = np.full_like(car[0], 255)
    assert (draw_canny(white) == 255).all()
    assert components(draw_doodle(white, car[1], min_length=10_000)) == 1


def test_a_pencil_draws_on_the_dark_side_and_less_with_a_higher_threshold() -> None:
    step = np.full((64, 64, 3), 255, np.uint8)
    step[:, 32:] = 60
    (columns,) = np.nonzero((draw_pencil(step)[..., 0] == 0).all(axis=0))
    assert columns.tolist() == [*range(32, 32 + len(columns))] and 1 <= len(columns) <= 4
    assert (draw_pencil(step, threshold=80.0) == 255).all()


def test_pen_width_is_in_pixels(car: tuple[Uint8, Uint8]) -> None:
    counts = [(draw_doodle(*car, width=width) == 0).sum() for width in (1, 2, 4)]
    assert counts[0] * 1.5 < counts[1] and counts[1] * 1.4 < counts[2]


def test_nothing_to_draw_is_a_white_page() -> None:
    blank = np.full((64, 64, 3), 255, np.uint8)
    assert (draw_doodle(blank, np.zeros((64, 64), np.uint8)) == 255).all()
