"""Laws of prepare: whole cars held out, nothing recompressed, nothing half-written, whatever the number of workers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pix2pix.config.drawings import CannyEdges, Drawing, RedrawnEdges
from pix2pix.files.entry_point import run
from pix2pix.files.images import read_image
from pix2pix.pairs.carvana import cut_out, mask_path, photo_path
from pix2pix.pairs.edges import draw
from pix2pix.pairs.stitched import read_drawings, read_pairs, read_sides, split_sides
from stages import prepare as verb
from stages.prepare import prepare
from tests.support.raw_trees import CANNY, CARS, DOODLE, FILES, LAYOUTS, NAMES, PENCIL, REDRAWN, write_image
from tests.support.repository import REPO
from tests.support.tiny import TINY, write_configuration


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


@pytest.mark.parametrize("layout", ["stitched"])
def test_a_failed_run_keeps_the_last_good_output(raw: Path, tmp_path: Path, layout: str) -> None:
    prepare(layout=LAYOUTS[layout], raw=raw, out=tmp_path / "pairs")
    (raw / "train/2.jpg").write_bytes((raw / "train/2.jpg").read_bytes()[:500])
    with pytest.raises(ValueError, match=r"2\.jpg"):
        prepare(layout=LAYOUTS[layout], raw=raw, out=tmp_path / "pairs")
    assert len(read_pairs(tmp_path / "pairs", "train")) == 3


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
