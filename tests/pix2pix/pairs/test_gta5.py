"""Laws of game frames: neighbours stay in one split, labels keep their colours, misfits are named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config.datasets import Gta5Layout
from pix2pix.files.images import read_image, write_png
from pix2pix.pairs.gta5 import Frame, find_frames, split_frames, squeeze
from pix2pix.pairs.palettes import decode, palette
from stages.prepare import prepare
from tests.support.tiny import random_image

LAYOUT = Gta5Layout(layout="gta5", size=64, block=2, gap=0, hold_out=1, seed=0)


def frame(number: int) -> Frame:
    return Frame(f"{number:05d}", Path(f"images/{number:05d}.png"), Path(f"labels/{number:05d}.png"))


def numbers(frames: list[tuple[str, str, Frame]], split: str) -> set[int]:
    return {frame.number for name, _, frame in frames if name == split}


@pytest.mark.parametrize("gap", [0, 1, 5])
@pytest.mark.parametrize("seed", range(4))
def test_neighbours_do_not_fall_in_two_splits(gap: int, seed: int) -> None:
    frames = [frame(number) for number in range(1, 401) if number % 7]  # as there, with numbers missing
    split = split_frames(frames, block=20, gap=gap, hold_out=4, seed=seed)
    train, val = numbers(split, "train"), numbers(split, "val")
    assert min(abs(a - b) for a in train for b in val) > gap
    blocks = {name: {block for s, block, _ in split if s == name} for name in ("train", "val")}
    assert len(blocks["train"]) == 16 and len(blocks["val"]) == 4 and not blocks["train"] & blocks["val"]
    assert len(train) + len(val) >= len(frames) - 4 * 2 * gap


def test_adding_frames_moves_at_most_one_block() -> None:
    frames = [frame(number) for number in range(1, 201)]
    for count in range(60, 200, 20):
        before, after = (split_frames(frames[:n], block=20, gap=0, hold_out=2, seed=1) for n in (count, count + 20))
        assert len(numbers(before, "val") & numbers(after, "train")) in (0, 20)


def test_somebody_must_be_left_on_both_sides() -> None:
    frames = [frame(number) for number in range(1, 41)]
    with pytest.raises(ValueError, match="hold_out is 2, but there are only 2 blocks of 20 frames"):
        split_frames(frames, block=20, gap=0, hold_out=2, seed=0)
    with pytest.raises(ValueError, match="gap is 20: no frame of val is that far from train"):
        split_frames(frames, block=20, gap=20, hold_out=1, seed=0)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Four frames of noise, 96 x 80, labels as palette PNGs of noise."""
    for kind in ("images", "labels"):
        (tmp_path / "raw" / kind).mkdir(parents=True)
    for number in range(1, 5):
        write_png(tmp_path / f"raw/images/{number:05d}.png", random_image(number, 80, 96))
        classes = Image.fromarray(np.random.default_rng(number).integers(0, 20, (80, 96)).astype(np.uint8), mode="P")
        classes.putpalette(palette("cityscapes").reshape(-1).tolist())
        classes.save(tmp_path / f"raw/labels/{number:05d}.png")
    return tmp_path / "raw"


def test_photo_is_averaged_and_label_colours_never_blend(raw: Path) -> None:
    for found in find_frames(raw):
        photo, label = squeeze(found, size=40)
        assert photo.shape == label.shape == (40, 40, 3)
        assert abs(photo.mean() - read_image(found.image).mean()) < 1  # the mean of noise survives averaging,
        assert photo.std() < 0.7 * read_image(found.image).std()  # and its spread does not
        colours = palette("cityscapes")
        assert np.array_equal(colours[decode(label, "cityscapes")], label)


def other_size(path: Path) -> None:
    write_png(path, random_image(9, 80, 94))


def grey(path: Path) -> None:
    Image.new("L", (96, 80), 7).save(path)


BAD: list[tuple[str, Callable[[Path], object], str]] = [
    ("images/00002.png", Path.unlink, "labels/00002.png: has no image"),
    ("labels/00002.png", Path.unlink, "images/00002.png: has no label"),
    ("labels/00003.png", other_size, "labels/00003.png: is 94 x 80 pixels, but its photo"),
    ("labels/00003.png", grey, "labels/00003.png: holds grey levels"),
    ("images/00004.png", lambda path: path.write_bytes(path.read_bytes()[:900]), "images/00004.png: not a readable"),
    ("images/5.png", Path.touch, "images/5.png: only files named NNNNN.png"),
    ("labels/split.mat", Path.touch, "labels/split.mat: only files named NNNNN.png"),
]


@pytest.mark.parametrize(("where", "spoil", "named"), BAD)
def test_bad_frame_is_named(raw: Path, where: str, spoil: Callable[[Path], object], named: str) -> None:
    spoil(raw / where)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as refused:
        prepare(layout=LAYOUT, raw=raw, out=raw.parent / "pairs")
    assert named in str(refused.value)
    assert sorted(p.name for p in raw.parent.iterdir()) == ["raw"]
