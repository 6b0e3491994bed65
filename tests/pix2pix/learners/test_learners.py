"""Laws of every learner: it learns what can be learned, goes on bit for bit, and draws weights of its own."""

import math

import pytest
import torch
from torch import Tensor

from pix2pix.learners.learner import learner_tensors, restore_learner
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.layers import to_network
from pix2pix.networks.unet import UNet
from pix2pix.pairs.palettes import palette
from tests.support.kinds import LEARNING, learner

SEEDS = torch.zeros(2, dtype=torch.int64)


def halves() -> tuple[Tensor, Tensor]:
    """Sources dark at the left and bright at the right, whose labels are windows and doors."""
    source = torch.full((2, 3, 64, 64), -0.8)
    source[..., 32:] = 0.8
    classes = torch.full((2, 64, 64), 2)
    classes[..., 32:] = 3
    return source, to_network(torch.from_numpy(palette("facades")))[classes].permute(0, 3, 1, 2)


@pytest.mark.parametrize("kind", LEARNING)
def test_it_learns_what_can_be_learned(kind: str) -> None:
    learning, (source, target) = learner(kind, generator_lr=5e-3), halves()
    first = learning.step(source, target, SEEDS)
    for _ in range(60):
        last = learning.step(source, target, SEEDS)
    assert len(first) == len(learning.losses)
    assert last[0] < first[0] / 3
    assert (last[-1] < first[-1] / 3) == (kind != "gan")


@pytest.mark.parametrize("kind", LEARNING)
def test_a_restored_learner_goes_on_bit_for_bit(kind: str) -> None:
    first, second, (source, target) = learner(kind), learner(kind, seed=1), halves()
    for _ in range(2):
        first.step(source, target, SEEDS)
    restore_learner(second, {name: tensor.clone() for name, tensor in learner_tensors(first).items()})
    assert torch.equal(first.step(source, target, SEEDS), second.step(source, target, SEEDS))
    tensors, others = learner_tensors(first), learner_tensors(second)
    assert tensors.keys() == others.keys() and all(torch.equal(tensors[name], others[name]) for name in tensors)
    assert torch.equal(first.validate(source, target, None), second.validate(source, target, None))


def test_cross_entropy_begins_near_that_of_a_guess() -> None:
    begun = learner("unet_classes").validate(*halves(), None)[1]
    assert begun.item() == pytest.approx(math.log(12), rel=0.2)


def test_colours_come_back_as_their_classes() -> None:
    painter = Coloured(UNet(size=64, channels=1, classes=12), palette("facades"))
    logits = torch.randn(2, 12, 16, 16)
    assert torch.equal(painter.classes(painter.paint(logits)), logits.argmax(1))


def numbers(network: torch.nn.Module) -> set[float]:
    """The largest weights of a network: no two of them are equal by chance."""
    return set(torch.cat([weight.flatten() for weight in network.parameters()]).abs().topk(1000).values.tolist())


def test_networks_of_any_two_seeds_draw_their_weights_from_streams_of_their_own() -> None:
    drawn = [numbers(network) for seed in range(3) for network in learner(seed=seed).networks.values()]
    shared = [len(one & other) for i, one in enumerate(drawn) for other in drawn[:i]]
    assert max(shared) < 20, "a few numbers may be equal by chance"
