"""The baseline that any table of a learned model must be read against: the mean target of the training images."""

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pix2pix.networks.mean_target import MeanTarget
from pix2pix.training.augmentation import centre_draws
from pix2pix.training.dataset import PairSet
from pix2pix.training.losses import l1_loss
from pix2pix.training.progress import write_samples
from pix2pix.training.resume import Run


def average_targets(mean: MeanTarget, state: Run, training: PairSet, validation: PairSet, *, size: int) -> None:
    """Give `mean` its image, and fill `state` as a training of one epoch does."""
    start = time.monotonic()
    row: dict[str, Any] = {"epoch": 1, "step": 0, "images": len(training.pairs)}

    def targets(pairs: PairSet) -> Iterator[Tensor]:
        draws = [centre_draws([i], side=pairs.files.side, size=size) for i in range(len(pairs.pairs))]
        return (target for _, target, _ in pairs.batches(draws, size=size))

    summed = torch.zeros_like(mean.image, dtype=torch.float64)
    for target in targets(training):
        summed += target.cpu()
    mean.image = (summed / len(training.pairs)).float().to(training.device)
    for name, pairs in (("train_l1", training), ("val_l1", validation)):
        row[name] = float(torch.stack([l1_loss(mean.image, target) for target in targets(pairs)]).mean() / 2)
    state.rows.append(row)
    samples = state.folder / "samples" / "epoch_0001.png"
    write_samples(samples, mean, (training, validation), size=size, seed=None)
    state.seconds = time.monotonic() - start
