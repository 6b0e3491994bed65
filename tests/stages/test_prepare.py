"""Laws of prepare: whole cars held out, nothing recompressed, nothing repaired, nothing half-written."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pix2pix.config.datasets import CannyEdges, CarvanaLayout, DoodleEdges, FoldersLayout, StitchedLayout
from pix2pix.files.command_line import run
from pix2pix.files.images import Uint8, read_image
from pix2pix.pairs.carvana import Photo, cut_out, held_out_cars, to_square
from pix2pix.pairs.stitched import read_pairs, read_sides, split_sides
from stages import prepare as verb
from stages.prepare import prepare
from tests.support.repository import REPO

CANNY = CannyEdges(method="canny", blur_sigma=1.0, low=40, high=110)
DOODLE = DoodleEdges(method="doodle", smoothing=2.0, low=40, high=110, min_length=30, width=2)
CARS = CarvanaLayout(layout="carvana", size=64, hold_out=2, seed=0, edges=CANNY)
STITCHED = StitchedLayout(layout="stitched")
FOLDERS = FoldersLayout(layout="folders")
IDS = [f"{number:012x}" for number in range(40)]


def draw_photo(*, width: int, height: int, hue: int) -> tuple[Uint8, Uint8]:
    """A car-like thing with windows, wheels, texture and noise before a grey studio; its mask, 0 or 1."""
    unit = height // 16
    photo = np.full((height, width, 3), 205, np.uint8)
    photo[:] += np.linspace(0, 40, height, dtype=np.uint8)[:, None, None]
    mask = np.zeros((height, width), np.uint8)
    cv2.rectangle(mask, (3 * unit, 7 * unit), (width - 3 * unit, 11 * unit), 1, -1)
    cv2.ellipse(mask, (width // 2, 7 * unit), (5 * unit, 3 * unit), 0, 180, 360, 1, -1)
    photo[mask > 0] = (60 + hue % 120, 40, 150 - hue % 120)
    cv2.ellipse(photo, (width // 2, 7 * unit), (4 * unit, 2 * unit), 0, 180, 360, (30, 40, 50), -1)
    for x in (6 * unit, width - 6 * unit):
        cv2.circle(mask, (x, 11 * unit), 2 * unit, 1, -1)
        cv2.circle(photo, (x, 11 * unit), 2 * unit, (25, 25, 25), -1)
        cv2.circle(photo, (x, 11 * unit), unit, (170, 170, 175), -1)
    for x in range(4 * unit, width - 4 * unit, max(3, unit // 2)):  # a grille: details that a doodle leaves out
        cv2.line(photo, (x, 9 * unit), (x, 9 * unit + unit // 2), (230, 230, 230), max(1, unit // 8))
    noise = np.random.default_rng(hue).normal(0, 4, photo.shape)
    return np.clip(cv2.GaussianBlur(photo, (0, 0), unit / 20) + noise, 0, 255).astype(np.uint8), mask


def write_photo(root: Path, id: str, *, width: int = 192, height: int = 128, hue: int = 0) -> Photo:
    photo = Photo(id, id.rpartition("_")[0], root / f"train/{id}.jpg", root / f"train_masks/{id}_mask.gif")
    for path in (photo.image, photo.mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    image, mask = draw_photo(width=width, height=height, hue=hue)
    Image.fromarray(image).save(photo.image, quality=92)
    gif = Image.fromarray(mask).convert("P")
    gif.putpalette([0, 0, 0, 255, 255, 255])
    gif.save(photo.mask)
    return photo


def write_image(path: Path, *, width: int = 64, height: int = 32, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(path)


@pytest.fixture(scope="module")
def cars_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cars")
    for number, car in enumerate(IDS[:5]):
        for view in range(1, 4):
            write_photo(root, f"{car}_{view:02}", hue=31 * number + 7 * view)
    return root


@pytest.fixture
def cars(cars_source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cars_source, tmp_path / "raw"))


@pytest.fixture
def stitched(tmp_path: Path) -> Path:
    for seed, name in enumerate(["train/1.png", "train/2.jpg", "train/10.jpg", "val/1.jpg", "test/1.jpg"]):
        write_image(tmp_path / "raw" / name, seed=seed)
    return tmp_path / "raw"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for seed, name in enumerate(["train/A/x.png", "train/B/x.jpg", "train/A/y.png", "train/B/y.png"]):
        write_image(tmp_path / "raw" / name, seed=seed)
    write_image(tmp_path / "raw/valA/x.png", seed=8)
    write_image(tmp_path / "raw/valB/x.png", seed=9)
    return tmp_path / "raw"


# ---- the split by car ------------------------------------------------------------------------------------------------


def test_adding_a_car_moves_at_most_one() -> None:
    for count in range(6, len(IDS)):
        before, after = (held_out_cars(IDS[:n], hold_out=5, seed=3) for n in (count, count + 1))
        assert len(before) == len(after) == 5
        assert len(before - after) <= 1 and after - before <= {IDS[count]}


def test_the_seed_chooses_the_cars_and_order_does_not() -> None:
    assert held_out_cars(IDS, hold_out=5, seed=0) == held_out_cars(IDS[::-1] * 2, hold_out=5, seed=0)
    assert held_out_cars(IDS, hold_out=5, seed=0) != held_out_cars(IDS, hold_out=5, seed=1)


def test_held_out_cars_are_whole(cars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(layout=CARS, raw=cars, out=tmp_path / "pairs")
    train, val = (read_pairs(tmp_path / "pairs", split) for split in ("train", "val"))
    assert len(train) == 9 and len(val) == 6
    assert not {pair.group for pair in train} & {pair.group for pair in val}
    assert {pair.group for pair in val} == held_out_cars(IDS[:5], hold_out=2, seed=0)
    assert "train      9 pairs of 3 groups" in capsys.readouterr().out


# ---- what a pair looks like ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edges", [CANNY, DOODLE])
def test_a_is_black_lines_on_white_and_b_has_a_white_background(
    cars: Path, tmp_path: Path, edges: CannyEdges | DoodleEdges
) -> None:
    prepare(layout=CARS.model_copy(update={"edges": edges}), raw=cars, out=tmp_path / "pairs")
    for pair in read_pairs(tmp_path / "pairs", "train"):
        a, b = split_sides(read_image(pair.path))
        assert a.shape == b.shape == (64, 64, 3)
        assert set(np.unique(a)) == {0, 255} and 0.01 < (a == 0).mean() < 0.4
        assert (b[:8] == 255).all() and (b[-8:] == 255).all()


def test_output_does_not_depend_on_workers(cars: Path, tmp_path: Path) -> None:
    contents = []
    for workers in (1, 2):
        out = tmp_path / f"pairs{workers}"
        prepare(layout=CARS, raw=cars, out=out, workers=workers)
        contents.append({p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()})
    assert contents[0] == contents[1] and len(contents[0]) == 16


@pytest.mark.parametrize("size", [128, 256])
def test_reduced_scale_is_close_to_full_scale(tmp_path: Path, size: int) -> None:
    photo = write_photo(tmp_path, "a_01", width=1918, height=1280)
    image, coverage = cut_out(photo, size=size)
    mask = read_image(photo.mask).astype(np.float32)
    on_white = np.where(mask > 0, read_image(photo.image).astype(np.float32), 255)
    difference = image - cv2.resize(on_white, (size, size), interpolation=cv2.INTER_AREA)
    assert np.abs(difference).mean() < 0.8
    assert 10 * np.log10(255**2 / np.square(difference).mean()) > 36
    coverage = to_square(coverage, size)
    assert np.abs(coverage - cv2.resize(mask[..., 0], (size, size), interpolation=cv2.INTER_AREA)).mean() < 0.5


def test_the_studio_does_not_reach_the_rim(tmp_path: Path) -> None:
    photo = write_photo(tmp_path, "a_01")
    green = np.where(read_image(photo.mask) > 0, (200, 0, 0), (0, 200, 0)).astype(np.uint8)
    Image.fromarray(green).save(photo.image, quality=98, subsampling=0)
    image, coverage = cut_out(photo, size=100)
    assert (image[to_square(coverage, 100) == 0] == 255).all()
    assert np.abs(image[..., 1].astype(int) - image[..., 2]).max() < 12  # red and white only: green equals blue


def test_stitched_pairs_are_copied_byte_for_byte(stitched: Path, tmp_path: Path) -> None:
    prepare(layout=STITCHED, raw=stitched, out=tmp_path / "pairs")
    table = pd.read_csv(tmp_path / "pairs/pairs.csv", dtype=str)
    assert list(table["source"]) == ["train/1.png", "train/2.jpg", "train/10.jpg", "val/1.jpg", "test/1.jpg"]
    assert set(table["width"]) == set(table["height"]) == {"32"}
    for source in table["source"]:
        assert (tmp_path / "pairs" / source).read_bytes() == (stitched / source).read_bytes()


@pytest.mark.parametrize("place", ["{split}/{side}", "{split}{side}"])
def test_folders_are_stitched_losslessly(tmp_path: Path, place: str) -> None:
    a, b = (tmp_path / "raw" / place.format(split="train", side=side) for side in "AB")
    write_image(a / "x.png", seed=1)
    write_image(b / "x.jpg", seed=2)
    prepare(layout=FOLDERS, raw=tmp_path / "raw", out=tmp_path / "pairs")
    (pair,) = read_pairs(tmp_path / "pairs", "train")
    sides = split_sides(read_image(pair.path))
    assert np.array_equal(sides[0], read_image(a / "x.png")) and np.array_equal(sides[1], read_image(b / "x.jpg"))
    source, target = read_sides(pair, direction="BtoA", size=32)
    assert source.shape == target.shape == (32, 32, 3)


# ---- refuse, do not repair -------------------------------------------------------------------------------------------


def truncate(path: Path, *, keep: float = 0.6) -> None:
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])


def other_size(path: Path) -> None:
    Image.new("P", (190, 128), 1).save(path)


def rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(read_image(path)).save(path, exif=exif)


def empty_mask(path: Path) -> None:
    Image.new("P", (192, 128)).save(path)


PHOTO, MASK = f"train/{IDS[1]}_02.jpg", f"train_masks/{IDS[1]}_02_mask.gif"
BAD_CARS: list[tuple[str, Callable[[Path], object], str]] = [
    (MASK, Path.unlink, PHOTO),
    (PHOTO, Path.unlink, MASK),
    (PHOTO, lambda path: path.write_bytes(b"no JPEG"), PHOTO),
    (PHOTO, truncate, PHOTO),
    (PHOTO, lambda path: truncate(path, keep=0.98), PHOTO),
    (PHOTO, rotated, PHOTO),
    (MASK, truncate, MASK),
    (MASK, other_size, MASK),
    (MASK, empty_mask, MASK),
    ("train/notes.txt", Path.touch, "train/notes.txt"),
]
BAD_STITCHED: list[tuple[str, Callable[[Path], object], str]] = [
    ("train/2.jpg", truncate, "train/2.jpg"),
    ("train/1.png", truncate, "train/1.png"),
    ("val/1.jpg", lambda path: path.write_bytes(b""), "val/1.jpg"),
    ("train/3.png", lambda path: write_image(path, width=63), "train/3.png: 63 pixels"),
    ("val/7.jpg", lambda path: shutil.copy(path.parents[1] / "train/2.jpg", path), "train/2.jpg and val/7.jpg"),
    ("train/2.png", lambda path: write_image(path, seed=9), "id '2'"),
    ("train/A", Path.mkdir, "train/A: not an image"),
    ("validation", Path.mkdir, "validation"),
]
BAD_FOLDERS: list[tuple[str, Callable[[Path], object], str]] = [
    ("train/B/x.jpg", Path.unlink, "train/A/x.png"),
    ("train/A/y.png", Path.unlink, "train/B/y.png"),
    ("train/B/y.png", lambda path: write_image(path, width=66), "64 x 32 and 66 x 32"),
    ("valA/x.png", truncate, "valA/x.png"),
    ("trainA", Path.mkdir, "two places"),
]


def refuses(layout: CarvanaLayout | StitchedLayout | FoldersLayout, raw: Path, named: str) -> None:
    out = raw.parent / "pairs"
    with pytest.raises(ValueError) as refused:
        prepare(layout=layout, raw=raw, out=out)
    assert named in str(refused.value) and "\n" not in str(refused.value)
    assert sorted(p.name for p in raw.parent.iterdir()) == ["raw"], "something was left behind"


@pytest.mark.parametrize(("where", "spoil", "named"), BAD_CARS)
def test_bad_photo_or_mask_is_named(cars: Path, where: str, spoil: Callable[[Path], object], named: str) -> None:
    spoil(cars / where)
    refuses(CARS, cars, named)


@pytest.mark.parametrize(("where", "spoil", "named"), BAD_STITCHED)
def test_bad_stitched_is_named(stitched: Path, where: str, spoil: Callable[[Path], object], named: str) -> None:
    spoil(stitched / where)
    refuses(STITCHED, stitched, named)


@pytest.mark.parametrize(("where", "spoil", "named"), BAD_FOLDERS)
def test_bad_side_is_named(folders: Path, where: str, spoil: Callable[[Path], object], named: str) -> None:
    spoil(folders / where)
    refuses(FOLDERS, folders, named)


def test_somebody_must_be_left_to_train_on(cars: Path) -> None:
    refuses(CARS.model_copy(update={"hold_out": 5}), cars, "hold_out is 5, but there are only 5 cars")


def test_a_failed_run_keeps_the_last_good_output(stitched: Path, tmp_path: Path) -> None:
    prepare(layout=STITCHED, raw=stitched, out=tmp_path / "pairs")
    truncate(stitched / "train/2.jpg")
    with pytest.raises(ValueError, match=r"2\.jpg"):
        prepare(layout=STITCHED, raw=stitched, out=tmp_path / "pairs")
    assert len(read_pairs(tmp_path / "pairs", "train")) == 3


def test_a_bad_command_ends_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(REPO / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, line in [("facades", "data/raw/facades: no such folder; download"), ("fassades", "no 'fassades'")]:
        monkeypatch.setattr(sys, "argv", ["prepare", name])
        with pytest.raises(SystemExit, match=line):
            run(verb.main)


def test_the_command_prints_counts_and_nothing_else(tmp_path: Path) -> None:
    shutil.copy(REPO / "params.yaml", tmp_path)
    for number in range(2 * verb.IMAGES_A_WORKER):  # enough for two workers
        write_image(tmp_path / f"data/raw/facades/train/{number}.png", width=16, height=8, seed=number)
    command = [sys.executable, "-m", "stages.prepare", "facades"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "train    200 pairs\ndata/pairs/facades: A and B 8 x 8 pixels\n"
    assert done.stderr == ""
