"""Laws of prepare: a file that is damaged, or does not fit, is named; nothing is repaired or left behind."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pix2pix.pairs.carvana import mask_path, photo_path
from pix2pix.toydata.raw_files import car_name
from tests.support.raw_trees import LAYOUTS, refusal, write_image


def replace_by(create: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        create(path)

    return replace


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5]),
    "zeros": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] + bytes(9000)),
    "empty": lambda path: path.write_bytes(b""),
    "folder": replace_by(Path.mkdir),
    "pipe": replace_by(os.mkfifo),
    "broken link": replace_by(lambda path: path.symlink_to("nothing")),
    "odd name": lambda path: path.rename(path.with_stem("a\x1b[31m")),
    "not UTF-8": lambda path: path.rename(path.with_stem(os.fsdecode(b"a\xff"))),
    "same id": lambda path: shutil.copy(path, path.with_suffix(".webp")),
}
ID = f"{car_name(car=1, seed=0)}_02"
VICTIMS = [("cars", str(photo_path(ID))), ("cars", str(mask_path(ID))), ("stitched", "train/2.jpg")]
VICTIMS += [("folders", "train/B/x.jpg"), ("photos", "train/1.png"), ("frames", "labels/00002.png")]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("layout", "victim"), VICTIMS)
def test_a_damaged_file_is_named_in_any_layout(raw: Path, layout: str, victim: str, damage: str) -> None:
    DAMAGES[damage](raw / victim)
    line = refusal(LAYOUTS[layout], raw)
    names = {"odd name": [r"a\x1b[31m", "a\x1b[31m"], "not UTF-8": [r"a\udcff", "a\udcff"]}
    assert any(name in line for name in [Path(victim).stem.removesuffix("_mask"), *names.get(damage, [])]), line


@pytest.mark.parametrize(
    ("layout", "spoil", "says"),
    [
        ("cars", lambda raw: (raw / mask_path(ID)).unlink(), f"{ID}.jpg: has no partner '{ID}' in "),
        ("cars", lambda raw: (raw / photo_path(ID)).unlink(), f"{ID}_mask.gif: has no partner '{ID}' in "),
        ("cars", lambda raw: (raw / "train/notes.txt").touch(), "train/notes.txt: only files named <car>_<view>.jpg"),
        ("stitched", lambda raw: write_image(raw / "train/3.png", width=63), "train/3.png: 63 pixels wide"),
        (
            "stitched",
            lambda raw: shutil.copy(raw / "train/2.jpg", raw / "val/7.jpg"),
            "the same bytes in train and val",
        ),
        ("stitched", lambda raw: write_image(raw / "more/1.png"), "more/1.png: not an image, or not in its place"),
        ("stitched", lambda raw: write_image(raw / "1.png"), "1.png: not an image, or not in its place"),
        ("folders", lambda raw: write_image(raw / "valB/y.png", width=66), "64 x 32 and 66 x 32 pixels"),
    ],
)
def test_what_does_not_fit_is_named(raw: Path, layout: str, spoil: Callable[[Path], object], says: str) -> None:
    spoil(raw)
    assert says in refusal(LAYOUTS[layout], raw)
