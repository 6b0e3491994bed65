"""Laws of label maps: colours survive the archive's JPEG, and resizing invents no class."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pix2pix.files.images import Uint8, write_png
from pix2pix.pairs.palettes import PALETTES, VOID, decode, palette
from pix2pix.pairs.stitched import Pair, read_classes, split_sides, stitch
from tests.support.tiny import random_image

SIZE = 256
FAR = 3  # pixels from a border of classes from which on a decoded class counts


def draw_classes(seed: int) -> Uint8:
    """(SIZE, SIZE): all 12 classes of facades as boxes, ellipses and lines, from 2 pixels thin to half the picture."""
    rng = np.random.default_rng(seed)
    classes = np.full((SIZE, SIZE), rng.integers(12), np.uint8)
    for number in range(72):
        value = number % 12
        x, y = (int(v) for v in rng.integers(0, SIZE, 2))
        wide, high = (int(v) for v in rng.integers(4, 96 if number < 36 else 32, 2))
        match rng.integers(4):
            case 0:
                cv2.ellipse(classes, (x, y), (wide // 2, high // 2), int(rng.integers(180)), 0, 360, value, -1)
            case 1:
                cv2.line(classes, (x, y), (x + 2 * wide - 60, y + 2 * high - 60), value, int(rng.integers(2, 10)))
            case _:
                cv2.rectangle(classes, (x, y), (x + wide, y + high), value, -1)
    for value, corner in enumerate(rng.permutation(12)):  # none of the 12 may be covered altogether
        classes[64 * (corner // 4) + 8 :, 64 * (corner % 4) + 8 :][:20, :20] = value
    return classes


def archived(label: Uint8, *, quality: int, seed: int) -> Uint8:
    """The label as it comes out of an archive's JPEG, where it stood beside a photo, colours at half resolution."""
    photo = cv2.GaussianBlur(random_image(seed, SIZE, SIZE), (0, 0), 2)
    file = io.BytesIO()
    Image.fromarray(stitch(np.asarray(photo, np.uint8), label)).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    _, side = split_sides(np.asarray(Image.open(file)))
    return side


def away_from_borders(classes: Uint8) -> np.ndarray:
    """Whether all pixels within FAR are of one class; the picture's own edge is no border."""
    window = np.ones((2 * FAR + 1, 2 * FAR + 1), np.uint8)
    return np.asarray(cv2.erode(classes, window) == cv2.dilate(classes, window))


@pytest.mark.parametrize("quality", [75, 80, 85, 90])
def test_labels_survive_the_archives_compression(quality: int) -> None:
    right, counted = [], []
    for seed in range(12):
        classes = draw_classes(seed)
        assert len(np.unique(classes)) == 12
        decoded = decode(archived(palette("facades")[classes], quality=quality, seed=seed), "facades")
        far = away_from_borders(classes)
        right.append((decoded == classes)[far].sum())
        counted.append(far.sum())
    worst = min(r / n for r, n in zip(right, counted, strict=True))
    print(f"quality {quality}: {sum(right) / sum(counted):.4%} of {sum(counted)} pixels, worst image {worst:.4%}")
    assert min(counted) > 0.15 * SIZE * SIZE
    assert worst >= 0.99


def test_what_cityscapes_paints_but_does_not_evaluate_is_void() -> None:
    image = np.array([VOID["cityscapes"]], np.uint8)
    assert set(decode(image, "cityscapes")[0]) == {list(PALETTES["cityscapes"]).index("void")}


@pytest.mark.parametrize("name", PALETTES)
def test_palette_colours_decode_to_their_classes(name: str) -> None:
    colours = palette(name)
    assert len(np.unique(colours, axis=0)) == len(colours) == len(PALETTES[name])
    classes = np.random.default_rng(0).integers(0, len(colours), (40, 50)).astype(np.uint8)
    assert np.array_equal(decode(colours[classes], name), classes)


@pytest.mark.parametrize("name", PALETTES)
def test_nearest_is_nearest(name: str) -> None:
    image, colours = random_image(0, 70, 90), np.array([*PALETTES[name].values(), *VOID.get(name, [])])
    squares = (image[:, :, None].astype(np.int64) - colours.astype(np.int64)) ** 2
    assert np.array_equal(decode(image, name), squares.sum(-1).argmin(-1).clip(max=len(PALETTES[name]) - 1))


@pytest.mark.parametrize("size", [32, 64, 100, 128, 256])
def test_resizing_invents_no_class(tmp_path: Path, size: int) -> None:
    """Background and shop touch: half-way between their colours others lie, which must not appear."""
    colours = palette("facades")
    classes = np.where(draw_classes(0) % 2, 0, 11).astype(np.uint8)
    write_png(tmp_path / "1.png", stitch(random_image(0, SIZE, SIZE), colours[classes]))
    read = read_classes(Pair("1", "train", "1", tmp_path / "1.png"), "facades", size=size)
    assert read.shape == (size, size) and read.dtype == np.uint8
    assert set(np.unique(read)) == {0, 11}
    if size == SIZE:
        assert np.array_equal(read, classes)
