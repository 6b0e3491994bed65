"""Laws of the learner without a discriminator."""

import math

import pytest
import torch

from pix2pix.files.images import Uint8
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.fcn import FCN
from pix2pix.networks.unet import UNet
from pix2pix.pairs.palettes import palette
from pix2pix.training.supervised import Supervised

HARDWARE = Hardware(torch.device("cpu"), 1, "fp32")
COLOURS = palette("facades")
SEEDS = torch.zeros(2, dtype=torch.int64)


def learner(*, colours: Uint8 | None, network: str = "unet") -> Supervised:
    classes = None if colours is None else len(colours)
    generator = (
        UNet(size=64, channels=4, classes=classes)
        if network == "unet"
        else FCN(channels=4, convolutions=1, stride=8, upsampling="single", classes=classes)
    )
    return Supervised(generator, hardware=HARDWARE, seed=0, learning_rate=5e-3, betas=(0.5, 0.999), colours=colours)


def halves() -> tuple[torch.Tensor, torch.Tensor]:
    """Sources dark at the left and bright at the right, whose labels are windows and doors."""
    source = torch.full((2, 3, 64, 64), -0.8)
    source[..., 32:] = 0.8
    classes = torch.full((2, 64, 64), 2)
    classes[..., 32:] = 3
    return source, Coloured(UNet(size=64, channels=1, classes=12), COLOURS).colours[classes].permute(0, 3, 1, 2)


@pytest.mark.parametrize("network", ["unet", "fcn"])
@pytest.mark.parametrize("colours", [COLOURS, None])
def test_it_learns_what_can_be_learned(network: str, colours: Uint8 | None) -> None:
    learning, (source, target) = learner(colours=colours, network=network), halves()
    first = learning.step(source, target, SEEDS)
    for _ in range(60):
        last = learning.step(source, target, SEEDS)
    assert last[0] < first[0] / 3
    assert (last[1] < first[1] / 3) if colours is not None else (last[1] == 0)


def test_cross_entropy_begins_near_that_of_a_guess() -> None:
    source, target = halves()
    assert learner(colours=COLOURS).validate(source, target, None)[1].item() == pytest.approx(math.log(12), rel=0.2)


def test_colours_come_back_as_their_classes() -> None:
    painter = learner(colours=COLOURS).coloured
    assert painter is not None
    logits = torch.randn(2, 12, 16, 16)
    assert torch.equal(painter.classes(painter.paint(logits)), logits.argmax(1))


def test_answers_of_a_network_of_classes_hold_the_palette_alone() -> None:
    learning, (source, _) = learner(colours=COLOURS), halves()
    image = ((learning.generate(source, None) + 1) * 127.5).round().permute(0, 2, 3, 1).reshape(-1, 3)
    assert {tuple(map(int, pixel)) for pixel in image.unique(dim=0)} <= {tuple(map(int, c)) for c in COLOURS}


def test_a_restored_learner_goes_on_bit_for_bit() -> None:
    (source, target), first, second = halves(), learner(colours=COLOURS), learner(colours=COLOURS)
    for _ in range(2):
        first.step(source, target, SEEDS)
    second.restore({name: tensor.clone() for name, tensor in first.tensors().items()})
    assert torch.equal(first.step(source, target, SEEDS), second.step(source, target, SEEDS))
    assert all(torch.equal(a, b) for a, b in zip(first.tensors().values(), second.tensors().values(), strict=True))
