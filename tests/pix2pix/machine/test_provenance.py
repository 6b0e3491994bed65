"""Laws of what a record says: a commit is named only of the repository that tracks this code."""

import subprocess
from pathlib import Path

import pytest

from pix2pix.machine import provenance


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_commit_is_that_of_this_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of a repository around an unpacked archive of it, nor of one that GIT_DIR names."""
    code = tmp_path / "thesis/pix2pix/code.py"
    for folder in (code.parent, tmp_path / "other"):
        folder.mkdir(parents=True)
    for folder in (tmp_path / "thesis", tmp_path / "other"):
        git(folder, "init", "-q")
        git(folder, "commit", "-q", "--allow-empty", "-m", folder.name)
    code.write_text("1\n", encoding="utf-8")
    monkeypatch.chdir(code.parent)
    monkeypatch.setattr(provenance, "__file__", str(code))
    assert provenance.commit(("code.py",)) == "unknown"
    git(code.parent, "add", "code.py")
    git(code.parent, "commit", "-q", "-m", "tracked")
    head = git(code.parent, "rev-parse", "--short=12", "HEAD")
    assert provenance.commit(("code.py",)) == head
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    assert provenance.commit(("code.py",)) == head
    code.write_text("2\n", encoding="utf-8")
    assert provenance.commit(("code.py",)) == f"{head}+"
