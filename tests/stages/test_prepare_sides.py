"""Laws of prepare: A and B belong together: one rotation, one name, a label map as promised, something to see."""

import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from pix2pix.config.layouts import (
    FoldersLayout,
)
from pix2pix.files import images
from pix2pix.files.images import read_image
from pix2pix.pairs.palettes import palette
from pix2pix.pairs.stitched import read_pairs, read_sides, split_sides
from stages import prepare as verb
from stages.prepare import prepare
from tests.support.raw_trees import LAYOUTS, refusal, write_image
from tests.support.tiny import random_image


def test_a_composed_letter_and_a_decomposed_one_are_one_name(tmp_path: Path) -> None:
    write_image(tmp_path / "raw/train/A/\u00e9.png", seed=0)
    write_image(tmp_path / "raw/train/B/e\u0301.png", seed=1)
    prepare(layout=LAYOUTS["folders"], raw=tmp_path / "raw", out=tmp_path / "pairs")
    assert [pair.id for pair in read_pairs(tmp_path / "pairs", "train")] == ["\u00e9"]


def write_turned(path: Path, image: np.ndarray, rotation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = rotation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, exif=exif)


@pytest.mark.parametrize("rotation", [3, 6])
def test_a_rotation_of_a_stitched_file_or_of_one_side_is_refused(tmp_path: Path, rotation: int) -> None:
    write_turned(tmp_path / "raw/train/1.png", random_image(0), rotation)
    says = refusal(LAYOUTS["stitched"], tmp_path / "raw")
    assert f"train/1.png ({rotation}): an EXIF rotation of A, of B or of both (1: upright)?" in says
    shutil.rmtree(tmp_path / "raw")
    write_turned(tmp_path / "raw/train/A/1.png", random_image(0), 1)
    write_turned(tmp_path / "raw/train/B/1.png", random_image(1), rotation)
    assert f"train/B/1.png ({rotation}): an EXIF rotation" in refusal(LAYOUTS["folders"], tmp_path / "raw")


def test_one_rotation_of_both_sides_is_applied_to_both(tmp_path: Path) -> None:
    for side, seed in (("A", 0), ("B", 1)):
        write_turned(tmp_path / f"raw/train/{side}/1.png", random_image(seed, 32, 48), 6)
    prepare(layout=LAYOUTS["folders"], raw=tmp_path / "raw", out=tmp_path / "pairs")
    (pair,) = read_pairs(tmp_path / "pairs", "train")
    for seed, upright in enumerate(split_sides(read_image(pair.path))):
        np.testing.assert_array_equal(upright, np.rot90(random_image(seed, 32, 48), -1))


@pytest.mark.parametrize("mode", ["L", "P"])
def test_class_numbers_are_refused_until_the_layout_says_what_they_mean(tmp_path: Path, mode: str) -> None:
    numbers = np.kron(np.arange(1, 13, dtype=np.uint8).reshape(3, 4), np.ones((8, 8), np.uint8))
    for side in "AB":
        (tmp_path / "raw/train" / side).mkdir(parents=True)
    write_image(tmp_path / "raw/train/A/1.png", width=32, height=24)
    index = Image.fromarray(numbers)
    if mode == "P":
        index.putpalette(random_image(0, 1, 256).tobytes())
    index.save(tmp_path / "raw/train/B/1.png")
    layout = FoldersLayout(layout="folders", labels="facades")
    with pytest.raises(ValueError, match=r"train/B/1\.png: not a label map in the colours of facades"):
        prepare(layout=layout, raw=tmp_path / "raw", out=tmp_path / "pairs")
    layout = FoldersLayout(layout="folders", labels="facades", label_numbers="from_1")
    prepare(layout=layout, raw=tmp_path / "raw", out=tmp_path / "pairs")
    (pair,) = read_pairs(tmp_path / "pairs", "train")
    np.testing.assert_array_equal(split_sides(read_image(pair.path))[1], palette("facades")[numbers - 1])


def test_swapped_sides_are_told(tmp_path: Path) -> None:
    write_image(tmp_path / "raw/train/B/1.png")
    (tmp_path / "raw/train/A").mkdir()
    Image.new("RGB", (64, 32), (0, 0, 222)).save(tmp_path / "raw/train/A/1.png")
    with pytest.raises(ValueError, match="side A is in these colours: are the sides swapped"):
        prepare(layout=FoldersLayout(layout="folders", labels="facades"), raw=tmp_path / "raw", out=tmp_path / "pairs")


BLACK, DOT = np.zeros((32, 64), np.uint8), np.zeros((32, 64), np.uint8)
DOT[17, 21] = 255
DARK = "B has no value above {} of 255 (of 0 and 1? 12 bits in 16?); multiply its values"
SAYING_NOTHING = {
    "all black": (random_image(1, 32), BLACK, "B is nothing but [0, 0, 0]"),
    "all white": (random_image(1, 32), BLACK + np.uint8(255), "B is nothing but [255, 255, 255]"),
    "one colour": (np.full((32, 64, 3), (200, 0, 9), np.uint8), random_image(1, 32), "A is nothing but [200, 0, 9]"),
    "a mask of 0 and 1": (random_image(1, 32), DOT // 255, DARK.format(1)),
    "12 bits in 16": (random_image(1, 32), DOT.astype(np.uint16) * 16, DARK.format(16)),
    "transparent": (np.dstack([random_image(1, 32), BLACK]), random_image(2, 32), "A is nothing but [255, 255, 255]"),
    "equal": (random_image(1, 32), random_image(1, 32), "A equals B"),
    "a mask with a dot": (random_image(1, 32), DOT, ""),
}


@pytest.mark.parametrize("kind", SAYING_NOTHING)
def test_sides_that_say_nothing_are_counted_and_the_first_is_named(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    *sides, says = SAYING_NOTHING[kind]
    write_sides(tmp_path / "raw", 1, random_image(3, 32), random_image(4, 32))
    write_sides(tmp_path / "raw", 2, *sides)
    prepare(layout=LAYOUTS["folders"], raw=tmp_path / "raw", out=tmp_path / "pairs")
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("suspicious")]
    assert said == ([f"suspicious: 1 pairs, the first train/A/2.png + train/B/2.png: {says}"] if says else [])


def test_oblong_pairs_are_told_and_square_ones_are_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    says = (
        "not square: 1 pairs, the first 64 x 32 pixels; training squeezes them to squares. Where proportions matter, "
    )
    for number, width in ((1, 64), (2, 32)):
        write_sides(tmp_path / "raw", number, *(random_image(side, 32, width) for side in (1, 2)))
    prepare(layout=LAYOUTS["folders"], raw=tmp_path / "raw", out=tmp_path / "pairs")
    assert f"\n{says}cut or pad A and B to squares before\n" in capsys.readouterr().out


@pytest.mark.parametrize("numbers", ["from_0", None])
def test_a_set_whose_every_label_map_is_void_is_refused(
    tmp_path: Path, numbers: Literal["from_0"] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the number 255, or painted as the rail tracks that Cityscapes does not evaluate."""
    layout = FoldersLayout(layout="folders", labels="cityscapes", label_numbers=numbers)
    void, road = (
        np.full((32, 64) if numbers else (32, 64, 3), what, np.uint8)
        for what in ((255, 0) if numbers else ([230, 150, 140], [128, 64, 128]))
    )
    for number in (1, 2):
        write_sides(tmp_path / "raw", number, random_image(number, 32), void)
    assert "every label map of train is void" in refusal(layout, tmp_path / "raw")
    write_sides(tmp_path / "raw", 2, random_image(2, 32), road)
    prepare(layout=layout, raw=tmp_path / "raw", out=tmp_path / "pairs")
    assert "the first train/A/1.png + train/B/1.png: the label map is void\n" in capsys.readouterr().out


def test_label_numbers_need_a_palette() -> None:
    with pytest.raises(ValueError, match="label_numbers: labels must name the palette"):
        FoldersLayout(layout="folders", label_numbers="from_0")


def test_what_prepare_takes_can_be_read_and_a_larger_pair_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sides(tmp_path / "raw", 1, random_image(1, 32), random_image(2, 32))
    for module in (images, verb):
        monkeypatch.setattr(module, "MAX_PIXELS", 2 * 32 * 64)
    prepare(layout=LAYOUTS["folders"], raw=tmp_path / "raw", out=tmp_path / "pairs")
    (pair,) = read_pairs(tmp_path / "pairs", "train")
    assert read_sides(pair, direction="AtoB", size=64)[0].shape == (64, 64, 3)
    shutil.rmtree(tmp_path / "pairs")
    for module in (images, verb):
        monkeypatch.setattr(module, "MAX_PIXELS", 2 * 32 * 64 - 1)
    assert "train/A/1.png: A and B side by side are 128 x 32 pixels, at most" in refusal(
        LAYOUTS["folders"], tmp_path / "raw"
    )


def test_too_little_memory_names_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sides(tmp_path / "raw", 1, random_image(1, 32), random_image(2, 32))

    def refused(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(images, "_upright", refused)
    assert "train/A/1.png: not enough memory; make it smaller" in refusal(LAYOUTS["folders"], tmp_path / "raw")


def write_sides(root: Path, number: int, a: np.ndarray, b: np.ndarray) -> None:
    for side, image in (("A", a), ("B", b)):
        (root / "train" / side).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / "train" / side / f"{number}.png")
