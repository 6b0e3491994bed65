"""The generator (U-Net) and the discriminator (PatchGAN) of pix2pix (Isola et al. 2017, section 3.2, appendix 6.1)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stages.pix2pix.noise import uniform


def to_network(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, C, H, W) -> float32 in [-1, 1]."""
    return images.float() / 127.5 - 1.0


def from_network(images: torch.Tensor) -> torch.Tensor:
    """float (N, C, H, W) in [-1, 1] -> uint8 by rounding to the nearest, never by truncation."""
    return ((images.float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)


class Norm(nn.Module):
    """Normalisation without running statistics.

    "batch": statistics of the batch in training, of each image alone in evaluation (the paper's test-time choice, made
    independent of what else is in the batch). "instance": of each image alone, always. The same thing at batch size 1.
    """

    def __init__(self, channels: int, kind: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        together = self.training and self.kind == "batch"
        # image by image rather than F.instance_norm, which copies and leaves channels_last: on a CPU twice as fast
        parts = [
            F.batch_norm(part, None, None, self.weight, self.bias, True) for part in x.split(len(x) if together else 1)
        ]
        return torch.cat(parts) if len(parts) > 1 else parts[0]


class Down(nn.Module):
    """LeakyReLU (not before the first), 4x4 convolution of stride 2, norm (not on the first, nor at 1x1)."""

    def __init__(self, cin: int, cout: int, *, norm: str | None, activate: bool) -> None:
        super().__init__()
        self.activate = activate
        self.conv = nn.Conv2d(cin, cout, 4, 2, 1, bias=norm is None)
        self.norm = Norm(cout, norm) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.leaky_relu(x, 0.2) if self.activate else x)
        return self.norm(x) if self.norm else x


class Up(nn.Module):
    """ReLU, 4x4 transposed convolution of stride 2, norm, dropout whose mask is a function of each image's seed."""

    def __init__(self, cin: int, cout: int, *, norm: str | None, dropout: float, stream: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(cin, cout, 4, 2, 1, bias=norm is None)
        self.norm = Norm(cout, norm) if norm else None
        self.dropout, self.stream = dropout, stream

    def forward(self, x: Tensor, seeds: Tensor | None) -> Tensor:
        x = self.conv(F.relu(x))
        x = self.norm(x) if self.norm else x
        if self.dropout == 0 or seeds is None:
            return x
        kept = uniform(seeds, tuple(x.shape[1:]), stream=self.stream) >= self.dropout
        return x * (kept / (1 - self.dropout)).to(x.dtype)


class UNet(nn.Module):
    """Encoder-decoder with skips from each encoder layer to the decoder layer of its size.

    Encoder C64-C128-C256-C512-...-C512, log2(size) layers down to 1x1; decoder its mirror; Tanh. `dropout` acts in the
    first `dropout_blocks` decoder blocks, training or not, whenever `seeds` is given.

    Raises:
        ValueError: size is not a power of two from 64 up.
    """

    def __init__(self, *, size: int, channels: int, norm: str, dropout: float, dropout_blocks: int) -> None:
        super().__init__()
        if size < 64 or size & (size - 1):
            raise ValueError(f"size {size} is not a power of two from 64 up")
        depth = int(math.log2(size))
        width = [channels * min(2**i, 8) for i in range(depth)]
        self.multiple = size
        self.down = nn.ModuleList(
            Down(cin, cout, norm=None if i in (0, depth - 1) else norm, activate=i > 0)
            for i, (cin, cout) in enumerate(zip([3, *width], width, strict=False))
        )
        self.up = nn.ModuleList(
            Up(
                width[i] * (1 if i == depth - 1 else 2),
                width[i - 1] if i else 3,
                norm=norm if i else None,
                dropout=dropout if depth - 1 - i < dropout_blocks and i else 0.0,
                stream=i,
            )
            for i in reversed(range(depth))
        )

    def forward(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        """(N, 3, H, W) in [-1, 1], H and W multiples of `multiple` -> the same shape; `seeds` (N,) None: no dropout."""
        skips: list[Tensor] = []
        x = source
        for down in self.down:
            x = down(x)  # (N, width[i], H / 2**(i+1), W / 2**(i+1))
            skips.append(x)
        skips.pop()
        for up in self.up:
            x = up(x, seeds)
            x = torch.cat([x, skips.pop()], 1) if skips else x
        return torch.tanh(x)


class PatchGAN(nn.Module):
    """Discriminator of overlapping patches: one logit a patch of the pair (source, image).

    `layers` strided 4x4 convolutions, then two of stride 1: 1, 3, 5 layers see patches of 16, 70, 286 pixels.
    """

    def __init__(self, *, channels: int, layers: int, norm: str) -> None:
        super().__init__()
        width = [channels * min(2**i, 8) for i in range(layers + 1)]
        convs: list[nn.Module] = [nn.Conv2d(6, width[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for i in range(1, layers + 1):
            stride = 2 if i < layers else 1
            convs += [
                nn.Conv2d(width[i - 1], width[i], 4, stride, 1, bias=False),
                Norm(width[i], norm),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*convs, nn.Conv2d(width[-1], 1, 4, 1, 1))

    def forward(self, source: Tensor, image: Tensor) -> Tensor:
        """Two (N, 3, H, W) -> logits (N, 1, H', W'); 30x30 of them at 256 pixels and 3 layers."""
        logits: Tensor = self.layers(torch.cat([source, image], 1))
        return logits


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
