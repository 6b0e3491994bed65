"""Laws of inference: the policy that the weights file holds is obeyed, and an image of any size comes back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.networks.inference import Trained, load_trained
from pix2pix.networks.layers import to_network
from pix2pix.networks.mean_target import MeanTarget
from pix2pix.pairs.stitched import stitch
from tests.support.tiny import random_image
from tests.support.weights_cases import MODELS, WEIGHTS, WITHOUT_DROPOUT, metadata, save_weights

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(**changes: Any) -> Trained:
    save_weights(**changes)
    return load_trained(WEIGHTS, CPU)


def test_dropout_noise_is_a_function_of_seed_and_id(folder: Path) -> None:
    image = random_image(0)
    result = trained().generate(image, id="a")
    np.testing.assert_array_equal(trained().generate(image, id="a"), result)
    assert (trained().generate(image, id="b") != result).any()
    assert (trained(seed=1).generate(image, id="a") != result).any()


def test_without_dropout_neither_seed_nor_id_matters(folder: Path) -> None:
    image = random_image(0)
    result = trained(inference=WITHOUT_DROPOUT).generate(image, id="a")
    np.testing.assert_array_equal(trained(inference=WITHOUT_DROPOUT, seed=1).generate(image, id="b"), result)
    assert (trained().generate(image, id="a") != result).any()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 64), (1, 1), (63, 65), (70, 101)])
def test_any_size_comes_back_and_padding_repeats_the_edge(folder: Path, height: int, width: int) -> None:
    image, generator = random_image(0, height, width), trained()
    result = generator.generate(image, id="a")
    assert result.shape == image.shape
    assert result.dtype == np.uint8
    padded = np.pad(image, ((0, -height % 64), (0, -width % 64), (0, 0)), mode="edge")
    np.testing.assert_array_equal(generator.generate(padded, id="a")[:height, :width], result)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (20, 20), (32, 32), (20, 40), (33, 40)])
def test_a_small_image_comes_back_from_an_fcn_as_if_its_edge_went_on(folder: Path, height: int, width: int) -> None:
    image, fcn = random_image(0, height, width), trained(model=MODELS["fcn"], inference=WITHOUT_DROPOUT)
    wide = np.pad(image, ((0, -height % 32), (0, 64 - width), (0, 0)), mode="edge")
    np.testing.assert_array_equal(fcn.generate(image, id="a"), fcn.generate(wide, id="a")[:height, :width])


@pytest.mark.parametrize(("height", "width"), [(64, 64), (20, 30), (64, 128), (200, 7)])
def test_the_baseline_answers_at_the_size_of_its_source(height: int, width: int) -> None:
    mean = stitch(*(np.full((64, 32, 3), value, np.uint8) for value in (40, 200)))
    network = MeanTarget(64)
    network.image = to_network(torch.from_numpy(mean).permute(2, 0, 1)[None])
    baseline = Trained(network, metadata(model={"kind": "mean"}, inference=WITHOUT_DROPOUT), CPU)
    answer = baseline.generate(random_image(0, height, width), id="a")
    assert answer.shape == (height, width, 3)
    assert (answer[:, : width // 3] == 40).all() and (answer[:, -(width // 3) :] == 200).all()
