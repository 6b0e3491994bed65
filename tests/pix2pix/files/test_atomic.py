"""Laws of outputs that appear whole or not at all."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from pix2pix.files.atomic import whole_file, whole_folder


def test_a_folder_is_filled_by_one_process_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as partial:
        (partial / "kept").touch()
        with pytest.raises(ValueError, match="out is being written by another process; wait for it"), whole_folder(out):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in out.iterdir()] == ["kept"]


def test_a_folder_is_never_seen_half_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, remove = tmp_path / "out", shutil.rmtree

    def watched(folder: Path, **given: Any) -> None:
        assert folder != out
        remove(folder, **given)

    monkeypatch.setattr(shutil, "rmtree", watched)
    for name in ("old", "new"):
        with whole_folder(out) as partial:
            (partial / name).touch()
    assert [path.name for path in out.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with whole_file(out) as partial:
        partial.write_text("first")
        with pytest.raises(ValueError, match=r"out\.json is being written by another process"), whole_file(out):
            pass
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.json", "first")]


def test_a_kill_between_the_two_renamings_costs_nothing(tmp_path: Path) -> None:
    for folder, name in ((".out.old", "before"), (".out.partial", "half")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).touch()
    with pytest.raises(OSError, match="no network"), whole_folder(tmp_path / "out"):
        raise OSError("no network")
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["out", "out/before"]


def test_a_link_stays_a_link_to_the_new_content(tmp_path: Path) -> None:
    (tmp_path / "large_disk/out").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "large_disk/out")
    for name in ("old", "new"):
        with whole_folder(tmp_path / "out") as partial:
            (partial / name).touch()
    assert (tmp_path / "out").is_symlink()
    assert [path.relative_to(tmp_path).as_posix() for path in sorted((tmp_path / "large_disk").rglob("*"))] == [
        "large_disk/out",
        "large_disk/out/new",
    ]
