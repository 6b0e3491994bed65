"""An image of any size translated tile by tile, so that memory depends on the tile and seams do not show.

A tile alone would be normalised by its own statistics, and its neighbour by others: their colours would differ. So
there are two passes over the tiles. The first measures what each norm sees, the second normalises all tiles by the
statistics of the whole image. Where tiles overlap, their answers are blended by linear ramps.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2pix.files.images import Uint8
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.inference import Trained, finite, inference_seeds
from pix2pix.networks.layers import Norm, from_network, to_network
from pix2pix.networks.mean_target import MeanTarget


@dataclass(frozen=True)
class Tiles:
    """Squares of `side` pixels that overlap by at least `overlap`."""

    side: int
    overlap: int

    def check(self, trained: Trained) -> None:
        """Refuse what the network cannot take.

        Raises:
            ValueError: says which sides it takes.
        """
        multiple = trained.network.multiple
        if self.side < multiple or self.side % multiple:
            raise ValueError(f"tiles of {self.side} pixels: this network takes multiples of {multiple}")
        if not 0 <= self.overlap <= self.side // 2:
            raise ValueError(f"an overlap of {self.overlap} pixels: at most half of the tile, {self.side // 2}")

    def starts(self, length: int) -> list[int]:
        """Where they begin along a side of the image: as few as overlap enough, evenly spread."""
        count = 1 + max(0, -(-(length - self.side) // (self.side - self.overlap)))
        return [round(i * (length - self.side) / max(count - 1, 1)) for i in range(count)]

    def weights(self, length: int) -> dict[int, Tensor]:
        """The weights (side,) along each tile, by its beginning: ramps as wide as the overlap, of sum 1 everywhere."""
        place = torch.arange(self.side) + 0.5
        ramp = (torch.minimum(place, self.side - place) / max(self.overlap, 1)).clamp(max=1)
        total = torch.zeros(length)
        for begin in self.starts(length):
            total[begin : begin + self.side] += ramp
        return {begin: ramp / total[begin : begin + self.side] for begin in self.starts(length)}


@torch.inference_mode()
def generate_tiled(
    trained: Trained, source: Uint8, tiles: Tiles, *, id: str, done: Callable[[], object] = lambda: None
) -> Uint8:
    """Translate an image, uint8 (H, W, 3) of any size at its own size -> the same shape.

    `done` is called after each tile, in both passes. An image no larger than a tile is translated as it is.

    Raises:
        ValueError: the answer is not finite.
    """
    network, side, (height, width) = trained.network, tiles.side, source.shape[:2]
    if max(height, width) <= side or isinstance(network, MeanTarget):
        return trained.generate(source, id=id)
    padded = np.pad(source, ((0, max(side - height, 0)), (0, max(side - width, 0)), (0, 0)), mode="edge")
    rows, columns = (tiles.weights(length) for length in padded.shape[:2])

    def answer(top: int, left: int) -> Tensor:
        part = torch.from_numpy(padded[top : top + side, left : left + side].copy()).to(trained.device)
        seeds = inference_seeds(trained.metadata.seed, [f"{id}, {top}, {left}"]).to(trained.device)
        image = to_network(part.permute(2, 0, 1)[None])
        made = finite(network(image, seeds if trained.metadata.inference.dropout else None), id=id)
        done()
        return made

    with measured(network) as statistics:
        for top, left in product(rows, columns):
            channels = answer(top, left).shape[1]
    out = np.empty_like(padded)
    strip = torch.zeros(1, channels, side, padded.shape[1], device=trained.device)
    with normalised(network, statistics):
        for top, below in pairwise([*rows, padded.shape[0]]):
            for left, column in columns.items():
                weight = (rows[top][:, None] * column).to(trained.device)
                strip[..., left : left + side] += weight * answer(top, left)
            whole = trained.generator.paint(strip) if isinstance(trained.generator, Coloured) else strip
            out[top:below] = from_network(whole)[0, :, : below - top].permute(1, 2, 0).cpu().numpy()
            strip = F.pad(strip[:, :, below - top :], (0, 0, 0, below - top))
    return out[:height, :width]


# ---- norms -----------------------------------------------------------------------------------------------------------

Statistics = dict[Norm, tuple[Tensor, Tensor]]  # mean and variance of each channel, (C,)


@contextmanager
def measured(network: nn.Module) -> Iterator[Statistics]:
    """Fills the statistics of what the norms of the network see meanwhile, when it ends."""
    moments: dict[Norm, list[Tensor]] = {module: [] for module in network.modules() if isinstance(module, Norm)}
    statistics: Statistics = {}

    def look(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(norm, Norm)
        x = inputs[0].double()
        moments[norm].append(torch.stack([x.mean((0, 2, 3)), x.square().mean((0, 2, 3))]))

    hooks = [norm.register_forward_pre_hook(look) for norm in moments]
    try:
        yield statistics
    finally:
        for hook in hooks:
            hook.remove()
    for norm, seen in moments.items():
        mean, square = torch.stack(seen).mean(0)
        statistics[norm] = mean.float(), (square - mean.square()).clamp(min=0).float()


@contextmanager
def normalised(network: nn.Module, statistics: Statistics) -> Iterator[None]:
    """Meanwhile the norms of the network use these statistics, not those of what they see."""

    def by_statistics(norm: nn.Module, inputs: tuple[Any, ...], _: Tensor) -> Tensor:
        assert isinstance(norm, Norm)
        return F.batch_norm(inputs[0], *statistics[norm], norm.weight, norm.bias)

    hooks = [norm.register_forward_hook(by_statistics) for norm in statistics]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
