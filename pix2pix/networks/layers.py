"""What all networks are made of: pixels to numbers and back, normalisation, and the initial weights."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def to_network(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, C, H, W) -> float32 in [-1, 1]."""
    return images.float() / 127.5 - 1.0


def from_network(images: torch.Tensor) -> torch.Tensor:
    """float (N, C, H, W) in [-1, 1] -> uint8 by rounding to the nearest, never by truncation."""
    return ((images.float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)


class Norm(nn.Module):
    """Normalisation by each image's own statistics, in training as at inference.

    That is the paper's batch norm, which has batches of one image and the test batch's statistics (section 3.4).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape: each channel of each image with mean 0 and variance 1, scaled and shifted."""
        # image by image rather than F.instance_norm, which copies and leaves channels_last: on a CPU twice as fast
        parts = [F.batch_norm(part, None, None, self.weight, self.bias, True) for part in x.split(1)]
        return torch.cat(parts) if len(parts) > 1 else parts[0]


def initialise(network: nn.Module, seed: int) -> None:
    """Weights from N(0, 0.02), norm scales from N(1, 0.02), biases 0 (appendix 6.2); a function of `seed` alone."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.normal_(0.0, 0.02, generator=draw)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, Norm):
                module.weight.normal_(1.0, 0.02, generator=draw)
