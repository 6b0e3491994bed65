"""Laws of a disk that is full, read-only or closed to us: one line, nothing half-written, the same command goes on."""

import ctypes
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import save_file

from stages.command import run
from stages.pix2pix import runs
from stages.pix2pix.checkpoints import load_tensors, save_tensors
from tests.conftest import TINY
from tests.soaks import Soak

REPO = Path(__file__).resolve().parents[1]
EXPERIMENT = "results/tiny/first"
TRAINED = ("best.safetensors", "samples", "kept", "history.csv", "last.safetensors")
OUTS = {  # of a verb: the name it is called with, what it declares
    "download": ("houses", ["data/raw/houses"]),
    "prepare": ("houses", ["data/pairs/houses"]),
    "train": ("first", [f"models/first/{name}" for name in TRAINED]),
    "render": ("first", [f"{EXPERIMENT}/{name}" for name in ("images", "grid.png", "training.png", "card.json")]),
    "evaluate": ("first", [f"{EXPERIMENT}/{name}" for name in ("per_image.csv", "metrics.json", "strip.png")]),
    "report": ("tiny", [f"results/tiny{suffix}" for suffix in (".md", ".png", ".html")]),
}
PROCESSES = multiprocessing.get_context("forkserver")  # a child of it has torch imported already
PRELOADED = ["tests.test_disk", "torch.utils.tensorboard", *(f"stages.{verb}" for verb in OUTS)]


def call(verb: str, *, limit: int | None = None, owner: bool = False, stderr: str | None = None) -> tuple[int, str]:
    """Run `python -m stages.<verb> ...` here; its exit code, and what it said.

    `limit`: bytes that a file may have, which needs no disk of our own; `owner`: as any owner of files, not as root.
    """
    PROCESSES.set_forkserver_preload(PRELOADED)
    with tempfile.NamedTemporaryFile() as said:
        child = PROCESSES.Process(target=_verb, args=(verb, said.name, stderr or said.name, limit, owner))
        child.start()
        child.join(120)
        assert child.exitcode is not None, f"{verb} hangs"
        return child.exitcode, Path(said.name).read_text(encoding="utf-8")


def _verb(verb: str, stdout: str, stderr: str, limit: int | None, owner: bool) -> None:
    for stream, name in ((1, stdout), (2, stderr)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND), stream)
    os.environ |= {"PIX2PIX_THREADS": "1", "PIX2PIX_PRECISION": "fp32"}
    runs.SAVE_SECONDS, runs.SAVE_SHARE = 0.0, 1e9  # a state after every step
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if owner and os.getuid() == 0:
        _heed_permissions()
    sys.argv = [verb, OUTS[verb][0]]
    run(importlib.import_module(f"stages.{verb}").main)


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
    return [str(path) for path in Path().rglob(".*") if ".partial" in path.name or ".tmp" in path.name]


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


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every verb ran undisturbed."""
    folder = tmp_path_factory.mktemp("straight")
    tiny = TINY | {
        "recipes": {"quick": TINY["recipes"]["quick"] | {"epochs": 2}},
        "experiments": {"first": TINY["experiments"]["first"]},
        "reports": {"tiny": {"title": "Tiny", "references": []}},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPO))  # where the fork server finds what it preloads
        patch.chdir(folder)
        with Path("params.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(tiny, file)
        for verb in OUTS:
            code, said = call(verb)
            assert code == 0, said
        shutil.rmtree("scratch")
        shutil.rmtree("logs")
    return folder


@pytest.fixture
def copy(straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything is, to be made again by one verb."""
    folder = tmp_path / "copy"
    shutil.copytree(straight, folder)
    monkeypatch.chdir(folder)
    return folder


def start_over(verb: str) -> dict[str, dict[str, str]]:
    """Forget what the verb made; its digests."""
    wanted = digests(verb)
    for path in map(Path, [*OUTS[verb][1], "scratch", "logs"]):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return wanted


# ---- full ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same on a disk of its own, whose size `resize` sets."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    shutil.copytree(straight, disk, dirs_exist_ok=True)
    monkeypatch.chdir(disk)
    yield disk
    monkeypatch.undo()
    subprocess.run(["umount", disk], check=True)


def resize(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


@pytest.mark.soak
@pytest.mark.parametrize("verb", OUTS)
def test_a_disk_that_fills_up_at_any_moment_loses_nothing(verb: str, small_disk: Path, soak: Soak) -> None:
    chance = random.Random(f"disk {verb}")
    whole = shutil.disk_usage(small_disk).used
    wanted = start_over(verb)
    room = (whole - shutil.disk_usage(small_disk).used) // 1024
    room *= 4 if verb == "train" else 1  # for its scratch and logs
    soak.counts["full disks"] = 0
    for _ in range(soak.rounds(4, 40) if verb == "train" else soak.rounds(1, 10)):
        used = shutil.disk_usage(small_disk).used // 1024
        resize(small_disk, f"size={used + chance.randrange(4, room)}k")
        code, said = call(verb)
        resize(small_disk, "size=50%")
        if code:
            soak.counts["full disks"] += 1
            assert_one_line(code, said, "the disk is full", "the same command continues")
            assert not left()
            assert digests(verb).items() <= wanted.items()
            step = saved_step()
            code, said = call(verb)
            assert code == 0, said
            if step is not None:
                soak.counts["trainings continued"] = soak.counts.get("trainings continued", 0) + 1
                assert f"continuing first at step {step}" in said or "publishing it again" in said
        assert digests(verb) == wanted
        start_over(verb)
    assert soak.counts["full disks"]


@pytest.mark.parametrize("verb", OUTS)
def test_a_file_that_may_not_grow_stops_a_verb_and_loses_nothing(verb: str, copy: Path) -> None:
    """The disk's answer to a write is the same as of a full one; needs no disk of its own."""
    wanted = start_over(verb)
    code, said = call(verb, limit=1000)
    assert_one_line(code, said, "the disk is full", "the same command continues")
    assert not left()
    assert digests(verb).items() <= wanted.items()
    code, said = call(verb)
    assert code == 0, said
    assert digests(verb) == wanted


@pytest.mark.parametrize("full", ["models", "logs", "scratch"])
def test_training_goes_on_once_the_full_disk_of_one_folder_has_room(full: str, small_disk: Path, copy: Path) -> None:
    """`logs` takes no curves and then no record, `models` no weights: neither costs a step of training."""
    wanted = start_over("train")
    shutil.rmtree("models")
    resize(small_disk, f"size={shutil.disk_usage(small_disk).used // 1024 + 60}k")
    Path(full).symlink_to(small_disk / "results")
    code, said = call("train")
    assert_one_line(code, said, "the disk is full")
    assert (saved_step() or 0) == {"models": 8, "logs": 8, "scratch": 0}[full]
    assert ("no more curves (No space left on device); training goes on" in said) == (full == "logs")
    resize(small_disk, "size=50%")
    code, said = call("train")
    assert code == 0, said
    assert ("continuing first at step 8" in said or "publishing it again" in said) == (full != "scratch")
    assert digests("train") == wanted


# ---- read-only, or closed --------------------------------------------------------------------------------------------


def test_a_disk_that_became_read_only_is_named_and_then_goes_on(small_disk: Path) -> None:
    for verb in ("prepare", "train", "render"):
        wanted = start_over(verb)
        resize(small_disk, "ro")
        assert_one_line(*call(verb), "no permission (Read-only file system)", "the same command continues")
        resize(small_disk, "rw")
        code, said = call(verb)
        assert code == 0, said
        assert digests(verb) == wanted


@pytest.mark.parametrize(
    ("verb", "closed"),
    [
        ("download", "data/raw"),
        ("prepare", "data/pairs"),
        ("prepare", "data/raw/houses/train/1.jpg"),
        ("train", "params.yaml"),
        ("train", "models/first"),
        ("train", "logs"),
        ("train", "data/pairs/houses/val/1.jpg"),
        ("render", EXPERIMENT),
        ("render", "models/first/last.safetensors"),
        ("evaluate", EXPERIMENT),
        ("evaluate", f"{EXPERIMENT}/images/val/1.png"),
        ("report", f"{EXPERIMENT}/grid.png"),
    ],
)
def test_what_is_closed_to_us_is_named_and_opened_goes_on(verb: str, closed: str, copy: Path) -> None:
    wanted = start_over(verb)
    for folder in ("models/first", "logs"):
        Path(folder).mkdir(exist_ok=True)
    before = Path(closed).stat().st_mode
    Path(closed).chmod(0o555 if Path(closed).is_dir() else 0)
    assert_one_line(*call(verb, owner=True), closed, "ermission")
    Path(closed).chmod(before)
    code, said = call(verb, owner=True)
    assert code == 0, said
    assert digests(verb) == wanted


@pytest.mark.parametrize("place", ["models", "models/first/best.safetensors"])
def test_a_file_in_place_of_a_folder_or_the_reverse_is_named(place: str, copy: Path) -> None:
    wanted = start_over("train")
    if Path(place).suffix:
        Path(place).mkdir(parents=True)
    else:
        shutil.rmtree(place, ignore_errors=True)
        Path(place).touch()
    assert_one_line(*call("train"), place, "irectory")
    Path(place).rmdir() if Path(place).is_dir() else Path(place).unlink()
    code, said = call("train")
    assert code == 0, said
    assert digests("train") == wanted


def test_nowhere_to_say_it_stops_with_a_code_and_keeps_the_state(copy: Path) -> None:
    """A log on a full disk: the bar's line fails, and so does the last word."""
    wanted = start_over("train")
    assert call("train", stderr="/dev/full")[0] != 0
    code, said = call("train")
    assert code == 0, said
    assert digests("train") == wanted


def test_weights_have_the_bytes_of_safetensors_and_the_permissions_of_any_file(tmp_path: Path) -> None:
    """Its own save_file leaves them readable by their owner alone, and a file of its naming after a kill."""
    tensors = {"b": torch.ones(3), "a": torch.zeros(2, 5), "n": torch.tensor(7), "s": torch.rand(4).double()}
    save_tensors(tmp_path / "ours", tensors, {"name": "ä", "n": 1})
    save_file(tensors, tmp_path / "theirs", metadata={"about": json.dumps({"n": 1, "name": "ä"})})
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    (tmp_path / "plain").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
