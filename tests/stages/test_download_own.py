"""Laws of download: one's own folder or archive is read whole, wherever the pairs lie in it, or refused by name."""

import errno
import os
import re
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pix2pix.config.datasets import (
    LocalSource,
)
from pix2pix.files.entry_point import run
from stages.download import download, main
from tests.support.raw_archives import bring, refused, write_tar, write_zip
from tests.support.tiny import TINY, write_configuration

KEY = "config/datasets.yaml: datasets.some.download"


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


def test_relative_paths_are_of_the_project_wherever_dvc_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under `dvc exp run --temp` and --queue, whose copy of the project lies elsewhere."""
    own_pairs(tmp_path / "own")
    write_tar(tmp_path / "mirror/maps.tar.gz", {"maps/train/1.jpg": b"1"})
    official = {"source": "pix2pix", "archive": "maps", "expect": {"train": 1}}
    sources = {"own": {"source": "local", "path": "../own"}, "some": official}
    datasets = {name: {"download": source, "prepare": {"layout": "stitched"}} for name, source in sources.items()}
    for folder in ("project", "elsewhere/copy"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere/copy")
    write_configuration(TINY | {"datasets": TINY["datasets"] | datasets})
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "project"))
    monkeypatch.setenv("DATA_MIRROR", "../mirror")
    for name in sources:
        monkeypatch.setattr(sys, "argv", ["download", name])
        main()
    assert Path("data/raw/own/train/A/1.png").exists() and Path("data/raw/some/train/1.jpg").exists()


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
        ("up", "../..", "up: a link in a circle"),  # named before all that lies there is looked at
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
    for name in ("train/A/2.HEIC", "train/B/2.heic", "notes.txt", "train/Thumbs.DB", "val/A/._1.png", "val/Icon\r"):
        (own / name).touch()
    (own / "lost+found").mkdir()
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


def test_an_archive_of_archives_is_named_with_what_it_holds(tmp_path: Path) -> None:
    nested = write_zip(tmp_path / "x.zip", {"train.zip": b""})
    assert refused(tmp_path, local(nested)) == f"{nested}: no images in it, but train.zip"
