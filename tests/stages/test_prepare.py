"""Laws of prepare: whole cars held out, nothing recompressed, nothing repaired, nothing half-written."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pix2pix.config.drawings import CannyEdges, DifferenceOfGaussians, DoodleEdges, Drawing, RedrawnEdges
from pix2pix.config.fields import Split
from pix2pix.config.layouts import (
    CarvanaLayout,
    FoldersLayout,
    Gta5Layout,
    HeldOutCars,
    InpaintingLayout,
    Layout,
    NumberRange,
    StitchedLayout,
)
from pix2pix.files.entry_point import run
from pix2pix.files.images import read_image
from pix2pix.pairs.carvana import cut_out, mask_path, photo_path
from pix2pix.pairs.edges import draw
from pix2pix.pairs.palettes import palette
from pix2pix.pairs.stitched import read_drawings, read_pairs, read_sides, split_sides
from pix2pix.toydata.raw_files import car_name, write_cars
from stages import prepare as verb
from stages.prepare import prepare
from tests.support.repository import REPO
from tests.support.tiny import TINY, random_image, write_configuration

CANNY = CannyEdges(method="canny", blur_sigma=1.0, low=40, high=110)
DOODLE = DoodleEdges(method="doodle", smoothing=2.0, low=40, high=110, min_length=30, width=2)
PENCIL = DifferenceOfGaussians(method="difference_of_gaussians", sigma=1.0, threshold=4.0)
REDRAWN = RedrawnEdges(method="redrawn", drawings={"b": DOODLE, "a": CANNY}, kept_out=PENCIL)
CARS = CarvanaLayout(layout="carvana", size=64, hold_out=2, seed=0, edges=CANNY)
LAYOUTS: dict[str, Layout] = {
    "cars": CARS,
    "stitched": StitchedLayout(layout="stitched"),
    "folders": FoldersLayout(layout="folders"),
    "photos": InpaintingLayout(layout="inpainting", size=64, hole=32),
    "frames": Gta5Layout(layout="gta5", size=64, block=1, gap=0, hold_out=1, seed=0),
}
NAMES = ["train/1.png", "train/2.jpg", "train/10.jpg", "val/1.jpg", "test/1.jpg"]
FILES = {
    "stitched": NAMES,
    "photos": NAMES,
    "folders": ["train/A/x.png", "train/B/x.jpg", "valA/y.png", "valB/y.png"],
    "frames": [f"{kind}/0000{number}.png" for kind in ("images", "labels") for number in (1, 2, 3)],
}


def write_image(path: Path, *, width: int = 64, height: int = 32, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(random_image(seed, height, width))
    (image.quantize(20) if path.parent.name == "labels" else image).save(path)


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw folder of each layout; of cars three views of five."""
    root = tmp_path_factory.mktemp("trees")
    (root / "cars").mkdir()
    write_cars(root / "cars", cars=5, views=3, size=96, seed=0)
    for layout, names in FILES.items():
        for seed, name in enumerate(names):
            write_image(root / layout / name, seed=seed)
    return root


@pytest.fixture
def raw(request: pytest.FixtureRequest, trees: Path, tmp_path: Path) -> Path:
    """A copy of the layout that the test names."""
    layout = request.node.callspec.params["layout"] if hasattr(request.node, "callspec") else "cars"
    return Path(shutil.copytree(trees / layout, tmp_path / "raw"))


# ---- what a pair looks like ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edges", [CANNY, DOODLE, PENCIL])
def test_cars_are_lines_and_a_car_on_white_and_whole_cars_are_held_out(
    trees: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], edges: Drawing
) -> None:
    prepare(layout=CARS.model_copy(update={"edges": edges}), raw=trees / "cars", out=tmp_path / "pairs")
    assert "train      9 pairs of 3 groups\nval        6 pairs of 2 groups\n" in capsys.readouterr().out
    train, val = (read_pairs(tmp_path / "pairs", split) for split in ("train", "val"))
    assert not {pair.group for pair in train} & {pair.group for pair in val}
    for pair in train:
        a, b = split_sides(read_image(pair.path))
        assert a.shape == b.shape == (64, 64, 3)
        assert set(np.unique(a)) == {0, 255} and 0.01 < (a == 0).mean() < 0.4
        assert (b[:2] == 255).all() and (b[-2:] == 255).all()


def test_training_photos_are_drawn_in_several_manners_and_held_out_ones_in_the_one_kept_out(
    trees: Path, tmp_path: Path
) -> None:
    """To readers of pairs the set is that of its first drawing, but for the drawings of val."""
    root, plain = tmp_path / "redrawn", tmp_path / "plain"
    prepare(layout=CARS.model_copy(update={"edges": REDRAWN}), raw=trees / "cars", out=root)
    prepare(layout=CARS, raw=trees / "cars", out=plain)
    assert (root / "pairs.csv").read_bytes() == (plain / "pairs.csv").read_bytes()
    for pair, first in zip(read_pairs(root, "train"), read_pairs(plain, "train"), strict=True):
        assert pair.path.read_bytes() == first.path.read_bytes()
        car, coverage = cut_out(trees / "cars" / photo_path(pair.id), trees / "cars" / mask_path(pair.id), size=64)
        expected = [draw(car, coverage, drawing)[..., 0] for drawing in (CANNY, DOODLE)]
        np.testing.assert_array_equal(read_drawings(pair, size=64), expected)
        for size in (64, 40):
            source, _ = read_sides(pair, direction="AtoB", size=size)
            np.testing.assert_array_equal(read_drawings(pair, size=size)[0][..., None].repeat(3, 2), source)
            np.testing.assert_array_equal(read_drawings(first, size=size)[0], source[..., 0])
    for pair, other in zip(read_pairs(root, "val"), read_pairs(plain, "val"), strict=True):
        (a, b), (_, car) = (split_sides(read_image(one.path)) for one in (pair, other))
        np.testing.assert_array_equal(a, draw(car, np.zeros(a.shape[:2], np.uint8), PENCIL))
        np.testing.assert_array_equal(b, car)
        assert pair.drawings is None


@pytest.mark.parametrize("lost", [True, False])
def test_each_training_pair_has_its_drawings_whole(trees: Path, tmp_path: Path, lost: bool) -> None:
    root = tmp_path / "redrawn"
    prepare(layout=CARS.model_copy(update={"edges": REDRAWN}), raw=trees / "cars", out=root)
    (pair, *_) = read_pairs(root, "train")
    assert pair.drawings is not None
    if lost:
        pair.drawings.unlink()
        with pytest.raises(ValueError, match=f"redrawn/drawings: '{pair.id}' is 1 times in pairs.csv and 0 times in"):
            read_pairs(root, "train")
    else:
        write_image(pair.drawings, width=100, height=64)
        with pytest.raises(ValueError, match=rf"{pair.id}\.png: 100 x 64 pixels are not whole squares; prepare again"):
            read_drawings(pair, size=64)


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


@pytest.mark.parametrize("edges", [CANNY, REDRAWN])
def test_output_does_not_depend_on_workers(trees: Path, tmp_path: Path, edges: CannyEdges | RedrawnEdges) -> None:
    contents = []
    for workers in (1, 2):
        out = tmp_path / f"pairs{workers}"
        prepare(layout=CARS.model_copy(update={"edges": edges}), raw=trees / "cars", out=out, workers=workers)
        contents.append({p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()})
    assert contents[0] == contents[1] and len(contents[0]) == (16 if edges is CANNY else 25)


def test_stitched_pairs_are_copied_byte_for_byte(trees: Path, tmp_path: Path) -> None:
    prepare(layout=LAYOUTS["stitched"], raw=trees / "stitched", out=tmp_path / "pairs")
    table = pd.read_csv(tmp_path / "pairs/pairs.csv", dtype=str)
    assert list(table["source"]) == NAMES
    assert set(table["width"]) == set(table["height"]) == {"32"}
    for source in table["source"]:
        assert (tmp_path / "pairs" / source).read_bytes() == (trees / "stitched" / source).read_bytes()


def test_folders_are_stitched_losslessly(trees: Path, tmp_path: Path) -> None:
    prepare(layout=LAYOUTS["folders"], raw=trees / "folders", out=tmp_path / "pairs")
    for split, names in (("train", FILES["folders"][:2]), ("val", FILES["folders"][2:])):
        (pair,) = read_pairs(tmp_path / "pairs", split)
        for side, name in zip(split_sides(read_image(pair.path)), names, strict=True):
            np.testing.assert_array_equal(side, read_image(trees / "folders" / name))


# ---- refuse, do not repair -------------------------------------------------------------------------------------------


def refusal(layout: Layout, raw: Path) -> str:
    with pytest.raises((ValueError, FileNotFoundError)) as refused:
        prepare(layout=layout, raw=raw, out=raw.parent / "pairs")
    assert sorted(p.name for p in raw.parent.iterdir()) == ["raw"], "something was left behind"
    return str(refused.value)


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


@pytest.mark.parametrize("layout", ["stitched"])
def test_a_failed_run_keeps_the_last_good_output(raw: Path, tmp_path: Path, layout: str) -> None:
    prepare(layout=LAYOUTS[layout], raw=raw, out=tmp_path / "pairs")
    DAMAGES["truncated"](raw / "train/2.jpg")
    with pytest.raises(ValueError, match=r"2\.jpg"):
        prepare(layout=LAYOUTS[layout], raw=raw, out=tmp_path / "pairs")
    assert len(read_pairs(tmp_path / "pairs", "train")) == 3


def test_a_composed_letter_and_a_decomposed_one_are_one_name(tmp_path: Path) -> None:
    write_image(tmp_path / "raw/train/A/\u00e9.png", seed=0)
    write_image(tmp_path / "raw/train/B/e\u0301.png", seed=1)
    prepare(layout=LAYOUTS["folders"], raw=tmp_path / "raw", out=tmp_path / "pairs")
    assert [pair.id for pair in read_pairs(tmp_path / "pairs", "train")] == ["\u00e9"]


# ---- EXIF rotations -------------------------------------------------------------------------------------------------


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


# ---- label maps ------------------------------------------------------------------------------------------------------


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


def test_swapped_sides_are_told(tmp_path: Path) -> None:
    write_image(tmp_path / "raw/train/B/1.png")
    (tmp_path / "raw/train/A").mkdir()
    Image.new("RGB", (64, 32), (0, 0, 222)).save(tmp_path / "raw/train/A/1.png")
    with pytest.raises(ValueError, match="side A is in these colours: are the sides swapped"):
        prepare(layout=FoldersLayout(layout="folders", labels="facades"), raw=tmp_path / "raw", out=tmp_path / "pairs")


# ---- the command -----------------------------------------------------------------------------------------------------


def test_a_bad_command_ends_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_configuration(TINY)
    for name, line in [("houses", "data/raw/houses: no such folder; download"), ("hauses", "no 'hauses'")]:
        monkeypatch.setattr(sys, "argv", ["prepare", name])
        with pytest.raises(SystemExit, match=line):
            run(verb.main)


def test_the_command_prints_counts_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_configuration(
        TINY | {"datasets": {"houses": TINY["datasets"]["houses"] | {"prepare": {"layout": "stitched"}}}}
    )
    for number in range(2 * verb.PAIRS_PER_WORKER):  # enough for two workers
        folder = "train" if number else "val"
        write_image(tmp_path / f"data/raw/houses/{folder}/{number}.png", width=16, height=8, seed=number)
    command = [sys.executable, "-m", "stages.prepare", "houses"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "train    199 pairs\nval        1 pairs\ndata/pairs/houses: 200 pairs, A and B 8 x 8 pixels\n"
    assert done.stderr == ""
