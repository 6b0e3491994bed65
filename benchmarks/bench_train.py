"""The training step against a plain one: the same networks, eager, fp32, NCHW, unfused Adam.

Run by `make bench`. Rounds alternate, so that a noisy machine slows both sides; the figure is the median ratio.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, optim

from stages.pix2pix.gan import Gan
from stages.pix2pix.hardware import use_hardware
from stages.pix2pix.losses import discriminator_loss, gan_loss, l1_loss
from stages.pix2pix.networks import PatchGAN, UNet, initialise

ROUNDS = 7
CASES = {  # name: size, channels, batch, steps a round
    "paper: 256 px, 64 channels, batch 1": (256, 64, 1, 4),
    "small: 128 px, 16 channels, batch 4": (128, 16, 4, 12),
}


def bench_train() -> list[dict[str, str | float]]:
    """One row a case: images/s of both, and the median ratio with its range over the rounds."""
    hardware = use_hardware()
    rows: list[dict[str, str | float]] = []
    for name, (size, channels, batch, steps) in CASES.items():
        source, target = torch.rand(2, batch, 3, size, size, device=hardware.device) * 2 - 1
        seeds = torch.arange(batch, device=hardware.device)
        ours = Gan(
            *_networks(size, channels),
            hardware=hardware,
            seed=0,
            learning_rates=(2e-4, 2e-4),
            betas=(0.5, 0.999),
            gan_weight=1.0,
            l1_weight=100.0,
        )
        plain = _plain_step(*_networks(size, channels), device=hardware.device)
        fast_source, fast_target = [t.contiguous(memory_format=torch.channels_last) for t in (source, target)]
        ratios, rates = [], []
        for _ in range(ROUNDS + 1):
            slow_seconds = _seconds(partial(plain, source, target, seeds), steps, hardware.device)
            fast_seconds = _seconds(partial(ours.step, fast_source, fast_target, seeds), steps, hardware.device)
            ratios.append(slow_seconds / fast_seconds)
            rates.append((batch * steps / slow_seconds, batch * steps / fast_seconds))
        ratios, rates = ratios[1:], rates[1:]  # the first round warms up
        rows.append(
            {
                "step": name,
                "precision": hardware.precision,
                "plain images/s": statistics.median(rate[0] for rate in rates),
                "ours images/s": statistics.median(rate[1] for rate in rates),
                "ratio": statistics.median(ratios),
                "lowest": min(ratios),
                "highest": max(ratios),
            }
        )
    return rows


def _networks(size: int, channels: int) -> tuple[UNet, PatchGAN]:
    return (
        UNet(size=size, channels=channels, norm="batch", dropout=0.5, dropout_blocks=3),
        PatchGAN(channels=channels, layers=3, norm="batch"),
    )


def _plain_step(
    generator: UNet, discriminator: PatchGAN, *, device: torch.device
) -> Callable[[Tensor, Tensor, Tensor], None]:
    """The step as a straightforward reading of the paper writes it."""
    initialise(generator, 0)
    initialise(discriminator, 1)
    generator.to(device).train()
    discriminator.to(device).train()
    g_adam = optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999))
    d_adam = optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999))

    def step(source: Tensor, target: Tensor, seeds: Tensor) -> None:
        generated = generator(source, seeds)
        loss_d = discriminator_loss(discriminator(source, target), discriminator(source, generated.detach()))
        d_adam.zero_grad()
        loss_d.backward()
        d_adam.step()
        loss_g = gan_loss(discriminator(source, generated), real=True) + 100 * l1_loss(generated, target)
        g_adam.zero_grad()
        loss_g.backward()
        g_adam.step()
        loss_g.item()

    return step


def _seconds(step: Callable[[], object], count: int, device: torch.device) -> float:
    start = time.perf_counter()
    for _ in range(count):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


if __name__ == "__main__":
    for row in bench_train():
        print(row)
