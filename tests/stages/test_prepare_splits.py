"""Laws of prepare: which pairs are in which split, held out or left out, by name, by number or by hash."""

import shutil
from pathlib import Path
from typing import Literal

import pytest

from pix2pix.config.fields import Split
from pix2pix.config.layouts import (
    HeldOutCars,
    NumberRange,
    StitchedLayout,
)
from pix2pix.pairs.stitched import read_pairs
from pix2pix.toydata.raw_files import car_name
from stages.prepare import prepare
from tests.support.raw_trees import CARS, LAYOUTS, refusal, write_image


def test_cars_listed_by_id_are_val_and_test_in_every_set_that_has_them(trees: Path, tmp_path: Path) -> None:
    names = [car_name(car=number, seed=0) for number in range(5)]
    listed = HeldOutCars(val=names[1:2], test=names[3:])
    layout = CARS.model_copy(update={"hold_out": listed, "seed": None})
    prepare(layout=layout, raw=trees / "cars", out=tmp_path / "pairs")
    groups = {split: {pair.group for pair in read_pairs(tmp_path / "pairs", split)} for split in ("val", "test")}
    assert groups == {"val": {names[1]}, "test": {*names[3:]}}
    assert {pair.group for pair in read_pairs(tmp_path / "pairs", "train")} == {names[0], names[2]}


def test_numbers_of_a_split_become_another(trees: Path, tmp_path: Path) -> None:
    layout = StitchedLayout(layout="stitched", splits={"val": NumberRange(of="train", first=1, last=2)})
    raw = Path(shutil.copytree(trees / "stitched", tmp_path / "raw"))
    shutil.rmtree(raw / "val")
    prepare(layout=layout, raw=raw, out=tmp_path / "pairs")
    found = {split: [pair.id for pair in read_pairs(tmp_path / "pairs", split)] for split in ("train", "val", "test")}
    assert found == {"train": ["10"], "val": ["1", "2"], "test": ["1"]}
    assert (tmp_path / "pairs/val/2.jpg").read_bytes() == (raw / "train/2.jpg").read_bytes()


def test_pairs_are_held_out_where_the_data_have_no_val(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By hash: a pair that is added moves at most one other."""
    raw, held_out = tmp_path / "raw", list[set[str]]()
    for count in (8, 9):
        for number in range(count):
            write_image(raw / f"{number}.png", seed=number)
        prepare(layout=StitchedLayout(layout="stitched", hold_out=3, seed=0), raw=raw, out=tmp_path / "out")
        held_out.append({pair.id for pair in read_pairs(tmp_path / "out", "val")})
        assert len(read_pairs(tmp_path / "out", "train")) == count - 3
    assert len(held_out[0] & held_out[1]) >= 2
    capsys.readouterr()
    prepare(layout=StitchedLayout(layout="stitched"), raw=raw, out=tmp_path / "out")
    assert "no pairs in val, which training needs; hold some out by `hold_out: NUMBER`" in capsys.readouterr().out
    with pytest.raises(ValueError, match="hold_out is 9, but there are only 9 pairs"):
        prepare(layout=StitchedLayout(layout="stitched", hold_out=9, seed=0), raw=raw, out=tmp_path / "out")


def test_a_val_is_not_made_where_there_is_one(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_image(tmp_path / f"raw/{split}/1.png")
    assert "a val of their own" in refusal(StitchedLayout(layout="stitched", hold_out=1, seed=0), tmp_path / "raw")
    for wrong in (
        {"hold_out": 1},
        {"hold_out": 1, "seed": 0, "splits": {"val": {"of": "test", "first": 1, "last": 2}}},
    ):
        with pytest.raises(ValueError, match="hold_out and s"):
            StitchedLayout.model_validate({"layout": "stitched"} | wrong)


EVERY = [car_name(car=number, seed=0) for number in range(5)]


@pytest.mark.parametrize("layout", ["cars"])
@pytest.mark.parametrize(
    ("hold_out", "says"),
    [
        (5, "hold_out is 5, but there are only 5 cars"),
        (HeldOutCars(val=EVERY[:2], test=EVERY[2:]), "hold_out lists all 5 cars; none is left to train on"),
        (
            HeldOutCars(val=EVERY[:1], test=["f" * 12]),
            "hold_out.test lists ffffffffffff, which is not among the 5 cars",
        ),
    ],
)
def test_listed_cars_must_be_there_and_someone_be_left_to_train_on(
    raw: Path, layout: str, hold_out: int | HeldOutCars, says: str
) -> None:
    assert says in refusal(LAYOUTS[layout].model_copy(update={"hold_out": hold_out}), raw)


@pytest.mark.parametrize("layout", ["stitched"])
@pytest.mark.parametrize(
    ("split", "taken", "says"),
    [
        ("test", ("val", 1, 1), "splits.test: the archive has a split test of its own"),
        ("val", ("train", 2, 4), "splits.val: 0 images of train have the number 3, not one (2 to 4 are asked for)"),
        ("val", ("train", 9, 12), "splits.val: 2 images of train have the number 9, not one"),
        ("val", ("test", 1, 1), "splits: no image is left in test"),
    ],
)
def test_numbers_that_are_not_there_once_or_leave_nothing_are_refused(
    raw: Path, layout: str, split: Literal["val", "test"], taken: tuple[Split, int, int], says: str
) -> None:
    shutil.rmtree(raw / "val")
    for seed, name in enumerate(("9_a.png", "09.png")):
        write_image(raw / "train" / name, seed=seed + 7)
    of, first, last = taken
    chosen = {split: NumberRange(of=of, first=first, last=last)}
    assert says in refusal(LAYOUTS[layout].model_copy(update={"splits": chosen}), raw)


def test_pairs_are_left_out_by_name_and_counted(
    trees: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that no longer stops its set, and one of two with the same bytes in two splits."""
    raw = Path(shutil.copytree(trees / "stitched", tmp_path / "raw"))
    write_image(raw / "train/3.png", width=63)
    shutil.copy(raw / "train/2.jpg", raw / "val/7.jpg")
    layout = StitchedLayout(layout="stitched", leave_out=[3, "val/7"])
    prepare(layout=layout, raw=raw, out=tmp_path / "pairs")
    assert [pair.id for pair in read_pairs(tmp_path / "pairs", "train")] == ["1", "2", "10"]
    assert "left out by name: 2 pairs\n" in capsys.readouterr().out
    with pytest.raises(ValueError, match="leave_out: there is no pair '99'"):
        prepare(layout=layout.model_copy(update={"leave_out": [99]}), raw=raw, out=tmp_path / "pairs")
    with pytest.raises(ValueError, match="leave_out: no pair is left in test"):
        prepare(layout=layout.model_copy(update={"leave_out": ["test/1"]}), raw=raw, out=tmp_path / "pairs")


def test_leave_out_takes_names_as_people_type_them(tmp_path: Path) -> None:
    """The number 0 is 000; a decomposed letter is the composed one."""
    for seed, name in enumerate(("000", "1", "\u00e9")):
        write_image(tmp_path / f"raw/train/{name}.png", seed=seed)
    layout = StitchedLayout(layout="stitched", leave_out=[0, "e\u0301"])
    assert [record.id for record in prepare(layout=layout, raw=tmp_path / "raw", out=tmp_path / "pairs")] == ["1"]
