"""Laws of the exported generator: it answers as PyTorch does, each image by its own statistics, or is not written."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from pix2pix.config.configuration import Configuration
from pix2pix.networks.inference import load_trained
from tests.support.weights_cases import save_weights
from tools import onnx_export as tool
from tools.onnx_export import onnx_answers, onnx_export, to_onnx, torch_answers
from tools.onnx_storage import quantized


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> nn.Module:
    path = tmp_path_factory.mktemp("weights") / "last.safetensors"
    save_weights(path)
    return load_trained(path, torch.device("cpu")).generator.to(memory_format=torch.contiguous_format)


@pytest.fixture(scope="module")
def model(generator: nn.Module) -> onnx.ModelProto:
    return to_onnx(generator, size=64)


def sources(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(count).uniform(-1, 1, (count, 3, 64, 64)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 7])
def test_any_number_of_images_equals_pytorch(model: onnx.ModelProto, generator: nn.Module, count: int) -> None:
    images = sources(count)
    np.testing.assert_allclose(onnx_answers(model, images), torch_answers(generator, images), rtol=0, atol=1e-4)


def test_an_image_does_not_depend_on_its_batch(model: onnx.ModelProto) -> None:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    images = sources(5) * np.linspace(0.1, 1, 5, dtype=np.float32)[:, None, None, None]  # of very different statistics
    (together,) = session.run(None, {"source": images})
    alone = np.concatenate([session.run(None, {"source": image[None]})[0] for image in images])
    assert np.abs(together - alone).max() < 1e-5


def test_the_file_says_what_it_is_and_how_well_it_agrees(
    tiny_repo: Path, configuration: Configuration, model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights()
    monkeypatch.setattr(tool, "to_onnx", lambda *_, **__: model)  # the same weights: saves seconds
    parity = onnx_export(configuration.experiment("first"), Path("first.onnx"))
    said = {entry.key: json.loads(entry.value) for entry in onnx.load("first.onnx").metadata_props}
    assert said["metadata"]["direction"] == "BtoA"
    assert said["parity"] == parity
    assert parity["images"] == 3
    assert b"unet.py" not in Path("first.onnx").read_bytes(), "no path of the machine that made it"


def test_in_eight_bits_a_file_is_a_quarter_and_answers_nearly_the_same(
    tiny_repo: Path, configuration: Configuration, model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights()
    monkeypatch.setattr(tool, "to_onnx", lambda *_, **__: model)
    parity = onnx_export(configuration.experiment("first"), Path("small.onnx"), eight_bits=True)
    assert parity["psnr_in_eight_bits"] > 40
    assert Path("small.onnx").stat().st_size < 0.4 * len(model.SerializeToString())  # tiny: the graph counts, too


def test_eight_bits_keep_each_channel_within_half_a_level() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 4, 2, 2)).astype(np.float32) * [[[[1]], [[9]], [[0]], [[0.01]]]]
    levels, scale = quantized(weight.astype(np.float32), axis=1)
    assert (np.abs(levels * scale[:, None, None] - weight) <= 0.5001 * scale[:, None, None]).all()


def test_a_graph_that_differs_is_not_written(
    tiny_repo: Path, configuration: Configuration, model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights()
    other = onnx.ModelProto()
    other.CopyFrom(model)
    weights = next(t for t in other.graph.initializer if len(t.dims) == 4)
    weights.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weights) * 2, weights.name))
    monkeypatch.setattr(tool, "to_onnx", lambda *_, **__: other)
    with pytest.raises(ValueError, match="more than 1e-04; not written"):
        onnx_export(configuration.experiment("first"), Path("first.onnx"))
    assert not list(Path().glob("*.onnx*"))
