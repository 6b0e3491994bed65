"""Weights files of each kind of model, good ones and spoiled ones."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.config.configuration import Configuration
from pix2pix.config.weights_metadata import WeightsMetadata
from pix2pix.networks.build import build_generator
from pix2pix.networks.layers import initialise
from pix2pix.networks.weights import network_tensors, save_tensors
from tests.support.tiny import TINY

# wherever one is put, it is most often wrong
VALUES: list[Any] = [None, True, "x", "", [], {}, 0, -1, 1.5, 3, 10**9, 2**40, 2**70, 10**400, float("nan"), [[1]]]
WEIGHTS = Path("models/first/last.safetensors")
WITHOUT_DROPOUT = {"dropout": False, "statistics": "image"}
MODELS: dict[str, dict[str, Any]] = {
    "tiny": TINY["models"]["tiny"],
    "mean": {"kind": "mean"},
    "unet": {"kind": "unet", "channels": 4, "classes": "facades"},
    "fcn": {
        "kind": "fcn",
        "channels": 4,
        "convolutions": 1,
        "stride": 8,
        "upsampling": "single",
        "classes": None,
    },
}


def metadata(**changes: Any) -> WeightsMetadata:
    """Of weights of experiment `first`, some keys changed."""
    trained = Configuration(TINY).experiment("first").metadata(precision="fp32", epoch=3, step=12)
    return WeightsMetadata.model_validate(trained.model_dump() | changes)


def save_weights(path: Path = WEIGHTS, **changes: Any) -> WeightsMetadata:
    """Random weights, twice as large as initial ones, which answer everything with grey; and a history beside them."""
    described = metadata(**changes)
    network = build_generator(described.model, size=described.recipe.size)
    initialise(network, 1)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(2)
    save_tensors(path, network_tensors("generator", network), described)
    path.with_name("history.csv").write_text("epoch,train_l1,val_l1\n1,0.1,0.2\n", encoding="utf-8")
    return described


class Payload:
    """Unpickled, it leaves a file behind."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch executed",))


@pytest.fixture(name="weights", scope="module")
def weights_of_each_kind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A good file of each kind of model."""
    folder = tmp_path_factory.mktemp("weights")
    for name, model in MODELS.items():
        save_weights(folder / name, model=model, inference=WITHOUT_DROPOUT)
    return {name: (folder / name).read_bytes() for name in MODELS}


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """A safetensors file's header and data."""
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: Any, data: bytes, *, metadata: Any = None) -> bytes:
    if metadata is not None:
        said = metadata if isinstance(metadata, str) else json.dumps(metadata)
        header = header | {"__metadata__": {"metadata": said}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def spoil_file(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut, flipped or lengthened somewhere."""
    where = int(rng.integers(len(content)))
    match int(rng.integers(4)):
        case 0:
            return content[:where]
        case 1:
            return content[: min(where, int(rng.integers(1, 2000)))]
        case 2:
            return content + rng.bytes(int(rng.integers(1, 100)))
        case _:
            flipped = bytearray(content)
            flipped[where % 3000] ^= 1 << int(rng.integers(8))
            return bytes(flipped)


def spoil_header(content: bytes, rng: np.random.Generator) -> bytes:
    """A tensor of another shape, type, place or name; or one less."""
    header, data = split(content)
    names = [name for name in header if name != "__metadata__"]
    name = names[int(rng.integers(len(names)))]
    match int(rng.integers(6)):
        case 0:
            header[name]["shape"] = [int(rng.choice([0, 1, 2**31, 2**40])), *header[name]["shape"]]
        case 1:
            header[name]["dtype"] = str(rng.choice(["F64", "I32", "BF16", "U8", "BOOL", "F8_E4M3", "Q7"]))
        case 2:
            header[name]["data_offsets"] = [0, int(rng.choice([0, 1, 2**40, 2**62]))]
        case 3:
            header[f"{name}.other"] = header.pop(name)
        case 4:
            header[name] = VALUES[int(rng.integers(len(VALUES)))]
        case _:
            header[name]["shape"] = [*header[name]["shape"][::-1], 1]
    return joined(header, data)


def spoil_metadata(content: bytes, rng: np.random.Generator) -> bytes:
    """Any key of the metadata with a wrong value, or without one."""
    header, data = split(content)
    said = json.loads(header["__metadata__"]["metadata"])
    places = [said, said["model"], said["recipe"], said["inference"]]
    place = places[int(rng.integers(len(places)))]
    key = str(rng.choice(sorted(place)))
    if rng.integers(6) == 0:
        del place[key]
    else:
        place[key] = VALUES[int(rng.integers(len(VALUES)))]
    return joined(header, data, metadata=said)


def spoil_numbers(content: bytes, rng: np.random.Generator) -> bytes:
    """One number that is none."""
    header, data = split(content)
    numbers = np.frombuffer(data, np.float32).copy()
    numbers[rng.integers(len(numbers))] = rng.choice([np.nan, np.inf, -np.inf])
    return joined(header, numbers.tobytes())
