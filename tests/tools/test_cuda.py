"""The day a GPU is at hand, rehearsed on a CPU at tiny sizes: each check writes its table, once."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import cuda
from tests.support.repository import REPO
from tests.support.tiny import ONE, write_configuration
from tools.run_studies import Verbs

CHECKS = ("learners", "again", "speed", "full", "quality_first", "quality_first_plain")
NAMES = ["--small", "first", "--facades", "first", "--paper", "first", "--quality", "first", "--out", "out"]


def test_each_check_writes_its_table_and_is_made_once(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_configuration(ONE)
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    monkeypatch.setenv("PIX2PIX_THREADS", "1")
    monkeypatch.setattr(cuda, "ROUNDS", 1)
    for name in CHECKS:
        monkeypatch.setattr("sys.argv", ["cuda", *NAMES, "--only", name])
        cuda.main()
    tables = {path.stem: pd.read_csv(path) for path in Path("out").glob("*.csv")}
    assert {*tables} == {*CHECKS}
    assert tables["learners"]["right"].all() and tables["again"]["right"].all()
    assert tables["again"]["run"].tolist() == ["again", "interrupted", "eager"]
    assert (tables["again"][["losses", "weights"]] == 0).all(axis=None), "on one CPU all are the same bits"
    assert tables["full"]["seconds"].iloc[0] > 0 and tables["quality_first"]["ssim"].notna().all()

    Path("out/learners.csv").unlink()
    Path("out/speed.csv").unlink()
    before = {path: path.stat().st_mtime_ns for path in Path("out").glob("*.csv")}
    monkeypatch.setattr("sys.argv", ["cuda", *NAMES])
    called: list[str] = []

    def one(verbs: Verbs, title: str, *called_with: Any) -> None:
        if called:
            verbs.end = 0.0  # time is over after the first
        called.append(title)
        call(verbs, title, *called_with)

    call = Verbs.call
    monkeypatch.setattr(Verbs, "call", one)
    cuda.main()
    assert called == ["learners", "speed"] and "speed is for the next call" in capsys.readouterr().out
    assert Path("out/learners.csv").exists() and not Path("out/speed.csv").exists()
    assert {path: path.stat().st_mtime_ns for path in before} == before, "measured again"
