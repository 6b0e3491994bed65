"""What a person watches while a network trains: a progress bar, TensorBoard, and a grid of samples every epoch."""

import math
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.utils import make_grid
from tqdm import tqdm

from pix2pix.files.atomic import whole_file
from pix2pix.files.images import write_png
from pix2pix.networks.inference import inference_seeds
from pix2pix.networks.layers import from_network
from pix2pix.training.dataset import PairSet
from pix2pix.training.resume import Row

SAMPLES = 4  # images of each split in a grid
TIMED = 4  # steps, after the first, from which the whole time is estimated
PATIENCE = 3  # epochs in a row that say what one may say by chance
LOST = 24 * math.log(2)  # nats: a chance of 2^-24, which float32 cannot tell from none; training losses stay below 6
GREY = 0.5  # L1 of 1: no image is farther from plain grey
WON, TIED = 0.01, 0.005  # nats: a discriminator's loss when it is never wrong; how near to log 2 is chance

Generate = Callable[[Tensor, Tensor | None], Tensor]


class Monitor:
    """A bar of images with images/s and the time left; TensorBoard's curves in `logs`, where it is installed.

    Or nothing of it, `quiet`, in all but one of the processes that train together.
    """

    def __init__(self, name: str, *, images: int, done: int, epochs_done: int, logs: Path, quiet: bool) -> None:
        interval = 0.1 if sys.stderr.isatty() else 30  # seconds; a log file wants few lines
        self.bar: tqdm[Any] = tqdm(
            desc=name, total=images, initial=done, unit=" images", mininterval=interval, disable=quiet
        )
        self.images, self.steps, self.start = images, 0, 0.0
        self.curves: Any = None
        self.logs, self.hook = logs, threading.excepthook
        if quiet:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (optional at run time)
        except ImportError:
            return
        try:
            self.curves = SummaryWriter(logs, purge_step=epochs_done + 1)  # a resumed run replaces what lay beyond
        except OSError as error:
            self._without_curves(error)

    def __enter__(self) -> "Monitor":
        threading.excepthook = self._thread_ended
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()
        try:
            if self.curves:
                self.curves.close()
        except OSError as failure:
            self._without_curves(failure)
        threading.excepthook = self.hook

    def _thread_ended(self, ended: threading.ExceptHookArgs) -> None:
        tensorboards = type(ended.thread).__module__.startswith("tensorboard")
        if not (tensorboards and isinstance(ended.exc_value, OSError)):  # which it tells the next who writes a curve
            self.hook(ended)

    def _without_curves(self, error: OSError) -> None:
        """A disk that takes no curves is no reason to lose a training."""
        self.curves = None
        self.say(f"{self.logs}: no more curves ({error.strerror or error}); training goes on")

    def say(self, line: str) -> None:
        """One line on stderr, above the bar."""
        if self.bar.disable:
            return
        self.bar.write(f"{self.bar.desc}: {line}", file=sys.stderr)

    def step(self, images: int) -> None:
        """Count a batch; after the first few, say at once if the run will take hours."""
        self.bar.update(images)
        self.steps += 1
        if self.steps == 1:  # the first step makes what later ones use
            self.start = time.monotonic()
        elif self.steps == 1 + TIMED:
            hours = (self.images - self.bar.n) / images * (time.monotonic() - self.start) / TIMED / 3600
            if hours > 1:
                self.say(
                    f"about {hours:.1f} hours on this machine. It may be stopped at any time; the "
                    "same command continues. A CUDA GPU, a smaller size or fewer epochs are faster."
                )

    def epoch(self, rows: list[Row], samples: Tensor) -> None:
        """Show the losses of the last epoch and its samples (3, H, W); say once what they warn of."""
        row = rows[-1]
        warning = pathology(rows)
        if warning and warning not in [pathology(rows[:count]) for count in range(1, len(rows))]:
            self.say(f"warning: epoch {row['epoch']}, step {row['step']}: {warning}")
        self.bar.set_postfix_str(f"epoch {row['epoch']}, validation L1 {row['val_l1']:.4f}", refresh=False)
        if self.curves:
            try:
                for name, loss in row.items():
                    if name.startswith(("train", "val")) and loss is not None:
                        self.curves.add_scalar(name.replace("_", "/", 1), loss, row["epoch"])
                self.curves.add_image("samples", samples, row["epoch"])
            except OSError as error:
                self._without_curves(error)


def pathology(rows: list[Row]) -> str | None:
    """What the training losses of the last epochs (rows of history.csv) warn of; finite ones stop nothing."""

    def all_of(test: Callable[[dict[str, float]], bool], epochs: int) -> bool:
        last = [{name: loss for name, loss in row.items() if loss is not None} for row in rows[-epochs:]]
        return len(last) == epochs and all(test(row) for row in last)

    def tied(row: dict[str, float]) -> bool:
        return all(abs(row.get(name, 0.0) - math.log(2)) < TIED for name in ("train_d", "train_gan"))

    if all_of(lambda row: max(row.get(f"train_{loss}", 0.0) for loss in ("gan", "d", "ce")) > LOST, 1):
        return "the losses explode; lower the learning rates"
    if all_of(lambda row: row["train_l1"] > GREY, 1):
        return "the images are worse than plain grey would be; lower the learning rates"
    if all_of(lambda row: row.get("train_d", 1.0) < WON, PATIENCE):
        return f"the discriminator has won for {PATIENCE} epochs; lower discriminator_lr or gan_weight"
    if all_of(tied, PATIENCE):
        return (
            f"the discriminator has been guessing for {PATIENCE} epochs; raise discriminator_lr or lower generator_lr"
        )
    return None


def write_samples(path: Path, generate: Generate, sets: tuple[PairSet, ...], *, size: int, seed: int | None) -> Tensor:
    """Write a grid of fixed pairs of each set, one a row: source, generated, target; return it as uint8 (3, H, W).

    `generate` takes sources (N, 3, size, size) and dropout seeds (N,), None when `seed` is None (no dropout).
    """
    tiles: list[Tensor] = []
    for pairs in sets:
        last = len(pairs.pairs) - 1
        index = sorted(set(np.linspace(0, last, SAMPLES).round().astype(int).tolist()))
        source, target = pairs.centre(index, size=size)
        seeds = None if seed is None else inference_seeds(seed, [pairs.pairs[i].id for i in index]).to(source.device)
        tiles += torch.stack([source, generate(source, seeds), target], 1).flatten(0, 1)
    picture: Tensor = make_grid(from_network(torch.stack(tiles)).cpu(), nrow=6, padding=2, pad_value=255)
    with whole_file(path) as partial:
        write_png(partial, picture.permute(1, 2, 0).numpy())
    return picture
