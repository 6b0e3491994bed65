"""What is drawn for an epoch, and batches cut from pairs by these draws (docs/design.md, laws 1 and 7).

Crop (of images that were resized to a larger side) and mirror are one gather a batch, the same for both sides. So are
scale and rotation, bilinear, or nearest where a side is a label map.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pix2pix.networks.counter_rng import uniform
from pix2pix.networks.layers import to_network

STREAM = 0x5BD1E995  # makes an image's seed that of a stream of its own: dropout draws by the seed itself


@dataclass(frozen=True)
class Augmentation:
    """What else is drawn for an image in training: a function of its seed, the last column of `draw_epoch`.

    `scale` s: enlarged by 1 / (1 + s) to 1 + s; `rotation`: up to so many degrees either way; about the crop's centre.
    Beyond the edge lies the image's mirror image. `labels`: side 0, the source, or 1, the target, is a label map.
    `drawn`: the side of which one drawing is picked where pairs are drawn in several manners.
    """

    scale: float = 0.0
    rotation: float = 0.0
    labels: int | None = None
    drawn: int = 0


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


def cut_batch(
    images: Tensor, draws: Tensor, *, size: int, augmentation: Augmentation | None = None
) -> tuple[Tensor, Tensor]:
    """Source and target, each float32 (batch, 3, size, size) in [-1, 1], channels last in memory.

    `images` uint8 (N, L, L, 6 + K - 1): channels of source and target, and where a side is drawn in K manners, the
    other drawings, grey. `draws` int64 (batch, 5), as of `draw_epoch`; one device.
    """
    pair, top, left, mirrored, seeds = draws.unbind(1)
    along = torch.arange(size, device=images.device)
    rows = top[:, None] + along
    columns = left[:, None] + torch.where(mirrored[:, None] == 1, size - 1 - along, along)
    channels = torch.arange(6, device=images.device)  # of `images` that are source and target
    if augmentation and (others := images.shape[3] - 6):
        drawing = (uniform(seeds ^ STREAM, 3)[:, 2:] * (1 + others)).long()  # (batch, 1)
        channels = torch.where((channels // 3 == augmentation.drawn) & (drawing > 0), 5 + drawing, channels)

    def read(rows: Tensor, columns: Tensor) -> Tensor:
        """uint8 (batch, size, size, 6)."""
        if channels.dim() == 1:
            return images[pair[:, None, None], rows, columns][..., :6]
        return images[pair[:, None, None, None], rows[..., None], columns[..., None], channels[:, None, None]]

    if augmentation and (augmentation.scale or augmentation.rotation):
        batch = _warped(read, rows, columns, uniform(seeds ^ STREAM, 2), augmentation, side=images.shape[1])
    else:
        batch = read(rows[:, :, None], columns[:, None, :])
    source, target = batch.permute(0, 3, 1, 2).split(3, 1)
    return to_network(source), to_network(target)


def _warped(
    read: Callable[[Tensor, Tensor], Tensor],
    rows: Tensor,
    columns: Tensor,
    chance: Tensor,
    augmentation: Augmentation,
    *,
    side: int,
) -> Tensor:
    """What `read` gives at rows and columns (batch, size) after scale and rotation by `chance` (batch, 2).

    float32 (batch, size, size, channels) in 0..255.
    """
    scale = (1 + augmentation.scale) ** (2 * chance[:, 0, None, None] - 1)
    angle = math.radians(augmentation.rotation) * (2 * chance[:, 1, None, None] - 1)
    cos, sin = angle.cos() / scale, angle.sin() / scale
    middle, centre = ((along[:, :1] + along[:, -1:])[..., None] / 2 for along in (rows, columns))
    down, right = rows[:, :, None] - middle, columns[:, None, :] - centre
    row, column = middle + cos * down - sin * right, centre + sin * down + cos * right  # (batch, size, size)

    def inside(at: Tensor) -> Tensor:
        return ((side - 1) - ((side - 1) - at.abs()).abs()).clamp(min=0).long()

    above, before = row.floor(), column.floor()
    lower, later = (row - above)[..., None], (column - before)[..., None]  # shares of the neighbours
    upper_row, lower_row = (
        read(inside(at), inside(before)) * (1 - later) + read(inside(at), inside(before + 1)) * later
        for at in (above, above + 1)
    )
    smooth = upper_row * (1 - lower) + lower_row * lower
    if augmentation.labels is None:
        return smooth
    is_label = torch.arange(smooth.shape[3], device=smooth.device) // 3 == augmentation.labels
    return torch.where(is_label, read(inside(row.round()), inside(column.round())).float(), smooth)


def centre_draws(index: Sequence[int], *, side: int, size: int, seeds: Tensor | None = None) -> Tensor:
    """Draws (len(index), 5), as of `draw_epoch`, that cut pairs of `side` at their centre, with dropout `seeds`."""
    margin = (side - size) // 2
    draws = torch.tensor([[i, margin, margin, 0, 0] for i in index])
    if seeds is not None:
        draws[:, 4] = seeds
    return draws
