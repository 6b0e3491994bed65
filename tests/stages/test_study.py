"""The study on a bare machine: one command, resumable, packs what a README needs and no weights."""

import tarfile
from pathlib import Path

import pytest

from tests.support.repository import REPO
from tools.study import run_studies


def test_a_study_runs_once_and_continues(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    run_studies(["tiny"])
    with tarfile.open("study.tar.gz") as archive:
        names = archive.getnames()
    assert "results/tiny.md" in names
    assert "results/tiny/first/metrics.json" in names
    assert "results/tiny/first/images/val/1.png" in names
    assert "logs/records/first.json" in names
    assert not [name for name in names if name.endswith(".safetensors")]
    trained = Path("models/first/last.safetensors").stat().st_mtime_ns
    Path("results/tiny.png").unlink()
    run_studies(["tiny"])
    assert Path("results/tiny.png").exists()
    assert Path("models/first/last.safetensors").stat().st_mtime_ns == trained


def test_an_unknown_report_is_named(tiny_repo: Path) -> None:
    with pytest.raises(ValueError, match="there is no 'nope'"):
        run_studies(["nope"])
