"""Laws of broken weights: refused by name, nothing run, no memory for what a file claims."""

import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pix2pix.config.reader import read_configuration
from pix2pix.files.images import write_png
from pix2pix.networks.inference import load_trained
from pix2pix.networks.weights import network_tensors, save_tensors
from stages.render import render, render_folder
from tests.support.memory import peak
from tests.support.repository import REPO
from tests.support.soaks import Soak
from tests.support.tiny import random_image
from tests.support.weights_cases import (
    MODELS,
    WEIGHTS,
    Payload,
    joined,
    split,
    spoil_about,
    spoil_file,
    spoil_header,
    spoil_numbers,
    weights_of_each_kind,  # noqa: F401
)

SEED = 4
MEGABYTES = 300  # more than this for a file of some kB is unbounded
CPU = torch.device("cpu")


@pytest.fixture
def repo(tiny_repo: Path) -> Path:
    WEIGHTS.parent.mkdir(parents=True)
    return tiny_repo


@pytest.mark.soak
def test_spoiled_weights_are_refused_by_name_or_are_the_same_weights(
    repo: Path, weights: dict[str, bytes], soak: Soak
) -> None:
    rng, rounds, refused = np.random.default_rng(SEED), soak.rounds(100, 600), 0
    spoilers = (spoil_file, spoil_header, spoil_about, spoil_numbers)
    source = random_image(0)
    for i in range(rounds):
        model = str(rng.choice(list(weights)))
        content = spoilers[i % len(spoilers)](weights[model], rng)
        WEIGHTS.write_bytes(content)
        before = peak()
        try:
            trained = load_trained(WEIGHTS, CPU)
            answer = trained.generate(source, id="a")
        except ValueError as error:
            refused += 1
            assert str(error).startswith(f"{WEIGHTS}: ") or "not finite" in str(error), (i, error)
            assert "\n" not in str(error)
        else:
            assert answer.shape == source.shape
            Path("good").write_bytes(weights[model])
            good, own = (
                load_file("good"),
                network_tensors("generator", getattr(trained.generator, "network", trained.generator)),
            )
            same = all(torch.equal(own[name], good[name]) for name in good)
            assert same or spoilers[i % 4] is spoil_file, (i, "other numbers passed")  # no checksum: a flip may
        assert peak() - before < MEGABYTES, i
    assert refused > rounds / 2
    soak.counts["files"], soak.counts["refused"] = rounds, refused


@pytest.fixture
def foreign(repo: Path, weights: dict[str, bytes]) -> dict[str, Callable[[], object]]:
    """What may lie under a weights file's name."""
    header, data = split(weights["tiny"])
    about = json.loads(header["__metadata__"]["about"])
    bare = {name: value for name, value in header.items() if name != "__metadata__"}
    return {
        "empty": lambda: WEIGHTS.write_bytes(b""),
        "a folder": WEIGHTS.mkdir,
        "a pipe": lambda: os.mkfifo(WEIGHTS),
        "a link to nothing": lambda: WEIGHTS.symlink_to("nothing"),
        "a pickle": lambda: WEIGHTS.write_bytes(pickle.dumps(Payload())),
        "torch's pickle": lambda: torch.save(Payload(), WEIGHTS),
        "torch's old pickle": lambda: torch.save(Payload(), WEIGHTS, _use_new_zipfile_serialization=False),
        "a huge header": lambda: WEIGHTS.write_bytes(struct.pack("<Q", 2**62) + b"{}"),
        "a long header": lambda: WEIGHTS.write_bytes(struct.pack("<Q", 99_999_999) + b" " * 1000),
        "no JSON": lambda: WEIGHTS.write_bytes(struct.pack("<Q", 4) + b"{{{{"),
        "deep JSON": lambda: WEIGHTS.write_bytes(joined(header, data, about="[" * 100_000)),
        "a list": lambda: WEIGHTS.write_bytes(joined(header, data, about=[1])),
        "a long number": lambda: WEIGHTS.write_bytes(joined(header, data, about='{"seed": ' + "9" * 5000 + "}")),
        "no description": lambda: WEIGHTS.write_bytes(joined(bare, data)),
        "another's tensors": lambda: save_file({"encoder.weight": torch.zeros(3, 3)}, WEIGHTS),
        "no tensors": lambda: save_tensors(WEIGHTS, {}, about),
        "too many layers": lambda: save_tensors(WEIGHTS, {}, about | {"recipe": {"size": 2**40}}),
        "too wide": lambda: save_tensors(WEIGHTS, {}, about | {"model": MODELS["unet"] | {"channels": 10**9}}),
        "endless": lambda: save_tensors(WEIGHTS, {}, about | {"model": MODELS["fcn"] | {"convolutions": 10**9}}),
        "a huge mean": lambda: save_tensors(
            WEIGHTS, {}, about | {"model": {"kind": "mean"}, "recipe": {"size": 2**20}}
        ),
        "not a number": lambda: save_tensors(
            WEIGHTS, {name: tensor * float("nan") for name, tensor in load_file("good").items()}, about
        ),
    }


def test_foreign_weights_are_refused_by_every_reader(
    foreign: dict[str, Callable[[], object]], weights: dict[str, bytes]
) -> None:
    configuration = read_configuration()
    Path("own").mkdir()
    write_png(Path("own/a.png"), random_image(0))
    Path("good").write_bytes(weights["tiny"])
    readers: dict[str, Callable[[], object]] = {
        "load": lambda: load_trained(WEIGHTS, CPU),
        "render": lambda: render(configuration.experiment("first")),
        "own images": lambda: render_folder("first", Path("own"), Path("out")),
    }
    for kind, make in foreign.items():
        make()
        for name, reader in readers.items():
            before = peak()
            with pytest.raises((ValueError, OSError)) as refused:
                reader()
            assert str(refused.value).startswith(f"{WEIGHTS}: ") and "\n" not in str(refused.value), (kind, name)
            assert peak() - before < MEGABYTES, (kind, name)
        assert not Path("executed").exists() and not Path("results").exists() and not Path("out").exists()
        shutil.rmtree(WEIGHTS) if WEIGHTS.is_dir() else WEIGHTS.unlink()


def test_a_pickle_would_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The payload of the law above is one."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Payload()))
    assert Path("executed").exists()


def test_the_command_line_says_it_in_one_line(foreign: dict[str, Callable[[], object]]) -> None:
    foreign["torch's pickle"]()
    command = [sys.executable, "-m", "stages.render", "first"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {WEIGHTS}: ") and done.stderr.count("\n") == 1
    assert not Path("executed").exists()


def test_an_answer_that_is_not_finite_is_refused(repo: Path, weights: dict[str, bytes]) -> None:
    header, data = split(weights["tiny"])
    WEIGHTS.write_bytes(joined(header, (np.frombuffer(data, np.float32) * np.float32(1e37)).tobytes()))
    with pytest.raises(ValueError, match="answer to 'a' is not finite"):
        load_trained(WEIGHTS, CPU).generate(random_image(0), id="a")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (20, 20), (32, 32), (20, 40), (33, 40)])
def test_a_small_image_comes_back_from_an_fcn_as_if_its_edge_went_on(
    repo: Path, weights: dict[str, bytes], height: int, width: int
) -> None:
    WEIGHTS.write_bytes(weights["fcn"])
    image, trained = random_image(0, height, width), load_trained(WEIGHTS, CPU)
    wide = np.pad(image, ((0, -height % 32), (0, 64 - width), (0, 0)), mode="edge")
    np.testing.assert_array_equal(trained.generate(image, id="a"), trained.generate(wide, id="a")[:height, :width])
