"""The baseline that any table of a learned model must be read against: the mean target of the training images."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MeanTarget(nn.Module):
    """The baseline: answers every source with the mean target of the training images."""

    image: Tensor
    multiple = 1

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("image", torch.zeros(1, 3, size, size))

    def forward(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        """(N, 3, H, W) -> the mean in [-1, 1], resized to (H, W) where that is not its own size."""
        image = self.image
        if image.shape[2:] != source.shape[2:]:
            image = F.interpolate(image, source.shape[2:], mode="bilinear")
        return image.expand_as(source)
