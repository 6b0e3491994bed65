"""Laws of game frames: labels keep their colours, and bad frames are named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.files.images import read_image, write_png
from pix2pix.pairs.gta5 import find_frames, resize_frame
from pix2pix.pairs.palettes import decode, palette
from tests.support.image_cases import with_palette
from tests.support.tiny import random_image


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Four frames of noise, 96 x 80; their labels are palette PNGs of noise."""
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    for number in range(1, 5):
        write_png(tmp_path / f"images/{number:05d}.png", random_image(number, 80, 96))
        classes = np.random.default_rng(number).integers(0, 20, (80, 96)).astype(np.uint8)
        with_palette(classes, palette("cityscapes")).save(tmp_path / f"labels/{number:05d}.png")
    return tmp_path


def test_photo_is_averaged_and_label_colours_never_blend(raw: Path) -> None:
    frames, left_out = find_frames(raw, block=2, gap=0, hold_out=1, seed=0)
    assert len(frames) == 4 and left_out == 0 and [frame.group for frame in frames] == ["0", "0", "1", "1"]
    for frame in frames:
        photo, label = resize_frame(*frame.files, size=40)
        whole = read_image(frame.files[0])
        assert photo.shape == label.shape == (40, 40, 3)
        assert abs(photo.mean() - whole.mean()) < 1 and photo.std() < 0.7 * whole.std()
        colours = palette("cityscapes")
        assert np.array_equal(colours[decode(label, "cityscapes")], label)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: write_png(path, random_image(9, 80, 94)), "is 94 x 80 pixels, but its photo .* 96 x 80"),
        (lambda path: Image.new("L", (96, 80), 7).save(path), "holds grey levels"),
        (lambda path: write_png(path, random_image(9, 80, 96)), "at least 4096 colours, at most 256 in a label"),
    ],
)
def test_a_bad_label_is_named(raw: Path, spoil: Callable[[Path], object], says: str) -> None:
    files = raw / "images/00003.png", raw / "labels/00003.png"
    spoil(files[1])
    with pytest.raises(ValueError, match=f"^{files[1]}: {says}"):
        resize_frame(*files, size=64)
