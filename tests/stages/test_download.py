"""Laws of download: whole or not at all, counted, and what a subset is does not depend on where it is cut from."""

import io
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config.datasets import ArchiveSource, CarvanaSource, DrawnCarsSource, DrawnFacadesSource, LocalSource
from tests.support.raw import bring, refused, write_tar, write_zip
from tests.support.repository import REPO

CARS = ["03a857ce842d", "0cdf5b5d0ce1", "0ce66b539f52"]
PARAMS = """
datasets:
  facades:
    download: {source: pix2pix, archive: facades, expect: {train: 3}}
    prepare: {layout: stitched}
    labels: facades
    held_out: val
  cars:
    download: {source: carvana, expect_cars: 318, expect_views: 16}
    prepare: {layout: carvana, size: 64, hold_out: 5, seed: 0, edges: {method: canny, blur_sigma: 1.0, low: 1, high: 2}}
    labels: null
    held_out: val
models: {}
recipes: {}
experiments: {}
scores: {}
probes: {}
reports: {}
"""


def facades(count: int = 3) -> dict[str, bytes]:
    return {f"facades/train/{n}.jpg": b"house %d" % n for n in range(1, count + 1)}


def carvana(folder: Path, cars: list[str], views: int = 2, without: str = "") -> Path:
    names = [f"{car}_{view:02d}" for car in cars for view in range(1, views + 1)]
    photos = {f"train/{name}.jpg": name.encode() for name in names}
    masks = {f"train_masks/{name}_mask.gif": name.encode() for name in names}
    write_zip(folder / "carvana/train.zip", {name: photos[name] for name in photos if name != without})
    write_zip(folder / "carvana/train_masks.zip", {name: masks[name] for name in masks if name != without})
    return folder


def house_archive(**changes: object) -> ArchiveSource:
    return ArchiveSource.model_validate({"source": "pix2pix", "archive": "facades", "expect": {"train": 3}} | changes)


def carvana_source(cars: list[str] | None, expect_cars: int, expect_views: int = 2) -> CarvanaSource:
    return CarvanaSource(source="carvana", cars=cars, expect_cars=expect_cars, expect_views=expect_views)


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
    assert list(files) == ["train/1.jpg", "train/2.jpg", "val/1.jpg"]
    assert len(set(files.values())) == 3
    with Image.open(io.BytesIO(files["val/1.jpg"])) as house:
        assert house.size == (128, 64)


# ---- subsets and counts ----------------------------------------------------------------------------------------------


def test_subset_of_cars_is_the_same_from_the_whole_and_from_a_partial_archive(tmp_path: Path) -> None:
    source = carvana_source(CARS[:2], 2)
    whole = bring(tmp_path / "a", source, carvana(tmp_path / "whole", CARS))
    part = bring(tmp_path / "b", source, carvana(tmp_path / "part", CARS[:2]))
    assert whole == part
    assert len(whole) == 8


def test_limit_keeps_the_first_by_number(tmp_path: Path) -> None:
    write_tar(tmp_path / "facades.tar.gz", facades(12) | {"facades/val/7.jpg": b"", "facades/readme.txt": b""})
    source = house_archive(limit={"train": 3}, expect={"train": 3, "val": 1})
    assert list(bring(tmp_path, source, tmp_path)) == ["train/1.jpg", "train/2.jpg", "train/3.jpg", "val/7.jpg"]


def test_wrong_counts_are_refused_with_both_numbers_and_the_key(tmp_path: Path) -> None:
    mirror = carvana(tmp_path, CARS)
    assert refused(tmp_path, carvana_source(None, 318), mirror) == (
        "some: 3 cars in the archives, 318 expected (params.yaml: datasets.some.download.expect_cars)"
    )
    assert f"2 photos of car {CARS[0]}, 16 expected" in refused(tmp_path, carvana_source(None, 3, 16), mirror)
    assert "car ffffffffffff is not there" in refused(tmp_path, carvana_source([CARS[0], "f" * 12], 2), mirror)

    write_tar(tmp_path / "facades.tar.gz", facades())
    assert "3 images in train, 4 expected (params.yaml: datasets.some.download.expect.train)" in refused(
        tmp_path, house_archive(expect={"train": 4}), tmp_path
    )
    assert "0 images in val, 1 expected" in refused(tmp_path, house_archive(expect={"train": 3, "val": 1}), tmp_path)
    assert "3 images in train, 0 expected" in refused(tmp_path, house_archive(expect={"val": 1}), tmp_path)


@pytest.mark.parametrize("lost", [f"train/{CARS[1]}_02.jpg", f"train_masks/{CARS[1]}_02_mask.gif"])
def test_photo_without_mask_and_mask_without_photo_are_named(tmp_path: Path, lost: str) -> None:
    line = refused(tmp_path, carvana_source(None, 3), carvana(tmp_path, CARS, without=lost))
    assert f"{CARS[1]}_02" in line


def test_refusal_leaves_the_former_raw_folder(tmp_path: Path) -> None:
    write_tar(tmp_path / "facades.tar.gz", facades())
    before = bring(tmp_path, house_archive(), tmp_path)
    with pytest.raises(ValueError, match="3 images in train, 5 expected"):
        bring(tmp_path, house_archive(expect={"train": 5}), tmp_path)
    assert bring(tmp_path, house_archive(), tmp_path) == before


def test_wrong_digest_is_refused(tmp_path: Path) -> None:
    write_tar(tmp_path / "facades.tar.gz", facades())
    assert f"{'0' * 64} expected" in refused(tmp_path, house_archive(sha256="0" * 64), tmp_path)


# ---- one's own data --------------------------------------------------------------------------------------------------


def test_local_folder_zip_and_tar_give_the_same_tree(tmp_path: Path) -> None:
    files = {f"train/{side}/{n}.png": f"{side}{n}".encode() for side in "AB" for n in (1, 2, 10)}
    junk = {"train/A/.DS_Store": b"", "__MACOSX/train/A/._1.png": b""}
    for name, content in (files | junk).items():
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_bytes(content)
    wrapped = {f"own/{name}": content for name, content in files.items()}
    write_zip(tmp_path / "own.zip", wrapped | junk)
    write_tar(tmp_path / "own.tgz", wrapped)
    for path in ("own", "own.zip", "own.tgz"):
        source = LocalSource(source="local", path=str(tmp_path / path), limit={"train": 2}, expect={"train": 2})
        found = bring(tmp_path / f"out of {path}", source)
        assert found == {name: content for name, content in files.items() if "10" not in name}


def test_missing_and_empty_local_paths_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    key = r"\(params.yaml: datasets.some.download.path\)"
    assert re.search(f"nowhere: no such.*{key}", refused(tmp_path, LocalSource(source="local", path="nowhere")))
    line = refused(tmp_path, LocalSource(source="local", path=str(tmp_path / "empty")))
    assert re.search(f"no images in folders train.*{key}", line)


# ---- the command -----------------------------------------------------------------------------------------------------


def command(tmp_path: Path, dataset: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "params.yaml").write_text(PARAMS)
    own = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "KAGGLE" not in name}
    own.pop("DATA_MIRROR", None)
    return subprocess.run(
        [sys.executable, "-m", "stages.download", dataset],
        cwd=tmp_path,
        env=own | {"PYTHONPATH": str(REPO), "HOME": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def dead_address() -> str:
    with socket.socket() as taken:  # a port where nobody listens any more
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_without_network_and_mirror_one_line_says_what_to_do(tmp_path: Path) -> None:
    ended = command(tmp_path, "facades", http_proxy=dead_address(), DATA_MIRROR="nowhere")
    assert ended.returncode == 1
    assert re.fullmatch(
        r"error: facades.tar.gz could not be had: nowhere/facades.tar.gz: no such file; "
        r"http://efrosgans[^ ]*/facades.tar.gz: Connection refused; "
        r"set DATA_MIRROR to a folder or address that has facades.tar.gz, or check the network\n",
        ended.stderr,
    )
    assert not [path for path in (tmp_path / "data").rglob("*") if path.name != "raw"]


def test_missing_kaggle_token_says_where_the_token_and_the_rules_are(tmp_path: Path) -> None:
    ended = command(tmp_path, "cars")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert not ended.stdout
    for hint in ("~/.kaggle/access_token", "carvana-image-masking-challenge/rules", "DATA_MIRROR", "carvana/train.zip"):
        assert hint in ended.stderr


def test_command_with_a_mirror_folder_says_what_came(tmp_path: Path) -> None:
    write_tar(tmp_path / "mirror/facades.tar.gz", facades())
    ended = command(tmp_path, "facades", DATA_MIRROR="mirror")
    assert (ended.returncode, ended.stdout) == (0, "data/raw/facades: train 3\n"), ended.stderr
