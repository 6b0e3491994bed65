"""Laws of label maps: the nearest colour decides, so that classes survive the archive's JPEG."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pix2pix.pairs.palettes import PALETTES, VOID, decode, palette
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
