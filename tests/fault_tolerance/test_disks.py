"""Laws of a disk that is full, read-only or closed to us: one line, nothing half-written, the same command goes on."""

import random
import shutil
from pathlib import Path

import pytest

from tests.support.disk_faults import (
    EXPERIMENT,
    OUTS,
    assert_one_line,
    call,
    copied,  # noqa: F401
    digests,
    left,
    mounted_disk,  # noqa: F401
    resize,
    saved_step,
    start_over,
    undisturbed,  # noqa: F401
)
from tests.support.soaks import Soak


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


@pytest.mark.parametrize("verb", OUTS)
def test_a_machine_without_locks_and_linux_does_the_same(verb: str, copy: Path) -> None:
    wanted = start_over(verb)
    code, said = call(verb, odd=True)
    assert code == 0, said
    for less in ("no locks (No locks available)", "no order to keep a renaming (Invalid argument)"):
        assert said.count(f"warning: this disk takes {less}") == 1, said
    assert not left()
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


def test_a_disk_that_became_read_only_is_named_and_then_goes_on(small_disk: Path) -> None:
    for verb in ("prepare", "train"):
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
        ("train", "models/first"),
        ("train", "data/pairs/houses/val/1.jpg"),
        ("render", "models/first/last.safetensors"),
        ("evaluate", EXPERIMENT),
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
