"""The training step against a plain one (the same networks, eager, fp32, NCHW, unfused Adam) and the incumbent's.

Rounds alternate, so that a noisy machine slows all sides; the figure is the median ratio.
"""

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, optim

from benchmarks.incumbent import incumbent_step
from benchmarks.timing import wait
from pix2pix.config.models import Pix2Pix
from pix2pix.config.reader import read_configuration
from pix2pix.learners.gan import Gan
from pix2pix.learners.losses import discriminator_loss, gan_loss, l1_loss
from pix2pix.machine.hardware import Hardware, use_hardware
from pix2pix.networks.layers import initialise
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.unet import UNet

ROUNDS = 7
CASES = {  # name: size, channels, batch, steps a round
    "paper: 256 px, 64 channels, batch 1": (256, 64, 1, 4),
    "medium: 256 px, 32 channels, batch 1": (256, 32, 1, 8),
    "small: 128 px, 16 channels, batch 4": (128, 16, 4, 12),
}

Step = Callable[[Tensor, Tensor, Tensor], object]


def bench_train() -> list[dict[str, str | float]]:
    """One row a case and rival: images/s of both, and the median ratio with its range over the rounds.

    Raises:
        ValueError: the environment's INCUMBENT names no checkout of it.
    """
    hardware = use_hardware(training=True)
    folder = os.environ.get("INCUMBENT")
    rows: list[dict[str, str | float]] = []
    for name, (size, channels, batch, steps) in CASES.items():
        source, target = torch.rand(2, batch, 3, size, size, device=hardware.device) * 2 - 1
        seeds = torch.arange(batch, device=hardware.device)
        ours = our_gan(size, channels, hardware).step
        fast_source, fast_target = (x.contiguous(memory_format=torch.channels_last) for x in (source, target))
        rivals: dict[str, Step] = {"plain": _plain_step(*_networks(size, channels), device=hardware.device)}
        if folder:
            rivals["incumbent"] = incumbent_step(Path(folder), size=size, channels=channels, device=hardware.device)
        seconds: dict[str, list[float]] = {"ours": [], **{rival: [] for rival in rivals}}
        for _ in range(ROUNDS + 1):
            for rival, theirs in rivals.items():
                seconds[rival].append(_seconds(partial(theirs, source, target, seeds), steps, hardware))
            seconds["ours"].append(_seconds(partial(ours, fast_source, fast_target, seeds), steps, hardware))
        for rival in rivals:
            warm, our_warm = seconds[rival][1:], seconds["ours"][1:]
            rows.append(_row(name, rival, warm, our_warm, images=batch * steps))
    return rows


def _row(name: str, rival: str, theirs: list[float], ours: list[float], *, images: int) -> dict[str, str | float]:
    ratios = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
    return {
        "step": name,
        "against": rival,
        "theirs images/s": images / statistics.median(theirs),
        "ours images/s": images / statistics.median(ours),
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
    }


def our_gan(size: int, channels: int, hardware: Hardware) -> Gan:
    """The learner of the paper's model and recipe, but for size and channels."""
    paper = read_configuration().experiment("facades")
    width = {"generator_channels": channels, "discriminator_channels": channels}
    model, recipe = paper.model.model_copy(update=width), paper.recipe.model_copy(update={"size": size})
    assert isinstance(model, Pix2Pix)
    return Gan(model, recipe, seed=0, hardware=hardware)


def _networks(size: int, channels: int) -> tuple[UNet, PatchGAN]:
    return (
        UNet(size=size, channels=channels, dropout=0.5, dropout_blocks=3),
        PatchGAN(channels=channels, layers=3),
    )


def _plain_step(generator: UNet, discriminator: PatchGAN, *, device: torch.device) -> Step:
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


def _seconds(step: Callable[[], object], count: int, hardware: Hardware) -> float:
    """Of `count` steps; of one CPU thread its CPU time, which other work on the machine hardly changes."""
    clock = time.process_time if (hardware.device.type, hardware.threads) == ("cpu", 1) else time.perf_counter
    start = clock()
    for _ in range(count):
        step()
    wait(hardware.device)
    return clock() - start
