"""Laws of prepared pairs: stitched and split, written and read, they are what they were, or are refused by name."""

import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from PIL import Image

from pix2pix.files.image_listing import natural_key
from pix2pix.files.images import Uint8, write_png
from pix2pix.pairs.palettes import PALETTES, decode, palette
from pix2pix.pairs.stitched import (
    COLUMNS,
    SPLITS,
    Pair,
    PairRecord,
    read_classes,
    read_pairs,
    read_sides,
    split_sides,
    stitch,
    write_records,
)
from tests.support.laws import image_pairs, of_any, seeds
from tests.support.soaks import Soak
from tests.support.tiny import random_image


@pytest.mark.soak
def test_any_two_sides_come_back_from_their_stitch_and_from_its_file(soak: Soak, tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    pair = Pair("1", "train", "1", path)

    @of_any(soak, 60, 3_000, sides=image_pairs(), square=st.integers(1, 40))
    def law(sides: tuple[Uint8, Uint8], square: int) -> None:
        stitched = stitch(*sides)
        assert stitched.shape == (sides[0].shape[0], 2 * sides[0].shape[1], 3)
        for side, whole in zip(split_sides(stitched), sides, strict=True):
            np.testing.assert_array_equal(side, whole)
        write_png(path, stitched)
        expected = [
            np.asarray(Image.fromarray(side).resize((square, square), Image.Resampling.BICUBIC))
            if side.shape != (square, square, 3)
            else side
            for side in sides
        ]
        for direction in ("AtoB", "BtoA"):
            source, target = read_sides(pair, direction=direction, size=square)
            a, b = (source, target) if direction == "AtoB" else (target, source)
            np.testing.assert_array_equal(a, expected[0])
            np.testing.assert_array_equal(b, expected[1])


@pytest.mark.parametrize("width", [1, 3, 101])
def test_an_odd_width_has_no_two_sides(width: int) -> None:
    with pytest.raises(ValueError, match=f"a stitched A|B image must have an even width, not {width}"):
        split_sides(random_image(0, 5, width))


@pytest.mark.soak
@pytest.mark.parametrize("name", PALETTES)
def test_any_class_map_comes_back_from_its_colours(soak: Soak, name: str, tmp_path: Path) -> None:
    """Also from colours that are off by less than half the way to the next; and by file, at its own size and others."""
    colours = palette(name).astype(np.int64)
    between = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    reach = int((between[between > 0].min() / 2 - 1e-9) / 3**0.5)  # of each channel
    pair = Pair("1", "train", "1", tmp_path / "1.png")

    @of_any(soak, 20, 1_000, side=st.integers(1, 40), seed=seeds)
    def law(side: int, seed: int) -> None:
        draw = np.random.default_rng(seed)
        classes = draw.integers(0, len(colours), (side, side)).astype(np.uint8)
        np.testing.assert_array_equal(decode(palette(name)[classes], name), classes)
        if name == "facades":  # of Cityscapes also the void's many colours lie between
            off = colours[classes] + draw.integers(-reach, reach + 1, (side, side, 3))
            np.testing.assert_array_equal(decode(off.clip(0, 255).astype(np.uint8), name), classes)
        write_png(pair.path, stitch(random_image(seed, side, side), palette(name)[classes]))
        np.testing.assert_array_equal(read_classes(pair, name, size=side), classes)
        for square in (side, 7):
            a, b = read_sides(pair, direction="AtoB", size=square, labels=name)
            np.testing.assert_array_equal(b, palette(name)[read_classes(pair, name, size=square)])
            np.testing.assert_array_equal(a, read_sides(pair, direction="AtoB", size=square)[0])
            for one, other in zip(read_sides(pair, direction="BtoA", size=square, labels=name), (b, a), strict=True):
                np.testing.assert_array_equal(one, other)
        other = read_classes(pair, name, size=7)
        assert other.shape == (7, 7) and other.dtype == np.uint8 and {*other.flat} <= {*classes.flat}
        centres = (np.arange(7) + 0.5) * side / 7  # nearest, from the centres of pixels
        sure = centres % 1 != 0  # on the border between two both are nearest
        nearest = centres[sure].astype(int)
        np.testing.assert_array_equal(other[sure][:, sure], classes[nearest][:, nearest])


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_a_label_map_that_prepare_has_not_seen_is_looked_at(tmp_path: Path, direction: str) -> None:
    """Class numbers in place of colours."""
    pair = Pair("1", "train", "1", tmp_path / "1.png")
    write_png(pair.path, stitch(random_image(0), np.full((64, 64, 3), 3, np.uint8)))
    for name in PALETTES:
        for read in (
            lambda name: read_sides(pair, direction=direction, size=32, labels=name),
            lambda name: read_classes(pair, name, size=32),
        ):
            with pytest.raises(ValueError, match=rf"1\.png: not a label map in the colours of {name} .*numbers 3 to 3"):
                read(name)


odd = st.text(st.sampled_from("abzAZ019_- .,;'\"#%éß漢"), min_size=1, max_size=6).filter(lambda id: id[0] != ".")
ids = odd | st.sampled_from(["NA", "nan", "null", "1e5", "007", "7", "True", "1_000", "u\u0308", "ü", "🚗", "x" * 200])
tables = st.lists(
    st.tuples(st.sampled_from(SPLITS), ids, ids), min_size=1, max_size=8, unique_by=lambda row: (row[0], row[1])
)


def records(table: list[tuple[str, str, str]]) -> list[PairRecord]:
    return [
        PairRecord(id, split, group, 1, 1, f"{split}/{id}.jpg", f"{i:064x}")
        for i, (split, id, group) in enumerate(table)
    ]


@pytest.mark.soak
def test_any_table_comes_back_in_order_with_every_file(soak: Soak) -> None:
    @of_any(soak, 60, 2_000, table=tables)
    def law(table: list[tuple[str, str, str]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder, "houses")
            for split, id, _ in table:
                (root / split).mkdir(parents=True, exist_ok=True)
                (root / split / f"{id}.png").touch()
            write_records(root, records(table))
            first = (root / "pairs.csv").read_bytes()
            write_records(root, records(table)[::-1])
            assert (root / "pairs.csv").read_bytes() == first, "the order of finding does not matter"
            for split in SPLITS:
                mine = {id: group for s, id, group in table if s == split}
                if not mine:
                    with pytest.raises(ValueError, match=f"houses: no pairs in split '{split}'"):
                        read_pairs(root, split)
                    continue
                expected = [
                    Pair(id, split, mine[id], root / split / f"{id}.png")
                    for id in sorted(mine, key=lambda id: natural_key(Path(id)))
                ]
                assert read_pairs(root, split) == expected
            found = pd.read_csv(root / "pairs.csv", dtype=str, keep_default_na=False)
            assert list(found.columns) == COLUMNS
            assert found["split"].tolist() == sorted(found["split"], key=["train", "val", "test"].index)


FIRST = PairRecord("1", "train", "1", 1, 1, "train/1.png", "a")
OTHER = PairRecord("5", "train", "5", 1, 1, "train/5.png", "c")


def test_an_id_may_be_in_two_splits_and_bytes_twice_in_one(tmp_path: Path) -> None:
    twin = replace(FIRST, id="2", source="train/2.png", split="".join("train"))  # equal, but another object
    write_records(tmp_path, [FIRST, twin, replace(FIRST, split="val", source="val/1.png", sha256="b")])
    assert len(pd.read_csv(tmp_path / "pairs.csv")) == 3


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (FIRST, "train/1.png and train/1.png: two pairs with the id '1' in train"),
        (replace(FIRST, source="train/1.bmp", sha256="b"), "train/1.png and train/1.bmp: two pairs with the id '1'"),
        (replace(FIRST, split="val", source="val/1.png"), "train/1.png and val/1.png: the same bytes in train and val"),
        (replace(FIRST, split="test", id="9", source="t/9"), "train/1.png and t/9: the same bytes in train and test"),
    ],
)
def test_an_id_twice_in_a_split_and_bytes_in_two_are_refused(tmp_path: Path, record: PairRecord, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        write_records(tmp_path, [FIRST, OTHER, replace(record)])
    assert not (tmp_path / "pairs.csv").exists()


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """Three pairs of val, their files empty."""
    root = tmp_path / "houses"
    (root / "val").mkdir(parents=True)
    for id in "123":
        (root / "val" / f"{id}.png").touch()
    write_records(root, records([("val", id, id) for id in "123"]))
    return root


def test_pairs_that_were_never_prepared_are_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"houses/pairs\.csv: there is no such file; run `.*prepare houses` first"
    ):
        read_pairs(tmp_path / "houses", "val")


@pytest.mark.parametrize(
    ("lines", "files", "says"),
    [
        ("1223", "123", "'2' is 2 times in pairs.csv and 1 times in the folder, not once (1 such)"),
        ("123", "1233", "'3' is 1 times in pairs.csv and 2 times in the folder, not once (1 such)"),
        ("1223", "1223", "'2' is 2 times in pairs.csv and 2 times in the folder, not once (1 such)"),
        ("123", "3789", "'1' is 1 times in pairs.csv and 0 times in the folder, not once (5 such)"),
    ],
)
def test_each_image_is_once_in_pairs_csv_and_once_in_the_folder(
    houses: Path, lines: str, files: str, says: str
) -> None:
    table = pd.read_csv(houses / "pairs.csv", dtype=str).set_index("id", drop=False)
    table.loc[list(lines)].to_csv(houses / "pairs.csv", index=False)
    for path in (houses / "val").iterdir():
        path.unlink()
    for number, id in enumerate(files):
        (houses / "val" / (f"{id}.png" if id not in files[:number] else f"{id}.jpg")).touch()
    with pytest.raises(ValueError, match=re.escape(f"houses/val: {says}; prepare again")):
        read_pairs(houses, "val")


@pytest.mark.parametrize("column", ["car", "team"])
def test_a_split_without_a_folder_and_a_table_of_other_columns_are_refused(houses: Path, column: str) -> None:
    with pytest.raises(ValueError, match="houses: no pairs in split 'train'"):
        read_pairs(houses, "train")
    table = houses / "pairs.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("group", column), encoding="utf-8")
    with pytest.raises(ValueError, match=r"pairs\.csv: row 1: group: Field required"):
        read_pairs(houses, "val")
