"""Laws of label maps: the nearest colour decides, so that classes survive the archive's JPEG."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pix2pix.pairs.palettes import PALETTES, VOID, check_label_map, decode, from_numbers, is_void, palette
from pix2pix.pairs.stitched import split_sides, stitch
from pix2pix.toydata.facades import draw_facade
from tests.support.tiny import random_image

FAR = np.ones((7, 7), np.uint8)  # 3 pixels from a border of classes a decoded class counts


@pytest.mark.parametrize("quality", [75, 90])
def test_labels_survive_the_archives_compression(quality: int) -> None:
    """Beside a photo, colours at half resolution."""
    for index in range(12):
        photo, label = draw_facade(index=index, size=256)
        file = io.BytesIO()
        Image.fromarray(stitch(photo, label)).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        classes, archived = decode(label, "facades"), split_sides(np.asarray(Image.open(file)))[1]
        far = np.asarray(cv2.erode(classes, FAR) == cv2.dilate(classes, FAR))
        assert far.mean() > 0.15 and (decode(archived, "facades") == classes)[far].mean() >= 0.99


def test_what_cityscapes_paints_but_does_not_evaluate_is_void() -> None:
    image = np.array([VOID["cityscapes"]], np.uint8)
    assert set(decode(image, "cityscapes")[0]) == {list(PALETTES["cityscapes"]).index("void")}


@pytest.mark.parametrize("name", PALETTES)
def test_nearest_is_nearest(name: str) -> None:
    assert len(np.unique(palette(name), axis=0)) == len(PALETTES[name])
    image, colours = random_image(0, 70, 90), np.array([*PALETTES[name].values(), *VOID.get(name, [])])
    squares = (image[:, :, None].astype(np.int64) - colours.astype(np.int64)) ** 2
    assert np.array_equal(decode(image, name), squares.sum(-1).argmin(-1).clip(max=len(PALETTES[name]) - 1))


def as_jpeg(image: np.ndarray, quality: int = 90) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


CLASSES = np.kron(np.random.default_rng(0).integers(0, 12, (8, 8)), np.ones((8, 8), int)).astype(np.uint8)
LABEL = palette("facades")[CLASSES]
HOLES = np.where((CLASSES[0, 0] == CLASSES)[..., None], 255, LABEL).astype(np.uint8)
NO_LABEL_MAPS = {
    "class numbers": (CLASSES[..., None].repeat(3, 2) + np.uint8(1), "facades", "class numbers 1 to 12"),
    "class numbers as JPEG": (as_jpeg(np.stack([CLASSES, CLASSES, CLASSES + 1], 2)), "facades", "class numbers 0 to"),
    "train ids": (CLASSES[..., None].repeat(3, 2), "cityscapes", "class numbers 0 to 11"),
    "another palette": (palette("cityscapes")[CLASSES], "facades", "it is in the colours of cityscapes"),
    "the other palette": (LABEL, "cityscapes", "it is in the colours of facades"),
    "noise": (random_image(0), "facades", "is it the photo"),
    "a photo": (draw_facade(index=0, size=128)[0], "facades", "is it the photo"),
    "a photo, grey as a street": (
        as_jpeg(draw_facade(index=0, size=128)[0]),
        "cityscapes",
        "the photo",
    ),
    "red and blue exchanged, as JPEG": (as_jpeg(draw_facade(index=0, size=128)[1][..., ::-1].copy()), "facades", ""),
    "ones alone": (np.ones((32, 32, 3), np.uint8), "cityscapes", "class numbers 1 to 1"),
    "a transparent class": (HOLES, "facades", "transparent pixels"),
}


@pytest.mark.parametrize("kind", NO_LABEL_MAPS)
def test_what_is_no_label_map_is_refused_with_what_it_looks_like(kind: str) -> None:
    image, name, looks = NO_LABEL_MAPS[kind]
    with pytest.raises(ValueError, match=rf"^x\.png: not a label map in the colours of {name} .*{looks}"):
        check_label_map(image, name, Path("x.png"))


@pytest.mark.parametrize("colours", [VOID["cityscapes"], [(0, 0, 0)], [(250, 170, 160), (0, 0, 0)]])
def test_a_map_of_void_alone_is_a_label_map_that_says_nothing(colours: list[tuple[int, int, int]]) -> None:
    void = np.array(colours, np.uint8)[np.arange(64).reshape(8, 8).repeat(8, 0).repeat(8, 1) % len(colours)]
    check_label_map(void, "cityscapes", Path("x"))
    assert is_void(void, "cityscapes") and not is_void(LABEL, "facades")


@pytest.mark.parametrize("quality", [60, 75, 95])
@pytest.mark.parametrize("size", [64, 256])
def test_a_label_map_passes_also_after_the_archives_compression(size: int, quality: int) -> None:
    for index in range(5):
        photo, label = draw_facade(index=index, size=size)
        file = io.BytesIO()
        Image.fromarray(stitch(photo, label)).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        for image in (label, split_sides(np.asarray(Image.open(file)))[1]):
            check_label_map(image, "facades", Path("x"))


@pytest.mark.parametrize("quality", [60, 90, 100])
@pytest.mark.parametrize("name", PALETTES)
def test_a_label_map_of_two_classes_passes_as_jpeg_of_few_colours(name: str, quality: int) -> None:
    label = palette(name)[np.arange(64).repeat(64).reshape(64, 64).T // 19 % 2 + 2]
    check_label_map(as_jpeg(label, quality), name, Path("x"))


@pytest.mark.parametrize(
    ("name", "numbering", "number", "expected"),
    [
        ("facades", "from_0", 0, "background"),
        ("facades", "from_1", 12, "shop"),
        ("cityscapes", "from_0", 18, "bicycle"),
        ("cityscapes", "from_0", 255, "void"),
        ("cityscapes", "cityscapes_ids", 7, "road"),
        ("cityscapes", "cityscapes_ids", 33, "bicycle"),
        ("cityscapes", "cityscapes_ids", 0, "void"),
        ("facades", "from_1", 0, None),
        ("facades", "from_0", 12, None),
    ],
)
def test_class_numbers_become_colours_or_are_refused(
    name: str, numbering: str, number: int, expected: str | None
) -> None:
    numbers = np.full((2, 3), number, np.uint8)
    if expected is None:
        with pytest.raises(ValueError, match=rf"^x: the number {number} is no class of facades, whose classes are"):
            from_numbers(numbers, name, numbering, Path("x"))
    else:
        colours = from_numbers(numbers, name, numbering, Path("x"))
        assert colours.shape == (2, 3, 3) and (colours == PALETTES[name][expected]).all()
