"""The pairs of a split as one uint8 tensor on the training device, and batches cut from it there (laws 1, 7).

Jitter (resize to a larger side, crop at random) and mirror are one gather per batch, the same for source and target.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from stages.pix2pix.cores import usable_cores
from stages.pix2pix.labels import palette
from stages.pix2pix.networks import to_network
from stages.pix2pix.pairs import Pair, read_classes, read_pairs, read_sides


@dataclass(frozen=True)
class PairSet:
    """`images` uint8 (N, L, L, 6): source and target channels of each pair at side L; `pairs` in the same order."""

    images: Tensor
    pairs: list[Pair]


def load_pairs(
    root: Path, split: str, *, direction: str, size: int, device: torch.device, labels: str | None = None
) -> PairSet:
    """Decode a split, each side resized to (size, size), and put it on `device` (6 size^2 bytes a pair).

    With `labels`, a palette, targets are label maps in exactly its colours, resized without blending classes.

    Raises:
        ValueError: they do not fit into the memory that is free there.
        ValueError, FileNotFoundError: as `read_pairs`.
    """
    pairs = read_pairs(root, split)
    need, free = len(pairs) * size * size * 6, _free_bytes(device)
    if need > free:
        raise ValueError(
            f"{root}: {len(pairs)} pairs at {size} pixels take {need / 1e9:.1f} GB, {device} has {free / 1e9:.1f} GB "
            "free; use a smaller size, or a data set with a limit"
        )
    images = np.empty((len(pairs), size, size, 6), np.uint8)

    def decode(i: int) -> None:
        images[i, ..., :3], images[i, ..., 3:] = read_sides(pairs[i], direction=direction, size=size)
        if labels:
            images[i, ..., 3:] = palette(labels)[read_classes(pairs[i], labels, size=size)]

    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(decode, range(len(pairs))))
    return PairSet(torch.from_numpy(images).to(device), pairs)


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def draw_epoch(*, seed: int, epoch: int, pairs: int, batch_size: int, jitter: int, size: int, mirror: bool) -> Tensor:
    """All draws of one epoch, int64 (steps, batch_size, 5): pair, top, left, mirrored, dropout seed.

    A function of its arguments alone. A last, smaller batch is dropped (shapes stay the same); every epoch has an order
    of its own, so no pair is dropped for good.

    Raises:
        ValueError: fewer pairs than one batch.
    """
    steps = pairs // batch_size
    if steps == 0:
        raise ValueError(f"batch_size {batch_size} is more than the {pairs} training pairs there are")
    draw = np.random.default_rng([seed, epoch])
    n = steps * batch_size
    columns = [
        draw.permutation(pairs)[:n],
        draw.integers(0, jitter - size + 1, n),
        draw.integers(0, jitter - size + 1, n),
        draw.integers(0, 2, n) * mirror,
        draw.integers(0, 2**32, n),
    ]
    return torch.from_numpy(np.stack(columns, 1).reshape(steps, batch_size, 5))


def cut_batch(images: Tensor, draws: Tensor, *, size: int) -> tuple[Tensor, Tensor]:
    """Source and target, each float32 (batch, 3, size, size) in [-1, 1], channels last in memory.

    `images` as in PairSet; `draws` int64 (batch, 5) as from `draw_epoch`, on the device of `images`.
    """
    pair, top, left, mirrored, _ = draws.unbind(1)
    along = torch.arange(size, device=images.device)
    rows = top[:, None] + along
    columns = left[:, None] + torch.where(mirrored[:, None] == 1, size - 1 - along, along)
    batch = images[pair[:, None, None], rows[:, :, None], columns[:, None, :]]  # (batch, size, size, 6)
    source, target = batch.permute(0, 3, 1, 2).split(3, 1)
    return to_network(source), to_network(target)


def cut_centre(images: Tensor, index: list[int], *, size: int) -> tuple[Tensor, Tensor]:
    """Source and target of the pairs `index`, cropped at the centre, as `cut_batch`: for validation and samples."""
    margin = (images.shape[1] - size) // 2
    draws = torch.tensor([[i, margin, margin, 0, 0] for i in index], device=images.device)
    return cut_batch(images, draws, size=size)
