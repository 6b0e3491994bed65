"""Laws of a disk that is full: one line, nothing half-written, the same command goes on."""

import errno
import random
import shutil
from pathlib import Path

import pytest

from pix2pix.training.finished import publish
from tests.support.disks import (
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


def test_a_disk_that_fills_up_within_a_folder_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("samples", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.png").write_bytes(b"1")
    (tmp_path / "best.safetensors").write_bytes(b"2")
    copy_file = shutil.copyfile

    def fill(source: Path, target: Path) -> None:
        copy_file(source, target)
        if target.parent.name == ".samples.partial":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fill)
    with pytest.raises(OSError, match="No space left") as raised:
        publish(tmp_path, tmp_path / "out")
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(tmp_path / "out/samples")
    assert not (tmp_path / "out/samples").exists()


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
