"""Laws of every learner: it learns what can be learned, goes on bit for bit, and draws weights of its own."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from pix2pix.machine.hardware import Hardware
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.fcn import FCN
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.unet import UNet
from pix2pix.pairs.palettes import palette
from pix2pix.training.gan import Gan
from pix2pix.training.supervised import Supervised

HARDWARE = Hardware(torch.device("cpu"), 1, "fp32")
COLOURS = palette("facades")
SEEDS = torch.zeros(2, dtype=torch.int64)


def gan(seed: int = 0, *, gan_weight: float = 1.0) -> Gan:
    return Gan(
        UNet(size=64, channels=4, dropout=0.5, dropout_blocks=3),
        PatchGAN(channels=4, layers=3),
        hardware=HARDWARE,
        seed=seed,
        learning_rates=(5e-3, 5e-3),
        betas=(0.5, 0.999),
        gan_weight=gan_weight,
        l1_weight=100.0,
    )


def supervised(network: str, *, classes: bool) -> Supervised:
    count = len(COLOURS) if classes else None
    generator = (
        UNet(size=64, channels=4, classes=count)
        if network == "unet"
        else FCN(channels=4, convolutions=1, stride=8, upsampling="single", classes=count)
    )
    return Supervised(
        generator,
        hardware=HARDWARE,
        seed=0,
        learning_rate=5e-3,
        betas=(0.5, 0.999),
        colours=COLOURS if classes else None,
    )


LEARNERS: dict[str, Callable[[], Gan | Supervised]] = {
    "gan": gan,
    "l1": partial(gan, gan_weight=0.0),
    "unet of classes": partial(supervised, "unet", classes=True),
    "unet": partial(supervised, "unet", classes=False),
    "fcn of classes": partial(supervised, "fcn", classes=True),
    "fcn": partial(supervised, "fcn", classes=False),
}


def halves() -> tuple[Tensor, Tensor]:
    """Sources dark at the left and bright at the right, whose labels are windows and doors."""
    source = torch.full((2, 3, 64, 64), -0.8)
    source[..., 32:] = 0.8
    classes = torch.full((2, 64, 64), 2)
    classes[..., 32:] = 3
    painter = Coloured(UNet(size=64, channels=1, classes=12), COLOURS)
    return source, painter.colours[classes].permute(0, 3, 1, 2)


@pytest.mark.parametrize("name", LEARNERS)
def test_it_learns_what_can_be_learned(name: str) -> None:
    learner = LEARNERS[name]()
    source, target = halves()
    first = learner.step(source, target, SEEDS)
    for _ in range(60):
        last = learner.step(source, target, SEEDS)
    assert len(first) == len(learner.losses)
    assert last[0] < first[0] / 3
    assert (last[-1] < first[-1] / 3) == (name != "gan")


@pytest.mark.parametrize("name", LEARNERS)
def test_a_restored_learner_goes_on_bit_for_bit(name: str) -> None:
    first, second = LEARNERS[name](), LEARNERS[name]()
    source, target = halves()
    for _ in range(2):
        first.step(source, target, SEEDS)
    second.restore({name: tensor.clone() for name, tensor in first.tensors().items()})
    assert torch.equal(first.step(source, target, SEEDS), second.step(source, target, SEEDS))
    assert all(torch.equal(a, b) for a, b in zip(first.tensors().values(), second.tensors().values(), strict=True))
    assert torch.equal(first.validate(source, target, None), second.validate(source, target, None))


def test_cross_entropy_begins_near_that_of_a_guess() -> None:
    source, target = halves()
    begun = supervised("unet", classes=True).validate(source, target, None)[1]
    assert begun.item() == pytest.approx(math.log(12), rel=0.2)


def test_colours_come_back_as_their_classes() -> None:
    painter = supervised("unet", classes=True).coloured
    assert painter is not None
    logits = torch.randn(2, 12, 16, 16)
    assert torch.equal(painter.classes(painter.paint(logits)), logits.argmax(1))


def numbers(network: torch.nn.Module) -> set[float]:
    """The largest weights of a network: no two of them are equal by chance."""
    return set(torch.cat([weight.flatten() for weight in network.parameters()]).abs().topk(1000).values.tolist())


def test_networks_of_any_two_seeds_draw_their_weights_from_streams_of_their_own() -> None:
    drawn = [numbers(network) for seed in range(3) for network in (gan(seed).generator, gan(seed).discriminator)]
    shared = [len(one & other) for i, one in enumerate(drawn) for other in drawn[:i]]
    assert max(shared) < 20, "a few numbers may be equal by chance"
