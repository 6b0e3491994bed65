"""What the processes of test_distributed.py do: `python -m tests.support.distributed_worker WORDS`.

gradients FOLDER   a step of each kind of learner, its losses and gradients into FOLDER
fails              the second has an error, the first waits for it
differs            both have the same error
gone               the second kills itself, the first waits for it
waits FOLDER       for ever, once its name lies in FOLDER
killed STEPS       trains "first", saving each step, until the last of them kills itself
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pix2pix.files.entry_point import run
from pix2pix.machine.distributed import agree, gathered, per_device, processes, rank, share
from pix2pix.machine.hardware import use_hardware
from pix2pix.machine.process_group import together
from pix2pix.networks.fcn import FCN
from pix2pix.networks.layers import to_network
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.unet import UNet
from pix2pix.pairs.palettes import palette
from pix2pix.training import resume as runs
from pix2pix.training.gan import Gan
from pix2pix.training.supervised import Supervised

BATCH = 4
Learner = Gan | Supervised


def gan() -> Gan:
    return Gan(
        UNet(size=64, channels=4, dropout=0.5, dropout_blocks=3),
        PatchGAN(channels=4, layers=3),
        hardware=use_hardware(),
        seed=0,
        learning_rates=(0.0, 0.0),  # Adam would make whole steps of the rounding of gradients that are nearly 0
        betas=(0.5, 0.999),
        gan_weight=1.0,
        l1_weight=100.0,
    )


def classes() -> Supervised:
    colours = palette("facades")
    network = FCN(channels=4, convolutions=1, stride=8, upsampling="stepwise", classes=len(colours))
    return Supervised(network, hardware=use_hardware(), seed=0, learning_rate=0.0, betas=(0.9, 0.999), colours=colours)


CASES: dict[str, Callable[[], Learner]] = {"gan": gan, "classes": classes}


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Sources, targets (in the palette's colours) and dropout seeds of a batch; images of very different contrast."""
    draw = torch.Generator().manual_seed(0)
    contrast = torch.tensor([0.1, 0.3, 0.6, 1.0])[:, None, None, None]
    source = contrast * (2 * torch.rand(BATCH, 3, 64, 64, generator=draw) - 1)
    colours = to_network(torch.from_numpy(palette("facades")))
    target = colours[torch.randint(len(colours), (BATCH, 64, 64), generator=draw)].permute(0, 3, 1, 2)
    return source, target, torch.arange(BATCH)


def step(learner: Learner, source: Tensor, target: Tensor, seeds: Tensor) -> dict[str, Tensor]:
    """Losses of one step, and the gradients of all networks."""
    losses = learner.step(source, target, seeds)
    networks = [learner.generator, *([learner.discriminator] if isinstance(learner, Gan) else [])]
    gradients = [parameter.grad for network in networks for parameter in network.parameters()]
    assert all(gradient is not None for gradient in gradients)
    return {"losses": losses, "gradients": torch.cat([g.flatten() for g in gradients if g is not None])}


def gradients(out: Path) -> None:
    part = [share(values[None])[0] for values in batch()]
    for case, learner in CASES.items():
        save_file(step(learner(), *part), out / f"{case}_{rank()}")


def killed(steps: int) -> None:
    from stages.train import main as train  # noqa: PLC0415 (twice the time of all the others)

    runs.SAVE_SECONDS, runs.SAVE_SHARE = 0.0, 1e9
    whole = Gan.step

    def until(gan: Gan, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        done = gan.generator_adam.state.get(next(gan.generator.parameters()), {}).get("step", 0)
        if done >= steps and rank() + 1 == processes():
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(gan, source, target, seeds)

    pytest.MonkeyPatch().setattr(Gan, "step", until)
    sys.argv = ["train", "first"]
    train()


def main() -> None:
    match sys.argv[1:]:
        case ["gradients", out]:
            with together():
                gradients(Path(out))
        case ["fails"]:
            with together():
                if rank() == 1:
                    per_device(3)
                gathered(None)
        case ["differs"]:
            with together():
                agree(rank(), "they are two")
        case ["gone"]:
            with together():
                if rank() == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                gathered(None)
        case ["waits", out]:
            with together():
                Path(out, str(os.getpid())).touch()
                time.sleep(600)
        case ["killed", steps]:
            killed(int(steps))


if __name__ == "__main__":
    run(main)
