"""Laws of download: whole or not at all, counted, and a subset is the same whichever archive it is cut from."""

import errno
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config.datasets import (
    ArchiveSource,
    CarvanaSource,
    DrawnCarsSource,
    DrawnFacadesSource,
    Gta5Source,
    LocalSource,
)
from pix2pix.files.entry_point import run
from stages.download import download
from tests.support.faulty_http_server import serving
from tests.support.raw_archives import bring, refused, write_tar, write_zip
from tests.support.repository import REPO

CARS = ["03a857ce842d", "0cdf5b5d0ce1", "0ce66b539f52"]
KEY = "config/datasets.yaml: datasets.some.download"


def house_archive(path: Path, count: int = 3) -> Path:
    return write_tar(path / "facades.tar.gz", {f"facades/train/{n}.jpg": b"%d" % n for n in range(1, count + 1)})


def houses(**changes: object) -> ArchiveSource:
    return ArchiveSource.model_validate({"source": "pix2pix", "archive": "facades", "expect": {"train": 3}} | changes)


def car_archives(folder: Path, cars: list[str], *, without: str = "") -> Path:
    names = [f"{car}_{view:02d}" for car in cars for view in (1, 2)]
    photos = {f"train/{name}.jpg": name.encode() for name in names}
    masks = {f"train_masks/{name}_mask.gif": name.encode() for name in names}
    write_zip(folder / "carvana/train.zip", {name: photos[name] for name in photos if name != without})
    write_zip(folder / "carvana/train_masks.zip", {name: masks[name] for name in masks if name != without})
    return folder


def cars(only: list[str] | None, expect_cars: int, expect_views: int = 2) -> CarvanaSource:
    return CarvanaSource(source="carvana", cars=only, expect_cars=expect_cars, expect_views=expect_views)


# ---- drawn data ------------------------------------------------------------------------------------------------------


def test_drawn_cars_come_in_the_layout_and_form_of_carvana(tmp_path: Path) -> None:
    files = bring(tmp_path, DrawnCarsSource(source="drawn_cars", cars=2, views=3, size=64, seed=0))
    photos = [name for name in files if re.fullmatch(r"train/[0-9a-f]{12}_0[123]\.jpg", name)]
    masks = [name for name in files if re.fullmatch(r"train_masks/[0-9a-f]{12}_0[123]_mask\.gif", name)]
    assert (len(photos), len(masks), len(files)) == (6, 6, 12)
    with Image.open(io.BytesIO(files[masks[0]])) as mask:
        assert (mask.mode, mask.size, set(np.unique(np.asarray(mask)))) == ("P", (64, 64), {0, 1})


def test_drawn_facades_are_photo_and_label_side_by_side(tmp_path: Path) -> None:
    files = bring(tmp_path, DrawnFacadesSource(source="drawn_facades", train=2, val=1, size=64, seed=0))
    assert sorted(files) == ["train/1.jpg", "train/2.jpg", "val/1.jpg"]
    assert len(set(files.values())) == 3
    with Image.open(io.BytesIO(files["val/1.jpg"])) as house:
        assert house.size == (128, 64)


# ---- subsets and counts ----------------------------------------------------------------------------------------------


def test_subset_of_cars_is_the_same_from_the_whole_and_from_a_partial_archive(tmp_path: Path) -> None:
    source = cars(CARS[:2], 2)
    whole = bring(tmp_path / "a", source, car_archives(tmp_path / "whole", CARS))
    assert bring(tmp_path / "b", source, car_archives(tmp_path / "part", CARS[:2])) == whole
    assert len(whole) == 8


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (houses(expect={"train": 4}), rf"3 images in train, 4 expected \({KEY}.expect.train\); correct the number, or"),
        (houses(expect={"train": 3, "val": 1}), r"0 images in val \(there are: train 3\), 1 expected"),
        (houses(expect={"val": 1}), "3 images in train, 0 expected"),
        (cars(None, 318), rf"3 cars in the archives, 318 expected \({KEY}.expect_cars\)"),
        (cars(None, 3, 16), rf"2 photos of car {CARS[0]}, 16 expected \({KEY}.expect_views\)"),
        (cars([CARS[0], "f" * 12], 2), rf"car ffffffffffff is not in the archives \({KEY}.cars\)"),
        (
            Gta5Source(source="gta5", parts=[4], expect_frames=60),
            rf"1 images in the archives, 60 expected \({KEY}.expect_frames\)",
        ),
    ],
)
def test_wrong_counts_are_refused_with_both_numbers_and_the_key(
    tmp_path: Path, source: ArchiveSource | CarvanaSource | Gta5Source, says: str
) -> None:
    house_archive(tmp_path)
    car_archives(tmp_path, CARS)
    for kind in ("images", "labels"):
        write_zip(tmp_path / f"gta5/04_{kind}.zip", {f"{kind}/00001.png": b""})
    assert re.match(f"some: {says}", refused(tmp_path, source, tmp_path))


@pytest.mark.parametrize("lost", [f"train/{CARS[1]}_02.jpg", f"train_masks/{CARS[1]}_02_mask.gif"])
def test_photo_without_mask_and_mask_without_photo_are_named(tmp_path: Path, lost: str) -> None:
    assert f"{CARS[1]}_02" in refused(tmp_path, cars(None, 3), car_archives(tmp_path, CARS, without=lost))


def test_refusal_leaves_the_former_raw_folder(tmp_path: Path) -> None:
    house_archive(tmp_path)
    bring(tmp_path, houses(), tmp_path)
    with pytest.raises(ValueError, match="3 images in train, 5 expected"):
        bring(tmp_path, houses(expect={"train": 5}), tmp_path)
    assert len(list(tmp_path.glob("data/raw/some/train/*.jpg"))) == 3


def test_damaged_archive_is_named_and_downloaded_again_unless_it_is_the_mirrors_own(tmp_path: Path) -> None:
    archive = house_archive(tmp_path)
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-20])
    assert re.match(f"{archive}: truncated, .*; replace it$", refused(tmp_path, houses(), tmp_path))
    assert archive.exists()
    with serving(whole[:-20]) as host:
        again = r".*/facades.tar.gz: truncated, .*; the same command downloads it again$"
        assert re.match(again, refused(tmp_path, houses(), host.address))
        host.content = whole
        assert len(bring(tmp_path, houses(), host.address)) == 3


# ---- one's own data --------------------------------------------------------------------------------------------------


def test_local_folder_zip_and_tar_give_the_same_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files = {f"train/{side}/{n}.png": f"{side}{n}".encode() for side in "AB" for n in (1, 2, 10)}
    junk = {"train/A/.DS_Store": b"", "__MACOSX/train/A/._1.png": b""}
    for name, content in (files | junk).items():
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_bytes(content)
    for kind in ("zip", "gztar"):
        shutil.make_archive(str(tmp_path / "own"), kind, root_dir=tmp_path, base_dir="own")
    for name in ("own", "own.zip", "own.tar.gz"):
        source = LocalSource(source="local", path=f"~/{name}", limit={"train": 2}, expect={"train": 2})
        found = bring(tmp_path / f"out of {name}", source)
        assert found == {name: content for name, content in files.items() if "10" not in name}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nowhere", rf"no such folder or archive \({KEY}.path\)$"),
        ("empty", "no images in it$"),
        (".", rf"holds .*data/raw itself; .* \({KEY}.path\)$"),
    ],
)
def test_unusable_local_path_is_named(tmp_path: Path, path: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    own = tmp_path / path
    line = refused(tmp_path, LocalSource(source="local", path=str(own)))
    assert re.match(f"{own}: {says}", line)


def own_pairs(root: Path) -> Path:
    for name in ("train/A/1.png", "train/B/1.png", "val/A/1.png", "val/B/1.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def local(path: Path) -> LocalSource:
    return LocalSource(source="local", path=str(path))


def test_trees_that_prepare_can_read_by_patterns_are_brought_as_they_are(tmp_path: Path) -> None:
    for names in (["1.png", "2.JPG"], ["A/1.png", "B/1.png"], ["photos/train/1.png", "masks/train/1.png"]):
        own = tmp_path / names[0].partition("/")[0] / "own"
        for name in names:
            (own / name).parent.mkdir(parents=True, exist_ok=True)
            (own / name).touch()
        assert sorted(bring(own.parent, local(own))) == sorted(names)
    by_split = LocalSource(source="local", path=str(tmp_path / "A/own"), limit={"val": 1})
    assert "no folder of val" in refused(tmp_path, by_split)


@pytest.mark.parametrize("linked", ["val", "train", "train/A"])
def test_links_to_folders_are_followed(tmp_path: Path, linked: str) -> None:
    own = own_pairs(tmp_path / "own")
    (own / linked).rename(tmp_path / "other disk")
    (own / linked).symlink_to(tmp_path / "other disk")
    assert sorted(bring(tmp_path, local(own))) == ["train/A/1.png", "train/B/1.png", "val/A/1.png", "val/B/1.png"]


@pytest.mark.parametrize(
    ("name", "target", "says"),
    [
        ("val/A/2.png", "/nowhere/object", r"val/A/2\.png: a link that leads nowhere \(/nowhere/object\)"),
        ("val/A/round", "..", "val/A/round: a link in a circle"),
    ],
)
def test_dead_links_and_circles_are_named(tmp_path: Path, name: str, target: str, says: str) -> None:
    own = own_pairs(tmp_path / "own")
    (own / name).symlink_to(target)
    assert re.match(f"{own}/{says}", refused(tmp_path, local(own)))


def test_names_that_later_stages_cannot_keep_are_refused_at_once(tmp_path: Path) -> None:
    for name, says in ((os.fsdecode(b"\xe9t\xe9.png"), "is not UTF-8; rename it"), ("n" * 245 + ".png", "249 bytes")):
        own = own_pairs(tmp_path / f"own {says}")
        (own / "train/A" / name).touch()
        assert says in refused(tmp_path, local(own))


def test_what_is_not_read_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = own_pairs(tmp_path / "own")
    for name in ("train/A/2.HEIC", "train/B/2.heic", "notes.txt", "train/Thumbs.DB", "val/A/._1.png"):
        (own / name).touch()
    assert len(bring(tmp_path, local(own))) == 4
    assert (
        "3 files not read: 2 .heic, 1 .txt; for photos in HEIC: pip install pillow-heif, or save them as JPEG\n"
        in capsys.readouterr().out
    )


PAIRS = ("train/A/1.png", "train/B/1.png", "val/A/1.png", "val/B/1.png")


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["README.md", "data/LICENSE", *(f"data/{name}" for name in PAIRS)], "2 files not read: 1 .md, 1 LICENSE\n"),
        ([f"set-main/data/{name}" for name in PAIRS] + ["set-main/docs/page.png"], "1 files not read: 1 .png\n"),
        (["\\".join(("data", *name.split("/"))) for name in PAIRS], ""),
    ],
)
def test_pairs_are_found_in_an_archive_as_people_pack_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str], line: str
) -> None:
    """A README beside the top folder, two wrappings, the backslashes of old programs for Windows."""
    archive = write_zip(tmp_path / "own.zip", {name: name.encode() for name in names})
    assert sorted(bring(tmp_path, local(archive))) == sorted(PAIRS)
    assert capsys.readouterr().out.startswith(line)


@pytest.mark.parametrize("packed", ["{}", "facades/{}", "a/b/{}"])
def test_an_official_set_may_be_packed_again(tmp_path: Path, packed: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = [*(packed.format(f"train/{number}.jpg") for number in (1, 2, 3)), "notes.txt"]
    write_tar(tmp_path / "facades.tar.gz", {name: b"" for name in names})
    assert sorted(bring(tmp_path, houses(), tmp_path)) == ["train/1.jpg", "train/2.jpg", "train/3.jpg"]
    assert capsys.readouterr().out.startswith("1 files not read: 1 .txt\n")


@pytest.mark.parametrize("folder", ["", "kaggle/input/"])
def test_cars_and_frames_may_be_packed_in_any_folder(tmp_path: Path, folder: str) -> None:
    write_zip(tmp_path / "carvana/train.zip", {f"{folder}a_01.jpg": b"", f"{folder}notes.txt": b""})
    write_zip(tmp_path / "carvana/train_masks.zip", {f"{folder}a_01_mask.gif": b""})
    assert sorted(bring(tmp_path, cars(None, 1, 1), tmp_path)) == ["train/a_01.jpg", "train_masks/a_01_mask.gif"]
    for kind in ("images", "labels"):
        write_zip(tmp_path / f"gta5/04_{kind}.zip", {f"{folder}00001.png": b""})
    source = Gta5Source(source="gta5", parts=[4], expect_frames=1)
    assert sorted(bring(tmp_path, source, tmp_path)) == ["images/00001.png", "labels/00001.png"]


def test_an_archive_of_something_else_is_named_with_what_it_holds(tmp_path: Path) -> None:
    write_zip(tmp_path / "carvana/train.zip", {"a_01_mask.gif": b""})
    assert refused(tmp_path, cars(None, 1), tmp_path).endswith(
        "train.zip: holds no <car>_<view>.jpg, but a_01_mask.gif"
    )
    assert "no images in it, but train.zip" in refused(
        tmp_path, local(write_zip(tmp_path / "x.zip", {"train.zip": b""}))
    )


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by root, who may read all."""
    own, iterdir = own_pairs(tmp_path / "own"), Path.iterdir

    def closed(folder: Path) -> Iterator[Path]:
        if folder.name == "val":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(SystemExit, match=f"^error: {own}/val: no permission"):
        run(partial(download, "own", local(own), raw=tmp_path / "raw", downloads=tmp_path, mirror=None))


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "file", "why"),
    [
        ("facades", "facades.tar.gz", r"http://efrosgans[^ ]*/facades.tar.gz: Connection refused"),
        ("carvana", "carvana/train.zip", r"kaggle:.*~/.kaggle/access_token.*carvana-image-masking-challenge/rules"),
    ],
)
def test_without_network_mirror_and_token_one_line_says_what_to_do(
    tmp_path: Path, dataset: str, file: str, why: str
) -> None:
    for name in ("params.yaml", "config"):
        (tmp_path / name).symlink_to(REPO / name)
    own = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "KAGGLE" not in name}
    nobody = {"http_proxy": "http://127.0.0.1:9", "DATA_MIRROR": "nowhere", "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "stages.download", dataset],
        cwd=tmp_path,
        env=own | {"PYTHONPATH": str(REPO)} | nobody,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(
        rf"error: {file}: could not be downloaded \(nowhere/{file}: no such file; {why}\); "
        rf"check the network, or set DATA_MIRROR to a folder or an address that has {file}\n",
        ended.stderr,
    )
    assert not list((tmp_path / "data/raw").iterdir())
