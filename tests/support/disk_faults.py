"""Verbs called on a disk that is full, read-only or closed to us, and what they left of their outputs."""

import ctypes
import errno
import fcntl
import hashlib
import importlib
import multiprocessing
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pix2pix.files.entry_point import run
from pix2pix.machine import resources
from pix2pix.networks.weights import load_tensors
from pix2pix.training import resume as runs
from tests.support.repository import REPO
from tests.support.tiny import ONE, TINY, write_configuration

EXPERIMENT = "results/tiny/first"
EVALUATED = (
    "per_image.csv", "distributions.npz", "metrics.json", "intervals.json", "controls.json", "best_and_worst.png",
)  # fmt: skip
TRAINED = ("samples", "kept", "history.csv", "last.safetensors")
OUTS = {  # of a verb: the name it is called with, what it declares
    "download": ("houses", ["data/raw/houses"]),
    "prepare": ("houses", ["data/pairs/houses"]),
    "train": ("first", [f"models/first/{name}" for name in TRAINED]),
    "render": (
        "first",
        [f"{EXPERIMENT}/{name}" for name in ("images", "shown", "grid.png", "training.png", "card.json")],
    ),
    "evaluate": (
        "first",
        [f"{EXPERIMENT}/{name}" for name in EVALUATED],
    ),
    "report": ("tiny", [f"results/tiny{suffix}" for suffix in (".md", ".png", ".html")]),
}
PROCESSES = multiprocessing.get_context("forkserver")  # a child of it has imported already what a training needs
PRELOADED = ["tests.support.disk_faults", "torch._dynamo", "torch.utils.tensorboard"]
PRELOADED += [f"stages.{verb}" for verb in OUTS]


def call(
    verb: str, *, limit: int | None = None, owner: bool = False, odd: bool = False, stderr: str | None = None
) -> tuple[int, str]:
    """Run `python -m stages.<verb> ...` here; its exit code, and what it said.

    `limit`: bytes that a file may have, which needs no disk of our own; `owner`: as any owner of files, not as root;
    `odd`: on a machine that is no Linux, and a disk that has no locks and does not sync folders.
    """
    PROCESSES.set_forkserver_preload(PRELOADED)
    with tempfile.NamedTemporaryFile() as said:
        child = PROCESSES.Process(target=_verb, args=(verb, said.name, stderr or said.name, limit, owner, odd))
        child.start()
        child.join(120)
        assert child.exitcode is not None, f"{verb} hangs"
        return child.exitcode, Path(said.name).read_text(encoding="utf-8")


def _verb(verb: str, stdout: str, stderr: str, limit: int | None, owner: bool, odd: bool) -> None:
    for stream, name in ((1, stdout), (2, stderr)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND), stream)
    os.environ |= {"PIX2PIX_THREADS": "1", "PIX2PIX_PRECISION": "fp32"}
    runs.SAVE_SECONDS, runs.SAVE_SHARE = 0.0, 1e9  # a state after every step
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if odd:
        _take_away_what_linux_has()
    if owner and os.getuid() == 0:
        _heed_permissions()
    sys.argv = [verb, OUTS[verb][0]]
    run(importlib.import_module(f"stages.{verb}").main)


def _take_away_what_linux_has() -> None:
    """And what a local disk has: flock (as NFS without its daemon), and fsync of folders (as some shared folders)."""

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    def fsync(fd: Any) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    fcntl.flock, os.fsync, sys.platform = flock, fsync, "darwin"
    resources.CGROUPS = resources.OWN_CGROUP = Path("/nowhere")
    del os.sched_getaffinity, os.sched_setaffinity


def _heed_permissions() -> None:
    """Give up root's CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
    system = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert system.capget(header, sets) == 0
    sets[0] &= ~0b110  # the effective ones
    assert system.capset(header, sets) == 0


def digests(verb: str) -> dict[str, dict[str, str]]:
    """Of each declared output that is there, its files."""
    found = {}
    for out in map(Path, OUTS[verb][1]):
        files = [out] if out.is_file() else sorted(path for path in out.rglob("*") if path.is_file())
        if files:
            found[str(out)] = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return found


def left() -> list[str]:
    return [str(path) for path in Path().rglob(".*") if path.suffix in (".partial", ".tmp", ".lock", ".held")]


def saved_step() -> int | None:
    """Step of the state on disk, which must be whole."""
    states = list(Path("scratch/train/first").glob("*/state.safetensors"))
    return load_tensors(states[0])[1]["step"] if states else None


def assert_one_line(code: int, said: str, *words: str) -> None:
    assert code == 1, said
    assert "Traceback" not in said
    (line,) = (line for line in said.splitlines() if line.startswith("error:"))
    assert all(word in line for word in words), line
    assert re.match(r"error: \S+: ", line), f"no file is named: {line}"


@pytest.fixture(name="straight", scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every verb ran undisturbed."""
    folder = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPO))  # where the fork server finds what it preloads
        patch.chdir(folder)
        write_configuration(ONE | {"recipes": {"quick": TINY["recipes"]["quick"] | {"epochs": 2}}})
        for verb in OUTS:
            code, said = call(verb)
            assert code == 0, said
        shutil.rmtree("scratch")
        shutil.rmtree("logs")
        assert call("report")[0] == 0  # it shows records of logs/ where there are any
    return folder


@pytest.fixture(name="copy")
def copied(straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything is, to be made again by one verb."""
    folder = tmp_path / "copy"
    shutil.copytree(straight, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def start_over(verb: str) -> dict[str, dict[str, str]]:
    """Forget what the verb made; its digests."""
    wanted = digests(verb)
    for path in map(Path, [*OUTS[verb][1], "scratch", "logs"]):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return wanted


@pytest.fixture(name="small_disk")
def mounted_disk(straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same on a disk of its own, whose size `resize` sets."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    shutil.copytree(straight, disk, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(disk)
    yield disk
    monkeypatch.undo()
    subprocess.run(["umount", "--lazy", disk], check=True)  # the fork server of the last verb may be ending still


def resize(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)
