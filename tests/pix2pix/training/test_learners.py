"""Laws of every learner: whose numbers its initial weights are."""

import torch

from pix2pix.machine.hardware import Hardware
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.unet import UNet
from pix2pix.training.gan import Gan

HARDWARE = Hardware(torch.device("cpu"), 1, "fp32")


def gan(seed: int) -> Gan:
    return Gan(
        UNet(size=64, channels=4, dropout=0.5, dropout_blocks=3),
        PatchGAN(channels=4, layers=3),
        hardware=HARDWARE,
        seed=seed,
        learning_rates=(2e-4, 2e-4),
        betas=(0.5, 0.999),
        gan_weight=1.0,
        l1_weight=100.0,
    )


def numbers(network: torch.nn.Module) -> set[float]:
    """The largest weights of a network: no two of them are equal by chance."""
    return set(torch.cat([weight.flatten() for weight in network.parameters()]).abs().topk(1000).values.tolist())


def test_networks_of_any_two_seeds_draw_their_weights_from_streams_of_their_own() -> None:
    drawn = [numbers(network) for seed in range(3) for network in (gan(seed).generator, gan(seed).discriminator)]
    shared = [len(one & other) for i, one in enumerate(drawn) for other in drawn[:i]]
    assert max(shared) < 20, "a few numbers may be equal by chance"
