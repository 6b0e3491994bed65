"""Three engines at once on one clone: each waits or refuses clearly, and neither dvc.lock nor the cache is harmed."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pix2pix.config.configuration import Configuration
from tests.support.clones import call, clone, start
from tests.support.soaks import Soak
from tests.support.tiny import TINY

REFUSALS = (
    "Directory cannot be locked. Please make sure that no other Snakemake process is trying to create the same files",
    "is busy, it is being blocked by",  # by a process that DVC names
    "Unable to acquire lock. Most likely another DVC process is running",
    "is being written by another process",
    "is being trained by another process",
    "It could be that a concurrent process has deleted it while Snakemake was running",  # before its first job
)


@pytest.mark.soak
def test_three_engines_at_once_leave_a_true_record(soak: Soak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIX2PIX_THREADS", "1")
    datasets, experiments = (5, 6) if soak.full else (1, 1)
    verbs = [] if soak.full else ["train@mean0"]
    rules = [verb.replace("@", "_") for verb in verbs]
    fresh = clone(tmp_path / "fresh", _graph(datasets, experiments))
    alone = Path(shutil.copytree(fresh, tmp_path / "alone", symlinks=True))
    if soak.full:
        call(alone, "snakemake", "--cores", "8")
        _check_hashes(alone)
    refused = finished = 0
    for _ in range(soak.rounds(1, 5)):
        folder = Path(shutil.copytree(fresh, tmp_path / "clone", symlinks=True))
        commands = [["snakemake", "--cores", "8", *rules]] * 2 + [["dvc", "repro", *verbs]]
        logs = [f"engine{i}.log" for i in range(3)]
        engines = [start(folder, *words, log=log) for words, log in zip(commands, logs, strict=True)]
        for engine, log in zip(engines, logs, strict=True):
            if engine.wait() == 0:
                finished += 1
            else:
                text = (folder / "logs" / log).read_text(encoding="utf-8")
                assert any(line in text for line in REFUSALS), text
                refused += 1
        call(folder, "dvc", "repro", *verbs)
        assert "up to date" in call(folder, "dvc", "status", *verbs)
        stages = _check_hashes(folder)
        if soak.full:
            assert stages == _check_hashes(alone)
            assert len(stages.keys() - {"fingerprint"}) == 30
        shutil.rmtree(folder)
    assert finished
    soak.counts |= {"rounds": soak.rounds(1, 5), "stages": len(stages), "finished": finished, "refused": refused}


def _graph(datasets: int, experiments: int) -> dict[str, Any]:
    """2 stages a data set, 3 an experiment, 1 a report: 30 of 5, 6 and 2."""
    houses, mean = TINY["datasets"]["houses"], TINY["experiments"]["first_mean"]
    configuration = TINY | {
        "datasets": {f"houses{i}": houses | {"download": houses["download"] | {"seed": i}} for i in range(datasets)},
        "experiments": {
            f"mean{i}": mean | {"study": f"table{i % 2}", "dataset": f"houses{i % datasets}"}
            for i in range(experiments)
        },
        "studies": {f"table{i}": TINY["studies"]["tiny"] for i in range(min(2, experiments))},
    }
    assert Configuration(configuration).problems() == []
    return configuration


def _check_hashes(folder: Path) -> dict[str, Any]:
    """Every object of the cache has the name of its content, every out the content that dvc.lock says; its stages."""
    cache = folder / ".dvc/cache/files/md5"
    for path in (path for path in cache.rglob("*") if path.is_file()):
        assert _md5(path) == (path.parent.name + path.name).removesuffix(".dir"), path
    stages: dict[str, Any] = YAML(typ="safe").load(folder / "dvc.lock")["stages"]
    for out in (out for stage in stages.values() for out in stage["outs"]):
        path, md5 = folder / out["path"], out["md5"]
        if md5.endswith(".dir"):
            listed = json.loads((cache / md5[:2] / md5[2:]).read_text(encoding="utf-8"))
            found = {p.relative_to(path).as_posix(): _md5(p) for p in path.rglob("*") if p.is_file()}
            found.pop(".snakemake_timestamp", None)
            assert found == {entry["relpath"]: entry["md5"] for entry in listed}, path
        else:
            assert _md5(path) == md5, path
    return stages


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
