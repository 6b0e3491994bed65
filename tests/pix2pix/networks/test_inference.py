"""Laws of weights files: the inference policy they hold is obeyed, and what is none of ours is refused by name."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pix2pix.networks.build import build_generator
from pix2pix.networks.inference import Trained, load_trained
from pix2pix.networks.layers import initialise, to_network
from pix2pix.networks.mean_target import MeanTarget
from pix2pix.networks.weights import network_tensors, save_tensors
from pix2pix.pairs.stitched import stitch
from tests.support.tiny import TINY, random_image

WEIGHTS = Path("models/first/last.safetensors")
ABOUT: dict[str, Any] = {
    "experiment": "first",
    "dataset": "houses",
    "direction": "BtoA",
    "seed": 0,
    "model": TINY["models"]["tiny"],
    "recipe": TINY["recipes"]["quick"],
    "inference": {"dropout": True, "statistics": "image"},
    "epoch": 3,
    "step": 12,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save_weights(**about: Any) -> None:
    generator = build_generator(TINY["models"]["tiny"], size=64)
    initialise(generator, 1)
    with torch.no_grad():
        for weight in generator.parameters():
            weight.mul_(2)  # fresh weights answer everything with grey
    save_tensors(WEIGHTS, network_tensors("generator", generator), ABOUT | about)
    WEIGHTS.with_name("history.csv").write_text("epoch,train_l1,val_l1\n1,0.1,0.2\n", encoding="utf-8")


def trained(**about: Any) -> Trained:
    save_weights(**about)
    return load_trained(WEIGHTS, torch.device("cpu"))


def test_dropout_noise_is_a_function_of_seed_and_id(folder: Path) -> None:
    image = random_image(0)
    result = trained().generate(image, id="a")
    np.testing.assert_array_equal(trained().generate(image, id="a"), result)
    assert (trained().generate(image, id="b") != result).any()
    assert (trained(seed=1).generate(image, id="a") != result).any()


def test_without_dropout_neither_seed_nor_id_matters(folder: Path) -> None:
    image, off = random_image(0), {"dropout": False, "statistics": "image"}
    result = trained(inference=off).generate(image, id="a")
    np.testing.assert_array_equal(trained(inference=off, seed=1).generate(image, id="b"), result)
    assert (trained().generate(image, id="a") != result).any()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 64), (1, 1), (63, 65), (70, 101)])
def test_any_size_comes_back_and_padding_repeats_the_edge(folder: Path, height: int, width: int) -> None:
    image, generator = random_image(0, height, width), trained()
    result = generator.generate(image, id="a")
    assert result.shape == image.shape
    assert result.dtype == np.uint8
    padded = np.pad(image, ((0, -height % 64), (0, -width % 64), (0, 0)), mode="edge")
    np.testing.assert_array_equal(generator.generate(padded, id="a")[:height, :width], result)


def test_weights_survive_the_file(folder: Path) -> None:
    generator = build_generator(TINY["models"]["tiny"], size=64)
    initialise(generator, 3)
    save_tensors(WEIGHTS, network_tensors("generator", generator), ABOUT)
    first = WEIGHTS.read_bytes()
    loaded = load_trained(WEIGHTS, torch.device("cpu"))
    assert loaded.about == ABOUT
    assert not loaded.generator.training
    for name, tensor in generator.state_dict().items():
        assert torch.equal(loaded.generator.state_dict()[name], tensor)
    save_tensors(WEIGHTS, network_tensors("generator", loaded.generator), loaded.about)
    assert WEIGHTS.read_bytes() == first


def bad_weights(kind: str) -> None:
    content = WEIGHTS.read_bytes()
    match kind:
        case "absent":
            WEIGHTS.unlink()
        case "pickled":
            WEIGHTS.write_bytes(pickle.dumps({"generator": [1.0]}))
        case "torch":
            torch.save({"generator": torch.zeros(1)}, WEIGHTS)
        case "foreign":
            save_file({"generator": torch.zeros(1)}, WEIGHTS)
        case "unfitting":
            save_weights(recipe={"size": 128})
        case "unknown kind":
            save_weights(model={"kind": "diffusion"})
        case "no model":
            save_tensors(WEIGHTS, {"a": torch.zeros(1)}, {"experiment": "first"})
        case length:
            WEIGHTS.write_bytes(content[: int(float(length) * len(content))])


BAD = [
    "absent",
    "pickled",
    "torch",
    "foreign",
    "unfitting",
    "unknown kind",
    "no model",
    "0.0",
    "0.00002",
    "0.5",
    "0.999",
]


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_weights_file_of_ours_is_refused_by_name(folder: Path, kind: str) -> None:
    save_weights()
    bad_weights(kind)
    with pytest.raises((ValueError, FileNotFoundError), match=rf"^{WEIGHTS}: "):
        load_trained(WEIGHTS, torch.device("cpu"))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (20, 30), (64, 128), (200, 7)])
def test_the_baseline_answers_at_the_size_of_its_source(height: int, width: int) -> None:
    mean = stitch(*(np.full((64, 32, 3), value, np.uint8) for value in (40, 200)))
    network = MeanTarget(64)
    network.image = to_network(torch.from_numpy(mean).permute(2, 0, 1)[None])
    baseline = Trained(network, {"seed": 0, "inference": {"dropout": False}}, torch.device("cpu"))
    answer = baseline.generate(random_image(0, height, width), id="a")
    assert answer.shape == (height, width, 3)
    assert (answer[:, : width // 3] == 40).all() and (answer[:, -(width // 3) :] == 200).all()
