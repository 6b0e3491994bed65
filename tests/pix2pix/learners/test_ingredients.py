"""Laws of the ingredients: off they leave no trace, on they have an effect, and they resume exactly."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix.batches.augmentation import Augmentation, centre_draws
from pix2pix.batches.dataset import load_splits
from pix2pix.config.fields import Direction
from pix2pix.learners.learner import learner_tensors, restore_learner, trained_generator
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.weights import load_tensors
from stages.train import train
from tests.pix2pix.learners.test_learners import SEEDS, halves
from tests.support.kinds import CPU, FP32, experiment, learner

BF16 = Hardware(CPU, 1, "bf16")
INGREDIENTS: dict[str, dict[str, Any]] = {
    "ema": {"ema": 0.9},
    "lsgan": {"gan_loss": "lsgan"},
    "hinge": {"gan_loss": "hinge"},
    "feature matching": {"feature_matching": 10.0},
    "focal frequency": {"focal_frequency": 100.0},
    "focal frequency alone": {"focal_frequency": 100.0, "gan_weight": 0.0},
    "tanh_1.1": {"head": "tanh_1.1"},
    "clipped": {"head": "clipped"},
    "resize": {"decoder": "resize"},
    "spectral norm": {"spectral_norm": True},
    "one-hot": {"source_classes": "facades"},
}


def state(of: Any) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learner_tensors(of).items()}


def trained(steps: int, *, hardware: Hardware = FP32, **changes: Any) -> Any:
    learning = learner(hardware=hardware, **changes)
    for _ in range(steps):
        learning.step(*halves(), SEEDS)
    return learning


@pytest.mark.parametrize("name", INGREDIENTS)
def test_it_changes_what_is_published_and_stands_in_the_weights_file_where_it_is_used_alone(name: str) -> None:
    said, plain = (
        experiment(**changes).metadata(precision="fp32", epoch=1, step=1) for changes in (INGREDIENTS[name], {})
    )
    written, without = (str(metadata.model_dump(mode="json")) for metadata in (said, plain))
    assert all(key in written and key not in without for key in INGREDIENTS[name] if key != "gan_weight")
    assert type(plain).model_validate(plain.model_dump()) == plain
    assert type(said).model_validate(said.model_dump()) == said
    published, others = (trained_generator(trained(3, **changes)).state_dict() for changes in (INGREDIENTS[name], {}))
    assert any(key not in others or not torch.equal(published[key], others[key]) for key in published)


@pytest.mark.parametrize("hardware", [FP32, BF16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("name", INGREDIENTS)
def test_a_restored_learner_goes_on_bit_for_bit(name: str, hardware: Hardware) -> None:
    first, second = (
        trained(2, hardware=hardware, **INGREDIENTS[name]),
        trained(1, hardware=hardware, **INGREDIENTS[name]),
    )
    restore_learner(second, state(first))
    for learning in (first, second):
        learning.validate(*halves(), None)
        learning.step(*halves(), SEEDS)
    one, other = state(first), state(second)
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    assert torch.equal(first.validate(*halves(), SEEDS), second.validate(*halves(), SEEDS))


# ---- scale and rotation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "labels"), [("AtoB", 1), ("BtoA", 0)])
def test_training_batches_alone_are_scaled_and_turned_and_label_maps_not_blended(
    tiny_repo: Path, direction: Direction, labels: int
) -> None:
    turned = replace(experiment(scale=0.1, rotation=5.0), direction=direction)
    training, validation = load_splits(turned, turned.recipe, FP32)
    assert training.augmentation == Augmentation(0.1, 5.0, labels, drawn=1 - labels) and validation.augmentation is None
    draws = [centre_draws([0, 1], side=training.side, size=64)]
    [plain], [warped] = (list(training.batches(draws, size=64, augment=augment)) for augment in (False, True))
    assert not torch.equal(plain[0], warped[0]) and not torch.equal(plain[1], warped[1])
    assert set(warped[labels].unique().tolist()) <= set(plain[labels].unique().tolist())
    assert len(warped[1 - labels].unique()) > 256


# ---- the average of the generator's weights --------------------------------------------------------------------------


def test_the_average_is_that_of_all_steps_with_its_weights() -> None:
    """By the definition, with a decay that grows to the recipe's: (1 + t) / (10 + t)."""
    learning = learner(ema=0.3)
    mean = {name: tensor.clone().double() for name, tensor in learning.networks["generator"].state_dict().items()}
    for t in range(1, 7):
        learning.step(*halves(), SEEDS)
        decay = min(0.3, (1 + t) / (10 + t))
        for name, weight in learning.networks["generator"].state_dict().items():
            mean[name] = decay * mean[name] + (1 - decay) * weight.double()
    for name, weight in trained_generator(learning).state_dict().items():
        torch.testing.assert_close(weight.double(), mean[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["gan", "l1", "unet_classes"])
def test_it_is_the_average_that_is_published_validated_and_shown(tiny_repo: Path, kind: str) -> None:
    learning = learner(kind, ema=0.99)
    for _ in range(3):
        learning.step(*halves(), SEEDS)
    before = [learning.generate(halves()[0], None), learning.validate(*halves(), None)]
    with torch.no_grad():
        for weight in learning.networks["generator"].parameters():
            weight.zero_()
    for trained in learning.in_training.values():
        trained.weights_changed()
    after = [learning.generate(halves()[0], None), learning.validate(*halves(), None)]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    train(experiment(kind, ema=0.5, epochs=1))
    [file] = Path("scratch/train/first").glob("*/state.safetensors")
    saved = load_tensors(file)[0]
    for name, tensor in load_tensors(Path("models/first/last.safetensors"))[0].items():
        key = name.removeprefix("generator.")
        assert torch.equal(tensor, saved[f"averaged.{key}"]) and not torch.equal(tensor, saved[f"generator.{key}"])
