"""Laws of `make same-bits`: dvc.lock becomes what DVC itself would write, but only where the tiny twins are equal."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.support.clones import call
from tools import same_bits as tool
from tools.same_bits import difference, same_bits


@pytest.fixture
def changed(by_dvc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone, recorded with the code of its commit, in which the code of the metrics was then changed."""
    folder = Path(shutil.copytree(by_dvc, tmp_path / "clone", symlinks=True))
    with (folder / "pix2pix/evaluation/metrics.py").open("a", encoding="utf-8") as file:
        file.write("\n\nNOT_USED = 1\n")
    monkeypatch.chdir(folder)
    return folder


def twins(monkeypatch: pytest.MonkeyPatch, *, now: str) -> None:
    """In place of the real ones, which take half a minute."""

    def make(code: Path, folder: Path) -> None:
        (folder / "models").mkdir(parents=True)
        (folder / "models/history.csv").write_text(now if code == Path.cwd() else "0.5")

    monkeypatch.setattr(tool, "make_twin", make)


def test_equal_twins_leave_the_lock_that_dvc_would_write(
    changed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also without the outputs, as in a fresh checkout."""
    twins(monkeypatch, now="0.5")
    with_outputs = Path(shutil.copytree(changed, tmp_path / "with_outputs", symlinks=True))
    for name in ("data", "models", "results", "fingerprints", ".dvc/cache"):
        shutil.rmtree(name)
    assert same_bits("HEAD") == 6 + 8  # of six stages, and the eight that the fingerprint stage makes
    call(with_outputs, "dvc", "repro", "fingerprint")
    assert "evaluate@first" in call(with_outputs, "dvc", "status")
    call(with_outputs, "dvc", "commit", "--force")
    assert Path("dvc.lock").read_text() == (with_outputs / "dvc.lock").read_text()
    assert "up to date" in call(with_outputs, "dvc", "status")


def test_twins_that_differ_change_nothing(changed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twins(monkeypatch, now="0.6")
    lock = Path("dvc.lock").read_bytes()
    with pytest.raises(
        ValueError, match=r"^models/history\.csv differs from that of HEAD; dvc\.lock is left as it is$"
    ):
        same_bits("HEAD")
    with pytest.raises(ValueError, match=r"^no code: fatal: .*nonsense"):
        same_bits("nonsense")
    for file in changed.glob("stages/*.py"):
        file.write_text(f"{file.read_text()}\n\nNOT_USED = 2\n")
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "other code"], check=True)
    with pytest.raises(ValueError, match=r"^dvc\.lock records nothing with the code of HEAD$"):
        same_bits("HEAD")
    assert Path("dvc.lock").read_bytes() == lock


def test_stages_that_are_meant_to_change_stay_stale(changed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(code: Path, folder: Path) -> None:
        (folder / "results/tiny/first").mkdir(parents=True)
        (folder / "results/tiny/first/metrics.json").write_text(str(code == Path.cwd()))

    monkeypatch.setattr(tool, "make_twin", make)
    with pytest.raises(ValueError, match=r"^results/tiny/first/metrics\.json differs"):
        same_bits("HEAD", stale=["report"])
    everything = 6 + 8
    assert 0 < same_bits("HEAD", stale=["evaluate"]) < everything
    assert "evaluate@first" in (stale := call(changed, "dvc", "status")) and "fcn_score" not in stale


def test_what_differs_is_named_and_other_metadata_is_no_difference(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, metadata in ((one, {"about": "x"}), (other, {"x": "y"})):
        for name in ("models", "results", "scratch"):
            (folder / name).mkdir(parents=True)
        (folder / "scratch/state").write_text(str(folder))
        (folder / "results/card.json").write_text(json.dumps({"n": 3, "metadata": str(metadata)}))
        (folder / "results/metrics.json").write_text('{"a": 1}')
        save_file({"w": np.ones(3, np.float32)}, folder / "models/last.safetensors", metadata)
    assert difference(one, other) is None
    (other / "results/metrics.json").write_text('{"a": 2}')
    assert difference(one, other) == "results/metrics.json"
    save_file({"w": np.zeros(3, np.float32)}, other / "models/last.safetensors")
    assert difference(one, other) == "models/last.safetensors"
    (other / "models/last.safetensors").unlink()
    assert difference(one, other) == difference(other, one) == "models/last.safetensors"
