"""Laws of a disk that is read-only or closed to us: what is closed is named, and opened the same command goes on."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pix2pix.networks.weights import save_tensors
from tests.support.disks import (
    EXPERIMENT,
    assert_one_line,
    call,
    copied,  # noqa: F401
    digests,
    mounted_disk,  # noqa: F401
    resize,
    start_over,
    undisturbed,  # noqa: F401
)


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
