"""What the processes of tests/pix2pix/machine/test_distributed.py do.

`python -m tests.support.distributed_worker gone` and `... killed STEPS` are processes without a launcher.
"""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pix2pix.config.reader import read_configuration
from pix2pix.files.entry_point import run
from pix2pix.learners.gan import Gan
from pix2pix.machine.distributed import agree, gathered, per_device, processes, rank, share
from pix2pix.machine.hardware import use_hardware
from pix2pix.machine.process_group import together
from pix2pix.networks.layers import to_network
from pix2pix.pairs.palettes import palette
from pix2pix.training import resume as runs
from stages.train import train
from tests.support.kinds import learner

BATCH = 4
STILL = 1e-30  # learning rate: Adam would make whole steps of the rounding of gradients that are nearly 0
CASES = ("gan", "fcn_classes")


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Sources, targets (in the palette's colours) and dropout seeds of a batch; images of very different contrast."""
    draw = torch.Generator().manual_seed(0)
    contrast = torch.tensor([0.1, 0.3, 0.6, 1.0])[:, None, None, None]
    source = contrast * (2 * torch.rand(BATCH, 3, 64, 64, generator=draw) - 1)
    colours = to_network(torch.from_numpy(palette("facades")))
    target = colours[torch.randint(len(colours), (BATCH, 64, 64), generator=draw)].permute(0, 3, 1, 2)
    return source, target, torch.arange(BATCH)


def step(kind: str, source: Tensor, target: Tensor, seeds: Tensor) -> dict[str, Tensor]:
    """Losses of one step, and the gradients of all networks."""
    learning = learner(kind, hardware=use_hardware(), generator_lr=STILL, discriminator_lr=STILL)
    losses = learning.step(source, target, seeds)
    gradients = [weight.grad for network in learning.networks.values() for weight in network.parameters()]
    assert all(gradient is not None for gradient in gradients)
    return {"losses": losses, "gradients": torch.cat([g.flatten() for g in gradients if g is not None])}


def gradients(out: Path) -> None:
    """A step of each kind of learner: its losses and gradients into the folder."""
    part = [share(values[None])[0] for values in batch()]
    for kind in CASES:
        save_file(step(kind, *part), out / f"{kind}_{rank()}")


def fails(_: None) -> None:
    """Rank 1 has an error, rank 0 waits for it."""
    if rank() == 1:
        per_device(3)
    gathered(None)


def differs(_: None) -> None:
    """Both have the same error."""
    agree(rank(), "they are two")


def gone(_: None) -> None:
    """Rank 1 kills itself, rank 0 waits for it."""
    if rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    gathered(None)


def waits(out: Path) -> None:
    """For ever, once its name lies in the folder."""
    Path(out, str(os.getpid())).touch()
    time.sleep(600)


def killed(steps: int, patch: pytest.MonkeyPatch | None = None, end: type[BaseException] | None = None) -> None:
    """Trains "first", saving each step, until the last process kills itself, or raises `end`."""
    patch = patch or pytest.MonkeyPatch()
    patch.setattr(runs, "SAVE_SECONDS", 0.0)
    patch.setattr(runs, "SAVE_SHARE", 1e9)
    whole = Gan.step

    def until(gan: Gan, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        done = gan.generator.adam.state.get(next(gan.generator.network.parameters()), {}).get("step", 0)
        if done >= steps and rank() + 1 == processes():
            if end:
                raise end
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(gan, source, target, seeds)

    patch.setattr(Gan, "step", until)
    train(read_configuration().experiment("first"))


def main() -> None:
    with together():
        match sys.argv[1:]:
            case ["gone"]:
                gone(None)
            case ["killed", steps]:
                killed(int(steps))


if __name__ == "__main__":
    run(main)
