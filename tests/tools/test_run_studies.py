"""Studies on a bare machine: one command, resumable, packs what a README needs and no weights."""

import tarfile
from pathlib import Path

import pytest

from pix2pix.config.configuration import Configuration
from tests.support.repository import REPO
from tests.support.tiny import TINY, write_configuration
from tools.run_studies import run_studies


def test_a_study_runs_once_and_continues(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    one = TINY | {
        "experiments": {"first": TINY["experiments"]["first"]},
        "studies": {"tiny": TINY["studies"]["tiny"] | {"baselines": []}},
    }
    write_configuration(one)
    run_studies(["tiny"], Configuration(one))
    with tarfile.open("studies.tar.gz") as archive:
        names = archive.getnames()
    assert {
        "results/tiny.md",
        "results/tiny/first/metrics.json",
        "results/tiny/first/images/val/1.png",
        "logs/records/first.json",
    } <= {*names}
    assert not [name for name in names if name.endswith(".safetensors")]
    trained = Path("models/first/last.safetensors").stat().st_mtime_ns
    Path("results/tiny.png").unlink()
    run_studies(["tiny"], Configuration(one))
    assert Path("results/tiny.png").exists()
    assert Path("models/first/last.safetensors").stat().st_mtime_ns == trained


def test_an_unknown_study_is_named(configuration: Configuration) -> None:
    with pytest.raises(ValueError, match="there is no 'nope'"):
        run_studies(["nope"], configuration)
