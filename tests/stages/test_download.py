"""Laws of download: whole or not at all, counted, and a subset is the same whichever archive it is cut from."""

import io
import os
import re
import subprocess
import sys
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
)
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


# ---- as people pack them ---------------------------------------------------------------------------------------------


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
