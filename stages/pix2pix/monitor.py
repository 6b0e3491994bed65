"""What a person watches while a network trains: a progress bar, TensorBoard, and a grid of samples every epoch."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.utils import make_grid
from tqdm import tqdm

from stages.pix2pix.batches import PairSet, cut_centre
from stages.pix2pix.generators import inference_seeds
from stages.pix2pix.images import write_png
from stages.pix2pix.networks import from_network
from stages.pix2pix.runs import Row

SAMPLES = 4  # images of each split in a grid
TIMED = 4  # steps, after the first, from which the whole time is estimated

Generate = Callable[[Tensor, Tensor | None], Tensor]


class Monitor:
    """A bar of images with images/s and the time left; TensorBoard's curves in `logs`, where it is installed."""

    def __init__(self, name: str, *, images: int, done: int, epochs_done: int, logs: Path) -> None:
        interval = 0.1 if sys.stderr.isatty() else 30  # seconds; a log file wants few lines
        self.bar: tqdm[Any] = tqdm(desc=name, total=images, initial=done, unit=" images", mininterval=interval)
        self.images, self.steps, self.start = images, 0, 0.0
        self.curves: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (optional at run time)
        except ImportError:
            return
        self.curves = SummaryWriter(logs, purge_step=epochs_done + 1)  # a resumed run replaces what lay beyond

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()
        if self.curves:
            self.curves.close()

    def step(self, images: int) -> None:
        """Count a batch; after the first few, say at once if the run will take hours."""
        self.bar.update(images)
        self.steps += 1
        if self.steps == 1:  # the first step makes what later ones use
            self.start = time.monotonic()
        elif self.steps == 1 + TIMED:
            hours = (self.images - self.bar.n) / images * (time.monotonic() - self.start) / TIMED / 3600
            if hours > 1:
                self.bar.write(
                    f"{self.bar.desc}: about {hours:.1f} hours on this machine. It may be stopped at any time; the "
                    "same command continues. A CUDA GPU, a smaller size or fewer epochs are faster.",
                    file=sys.stderr,
                )

    def epoch(self, row: Row, samples: Tensor) -> None:
        """Show the losses of an epoch and its samples (3, H, W)."""
        self.bar.set_postfix_str(f"epoch {row['epoch']}, validation L1 {row['val_l1']:.4f}", refresh=False)
        if self.curves:
            for name, loss in row.items():
                if name.startswith(("train", "val")) and loss is not None:
                    self.curves.add_scalar(name.replace("_", "/", 1), loss, row["epoch"])
            self.curves.add_image("samples", samples, row["epoch"])


def write_samples(path: Path, generate: Generate, sets: tuple[PairSet, ...], *, size: int, seed: int | None) -> Tensor:
    """Write a grid of fixed pairs of each set, one a row: source, generated, target; return it as uint8 (3, H, W).

    `generate` takes sources (N, 3, size, size) and dropout seeds (N,), None when `seed` is None (no dropout).
    """
    tiles: list[Tensor] = []
    for pairs in sets:
        last = len(pairs.pairs) - 1
        index = sorted(set(np.linspace(0, last, SAMPLES).round().astype(int).tolist()))
        source, target = cut_centre(pairs.images, index, size=size)
        seeds = None if seed is None else inference_seeds(seed, [pairs.pairs[i].id for i in index]).to(source.device)
        tiles += torch.stack([source, generate(source, seeds), target], 1).flatten(0, 1)
    picture: Tensor = make_grid(from_network(torch.stack(tiles)).cpu(), nrow=6, padding=2, pad_value=255)
    path.parent.mkdir(exist_ok=True)
    write_png(path, picture.permute(1, 2, 0).numpy())
    return picture
