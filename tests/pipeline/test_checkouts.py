"""Laws of a checkout: an archive of the source works without git, and git changes no byte of a file."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.clones import BIN, call, clone
from tests.support.tiny import ONE


@pytest.fixture(name="source")
def source_in_git(tmp_path: Path) -> Path:
    return clone(tmp_path / "source", ONE)


def test_an_archive_of_the_source_needs_no_git_no_home_and_no_tmpdir(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "pix2pix-main"
    subprocess.run(["git", "archive", "-o", tmp_path / "main.zip", "HEAD"], cwd=source, check=True)
    shutil.unpack_archive(tmp_path / "main.zip", folder)
    call(folder, "dvc", "repro", "fingerprint")
    (tmp_path / ".cache").touch()  # so that nothing can be written in it, by root neither
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / ".cache")}
    subprocess.run([BIN / "snakemake", "--dry-run", "report_tiny"], cwd=folder, env=environment, check=True)


def test_data_may_be_a_link_to_another_disk(source: Path, tmp_path: Path) -> None:
    disk = tmp_path / "other_disk"
    (disk / "raw").mkdir(parents=True)
    (disk / "raw/.gitignore").symlink_to(tmp_path / "another_clone/.gitignore")
    (source / "data").symlink_to(disk)
    call(source, "dvc", "repro", "download@houses")
    assert (disk / "raw/houses/val/1.jpg").exists()
    assert "up to date" in call(source, "dvc", "status", "download@houses")


def test_git_changes_no_byte_on_checkout(source: Path, tmp_path: Path) -> None:
    """Results whose hashes stand in dvc.lock, and scripts, stay as they were committed."""
    git = ["git", "-c", "core.autocrlf=true"]
    subprocess.run([*git, "clone", "-q", source, tmp_path / "windows"], check=True)
    files = subprocess.run(["git", "ls-files", "-z"], cwd=source, capture_output=True, text=True, check=True).stdout
    for name in files.split("\0")[:-1]:
        assert (tmp_path / "windows" / name).read_bytes() == (source / name).read_bytes(), name
