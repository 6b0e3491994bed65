"""A network of class logits that answers with the colours of a palette."""

import torch
from torch import Tensor, nn

from pix2pix.files.images import Uint8
from pix2pix.networks.build import Generator
from pix2pix.networks.layers import to_network


class Coloured(nn.Module):
    """A network of class logits, answering with the colour of each pixel's most likely class."""

    colours: Tensor

    def __init__(self, network: Generator, colours: Uint8) -> None:
        super().__init__()
        self.network, self.multiple = network, network.multiple
        self.register_buffer("colours", to_network(torch.from_numpy(colours)), persistent=False)

    def forward(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        """(N, 3, H, W) -> the same shape, colours of the palette in [-1, 1]."""
        return self.paint(self.network(source, seeds))

    def paint(self, logits: Tensor) -> Tensor:
        """(N, K, H, W) -> (N, 3, H, W)."""
        return self.colours[logits.argmax(1)].permute(0, 3, 1, 2)

    def classes(self, image: Tensor) -> Tensor:
        """What `paint` painted, (N, 3, H, W) of the palette's colours -> (N, H, W) int64."""
        nearness = image.permute(0, 2, 3, 1) @ self.colours.T - self.colours.square().sum(1) / 2
        return nearness.argmax(-1)
