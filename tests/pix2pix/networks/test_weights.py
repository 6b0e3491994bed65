"""Laws of weights files: they come back as they were; broken or foreign ones are refused by name, and run nothing."""

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from tests.support.soaks import Soak
from tests.support.tiny import random_image
from tests.support.weights_cases import (
    MODELS,
    WEIGHTS,
    Payload,
    joined,
    save_weights,
    split,
    spoil_file,
    spoil_header,
    spoil_metadata,
    spoil_numbers,
    weights_of_each_kind,  # noqa: F401
)

SEED = 4
MEGABYTES = 300  # more than this for a file of some kB is unbounded
CPU = torch.device("cpu")


def test_weights_and_metadata_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    metadata, content = save_weights(), WEIGHTS.read_bytes()
    trained = load_trained(WEIGHTS, CPU)
    assert trained.metadata == metadata and not trained.generator.training
    save_tensors(WEIGHTS, network_tensors("generator", trained.generator), trained.metadata)
    assert WEIGHTS.read_bytes() == content


@pytest.mark.soak
def test_spoiled_weights_are_refused_by_name_or_are_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: dict[str, bytes], soak: Soak
) -> None:
    monkeypatch.chdir(tmp_path)
    WEIGHTS.parent.mkdir(parents=True)
    rng, rounds, refused = np.random.default_rng(SEED), soak.rounds(100, 600), 0
    spoilers = (spoil_file, spoil_header, spoil_metadata, spoil_numbers)
    source = random_image(0)
    for i in range(rounds):
        model = str(rng.choice(list(weights)))
        WEIGHTS.write_bytes(spoilers[i % len(spoilers)](weights[model], rng))
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
            network = getattr(trained.generator, "network", trained.generator)
            good, own = load_file("good"), network_tensors("generator", network)
            same = all(torch.equal(own[name], good[name]) for name in good)
            assert same or spoilers[i % 4] is spoil_file, (i, "other numbers passed")  # no checksum: a flip may
        assert peak() - before < MEGABYTES, i
    assert refused > rounds / 2
    soak.counts["files"], soak.counts["refused"] = rounds, refused


def foreign(good: bytes) -> dict[str, Callable[[], object]]:
    """What may lie under a weights file's name."""
    header, data = split(good)
    said = json.loads(header["__metadata__"]["metadata"])

    def saying(**changes: Any) -> Callable[[], object]:
        return lambda: WEIGHTS.write_bytes(joined(header, data, metadata=said | changes))

    return {
        "absent": lambda: None,
        "empty": lambda: WEIGHTS.write_bytes(b""),
        "cut": lambda: WEIGHTS.write_bytes(good[: len(good) // 2]),
        "a folder": WEIGHTS.mkdir,
        "a pipe": lambda: os.mkfifo(WEIGHTS),
        "a link to nothing": lambda: WEIGHTS.symlink_to("nothing"),
        "a pickle": lambda: WEIGHTS.write_bytes(pickle.dumps(Payload())),
        "torch's pickle": lambda: torch.save(Payload(), WEIGHTS),
        "torch's old pickle": lambda: torch.save(Payload(), WEIGHTS, _use_new_zipfile_serialization=False),
        "a huge header": lambda: WEIGHTS.write_bytes(struct.pack("<Q", 2**62) + b"{}"),
        "a long header": lambda: WEIGHTS.write_bytes(struct.pack("<Q", 99_999_999) + b" " * 1000),
        "no JSON": lambda: WEIGHTS.write_bytes(struct.pack("<Q", 4) + b"{{{{"),
        "deep JSON": lambda: WEIGHTS.write_bytes(joined(header, data, metadata="[" * 100_000)),
        "a list": lambda: WEIGHTS.write_bytes(joined(header, data, metadata=[1])),
        "a long number": lambda: WEIGHTS.write_bytes(joined(header, data, metadata='{"seed": ' + "9" * 5000 + "}")),
        "no metadata": lambda: save_file(load_file("good"), WEIGHTS),
        "an unknown key": saying(colour="red"),
        "an unknown kind": saying(model={"kind": "diffusion"}),
        "another size": saying(recipe=said["recipe"] | {"size": 128, "load_size": 128}),
        "too many layers": saying(recipe=said["recipe"] | {"size": 2**40}),
        "too wide": saying(model=MODELS["unet"] | {"channels": 10**9}),
        "endless": saying(model=MODELS["fcn"] | {"convolutions": 10**9}),
        "a huge mean": saying(model={"kind": "mean"}, recipe=said["recipe"] | {"size": 2**20}),
        "no tensors": lambda: save_file({}, WEIGHTS, metadata=header["__metadata__"]),
        "another network's": lambda: save_file(
            load_file("good") | {"discriminator.weight": torch.zeros(1)}, WEIGHTS, header["__metadata__"]
        ),
        "not a number": lambda: save_file(
            {name: tensor * float("nan") for name, tensor in load_file("good").items()}, WEIGHTS, header["__metadata__"]
        ),
    }


def test_foreign_weights_are_refused_by_every_reader_and_run_nothing(
    tiny_repo: Path, weights: dict[str, bytes]
) -> None:
    configuration = read_configuration()
    Path("own").mkdir()
    write_png(Path("own/a.png"), random_image(0))
    Path("good").write_bytes(weights["tiny"])
    WEIGHTS.parent.mkdir(parents=True)
    readers: dict[str, Callable[[], object]] = {
        "load": lambda: load_trained(WEIGHTS, CPU),
        "render": lambda: render(configuration.experiment("first")),
        "own images": lambda: render_folder("first", Path("own"), Path("out")),
    }
    for kind, make in foreign(weights["tiny"]).items():
        make()
        for name, reader in readers.items():
            before = peak()
            with pytest.raises((ValueError, OSError)) as refused:
                reader()
            assert str(refused.value).startswith(f"{WEIGHTS}: ") and "\n" not in str(refused.value), (kind, name)
            assert peak() - before < MEGABYTES, (kind, name)
        assert not Path("executed").exists() and not Path("results").exists() and not Path("out").exists()
        shutil.rmtree(WEIGHTS) if WEIGHTS.is_dir() else WEIGHTS.unlink(missing_ok=True)
    pickle.loads(pickle.dumps(Payload()))
    assert Path("executed").exists(), "a pickle would run"


def test_an_answer_that_is_not_finite_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: dict[str, bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    header, data = split(weights["tiny"])
    Path("large").write_bytes(joined(header, (np.frombuffer(data, np.float32) * np.float32(1e37)).tobytes()))
    with pytest.raises(ValueError, match="answer to 'a' is not finite"):
        load_trained(Path("large"), CPU).generate(random_image(0), id="a")
