"""Studies on a bare machine: one command, resumable, within its time; what it packs can be unpacked elsewhere."""

import io
import json
import subprocess
import tarfile
import time
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from pix2pix.config.configuration import Configuration
from pix2pix.networks.weights import load_tensors
from stages.render import render
from tests.support.repository import REPO
from tests.support.tiny import ONE, TINY, write_configuration
from tools import run_studies as tool
from tools.run_studies import pack, run_studies, unpack

OUT = Path("packed")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    monkeypatch.setenv("PIX2PIX_THREADS", "1")


def test_a_study_runs_once_continues_and_is_unpacked_elsewhere(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_configuration(ONE)
    names = ["study:tiny"]
    assert run_studies(names, Configuration(ONE), OUT, part_mb=0.1) == []
    packed = {path.name for path in OUT.iterdir()}
    assert {"first.json", "study_tiny.json", "first.tar.00", "first.tar.01", "study_tiny.tar.00"} <= packed
    assert all(path.stat().st_size <= 100_000 for path in OUT.iterdir())
    before = {path: path.stat().st_mtime_ns for path in OUT.iterdir()}
    run_studies(names, Configuration(ONE), OUT)
    assert {path: path.stat().st_mtime_ns for path in OUT.iterdir()} == before, "it was made again"

    here, there = Path.cwd(), tmp_path_factory.mktemp("home")
    monkeypatch.chdir(there)
    write_configuration(ONE)
    (there / "data").symlink_to(here / "data")
    assert run_studies(names, Configuration(ONE), here / OUT) == [], "another machine has nothing to do"
    for name in ("results/tiny.md", "results/tiny/first/metrics.json", "results/tiny/first/images/val/1.png"):
        assert (there / name).read_bytes() == (here / name).read_bytes()
    assert {"models/first/history.csv", "logs/records/first.json"} <= {
        path.relative_to(there).as_posix() for path in there.rglob("*")
    }
    (own, said), (found, said_there) = (load_tensors(root / "models/first/last.safetensors") for root in (here, there))
    assert said == said_there
    assert all(torch.equal(found[key], tensor.half().float()) for key, tensor in own.items())
    render(Configuration(ONE).experiment("first"))


def test_a_training_is_stopped_in_time_and_saves_its_state(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = ONE | {"recipes": {"quick": TINY["recipes"]["quick"] | {"epochs": 10_000}}}
    write_configuration(long)

    class Late(subprocess.Popen[bytes]):
        """Its time is over once it has trained for an epoch."""

        def wait(self, timeout: float | None = None) -> int:
            if timeout and self.poll() is None and not trained():
                while not trained() and self.poll() is None:
                    time.sleep(0.05)
                raise subprocess.TimeoutExpired(self.args, timeout)
            return super().wait(timeout)

    def trained() -> bool:
        return any(Path("scratch").glob("train/first/*/samples/epoch_0001.png"))

    monkeypatch.setattr(subprocess, "Popen", Late)
    assert run_studies(["first"], Configuration(long), OUT, seconds=1000) == ["first"]
    assert "stopped; the same command continues" in Path("logs/run_studies/train_first.txt").read_text()
    (state,) = Path("scratch/train/first").glob("*/state.safetensors")
    assert load_tensors(state)[1]["step"] >= 4
    assert run_studies(["first"], Configuration(long), OUT, seconds=tool.GRACE) == ["first"], "no time to begin"
    assert not list(Path("logs/run_studies").glob("render*")) and not OUT.exists()


def test_one_that_fails_costs_no_other_its_turn(tiny_repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = TINY["experiments"]["first"] | {"set": {"batch_size": 9}}
    both = TINY | {"experiments": {"broken": broken, "first_mean": TINY["experiments"]["first_mean"]}}
    write_configuration(both)
    with pytest.raises(ValueError, match=r"^failed: broken; mend it"):
        run_studies(["broken", "first_mean"], Configuration(both), OUT, side_by_side=2)
    assert "train broken: error: data/pairs/houses: 8 training pairs, but batch_size is 9" in capsys.readouterr().err
    assert (OUT / "first_mean.json").exists() and not (OUT / "broken.json").exists()


def test_an_unknown_name_is_told_before_anything_runs(configuration: Configuration) -> None:
    for name in ("nope", "study:nope"):
        with pytest.raises(ValueError, match="there is no 'nope'"):
            run_studies(["first", name], configuration, OUT)


def test_a_list_names_experiments_and_everything_is_unpacked(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("list.txt").write_text("# worth most\nfirst_mean  # cheap\n\n", encoding="utf-8")
    asked: list[list[str]] = []

    def asks(names: list[str], *_: object, **__: float) -> list[str]:
        asked.append(names)
        return names[-1:]

    monkeypatch.setattr(tool, "run_studies", asks)
    monkeypatch.setattr("sys.argv", ["run_studies", "first", "--list", "list.txt", "--seconds", "9"])
    tool.main()
    assert asked == [["first", "first_mean"]]
    assert "packed: left for the next call: first_mean" in capsys.readouterr().out
    Path("results").mkdir()
    Path("results/a.txt").write_text("a", encoding="utf-8")
    pack("a", [Path("results")], OUT)
    Path("results/a.txt").unlink()
    monkeypatch.setattr("sys.argv", ["run_studies", "--unpack"])
    tool.main()
    assert Path("results/a.txt").read_text(encoding="utf-8") == "a"


@pytest.mark.parametrize("member", ["../outside", "/outside", "stages/train.py", "results/../stages/train.py", "link"])
def test_what_does_not_belong_here_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str) -> None:
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("results/link" if member == "link" else member)
        if member == "link":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    OUT.mkdir()
    (OUT / "a.tar.00").write_bytes(buffer.getvalue())
    (OUT / "a.json").write_text(json.dumps({"a.tar.00": sha256(buffer.getvalue()).hexdigest()}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"packed/a\.tar: .* is no file of results, models or logs"):
        unpack("a", OUT)
    (OUT / "a.tar.00").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"packed/a\.tar\.00: not the part that was packed"):
        unpack("a", OUT)
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]
