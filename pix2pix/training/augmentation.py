"""What is drawn for an epoch, and batches cut from pairs by these draws (docs/design.md, laws 1 and 7).

Crop (of images that were resized to a larger side) and mirror are one gather a batch, the same for both sides.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pix2pix.networks.layers import to_network


def draw_epoch(
    *, seed: int, epoch: int, pairs: int, batch_size: int, load_size: int, size: int, mirror: bool
) -> Tensor:
    """All draws of one epoch, int64 (steps, batch_size, 5): pair, top, left, mirrored, dropout seed.

    A function of its arguments alone. A last, smaller batch is dropped, so shapes stay the same; every epoch has an
    order of its own, so no pair is dropped for good.
    """
    steps = pairs // batch_size
    draw = np.random.default_rng([seed, epoch])
    n = steps * batch_size
    columns = [
        draw.permutation(pairs)[:n],
        draw.integers(0, load_size - size + 1, n),
        draw.integers(0, load_size - size + 1, n),
        draw.integers(0, 2, n) * mirror,
        draw.integers(0, 2**32, n),
    ]
    return torch.from_numpy(np.stack(columns, 1).reshape(steps, batch_size, 5))


def cut_batch(images: Tensor, draws: Tensor, *, size: int) -> tuple[Tensor, Tensor]:
    """Source and target, each float32 (batch, 3, size, size) in [-1, 1], channels last in memory.

    `images` uint8 (N, L, L, 6): source and target channels; `draws` int64 (batch, 5), as of `draw_epoch`; one device.
    """
    pair, top, left, mirrored, _ = draws.unbind(1)
    along = torch.arange(size, device=images.device)
    rows = top[:, None] + along
    columns = left[:, None] + torch.where(mirrored[:, None] == 1, size - 1 - along, along)
    batch = images[pair[:, None, None], rows[:, :, None], columns[:, None, :]]  # (batch, size, size, 6)
    source, target = batch.permute(0, 3, 1, 2).split(3, 1)
    return to_network(source), to_network(target)


def centre_draws(index: Sequence[int], *, side: int, size: int, seeds: Tensor | None = None) -> Tensor:
    """Draws (len(index), 5), as of `draw_epoch`, that cut pairs of `side` at their centre, with dropout `seeds`."""
    margin = (side - size) // 2
    draws = torch.tensor([[i, margin, margin, 0, 0] for i in index])
    if seeds is not None:
        draws[:, 4] = seeds
    return draws
