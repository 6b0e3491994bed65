"""The generator (U-Net) and the discriminator (PatchGAN) of pix2pix (Isola et al. 2017, section 3.2, appendix 6.1)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stages.pix2pix.narrow import double, halve
from stages.pix2pix.noise import uniform
from stages.pix2pix.parallel import batch_norm


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
    The batch is the recipe's, however many devices share it: not what one of them holds.
    """

    def __init__(self, channels: int, kind: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.kind == "batch":
            return batch_norm(x, self.weight, self.bias)
        # image by image rather than F.instance_norm, which copies and leaves channels_last: on a CPU twice as fast
        parts = [F.batch_norm(part, None, None, self.weight, self.bias, True) for part in x.split(1)]
        return torch.cat(parts) if len(parts) > 1 else parts[0]


class Down(nn.Module):
    """LeakyReLU (not before the first), 4x4 convolution of stride 2, norm (not on the first, nor at 1x1)."""

    def __init__(self, cin: int, cout: int, *, norm: str | None, activate: bool) -> None:
        super().__init__()
        self.activate = activate
        self.conv = nn.Conv2d(cin, cout, 4, 2, 1, bias=norm is None)
        self.norm = Norm(cout, norm) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        x = halve(self.conv, F.leaky_relu(x, 0.2) if self.activate else x)
        return self.norm(x) if self.norm else x


class Up(nn.Module):
    """ReLU, 4x4 transposed convolution of stride 2, norm, dropout whose mask is a function of each image's seed."""

    def __init__(self, cin: int, cout: int, *, norm: str | None, dropout: float, stream: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(cin, cout, 4, 2, 1, bias=norm is None)
        self.norm = Norm(cout, norm) if norm else None
        self.dropout, self.stream = dropout, stream

    def forward(self, x: Tensor, seeds: Tensor | None) -> Tensor:
        x = double(self.conv, F.relu(x))
        x = self.norm(x) if self.norm else x
        if self.dropout == 0 or seeds is None:
            return x
        kept = uniform(seeds, tuple(x.shape[1:]), stream=self.stream) >= self.dropout
        return x * (kept / (1 - self.dropout)).to(x.dtype)


class UNet(nn.Module):
    """Encoder-decoder with skips from each encoder layer to the decoder layer of its size.

    Encoder C64-C128-C256-C512-...-C512, log2(size) layers down to 1x1; decoder its mirror. The last layer makes an
    image through Tanh, or, with `classes`, that many logits. `dropout` acts in the first `dropout_blocks` decoder
    blocks, training or not, whenever `seeds` is given. Without `skips` it is the paper's encoder-decoder (section 4.2).

    Raises:
        ValueError: size is not a power of two from 64 up.
    """

    def __init__(
        self,
        *,
        size: int,
        channels: int,
        norm: str,
        dropout: float = 0.0,
        dropout_blocks: int = 0,
        skips: bool = True,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        if size < 64 or size & (size - 1):
            raise ValueError(f"size {size} is not a power of two from 64 up")
        depth = int(math.log2(size))
        width = [channels * min(2**i, 8) for i in range(depth)]
        self.multiple, self.skips, self.image = size, skips, classes is None
        self.down = nn.ModuleList(
            Down(cin, cout, norm=None if i in (0, depth - 1) else norm, activate=i > 0)
            for i, (cin, cout) in enumerate(zip([3, *width], width, strict=False))
        )
        self.up = nn.ModuleList(
            Up(
                width[i] * (2 if skips and i < depth - 1 else 1),
                width[i - 1] if i else classes or 3,
                norm=norm if i else None,
                dropout=dropout if depth - 1 - i < dropout_blocks and i else 0.0,
                stream=i,
            )
            for i in reversed(range(depth))
        )

    def forward(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        """(N, 3, H, W) in [-1, 1], H and W multiples of `multiple` -> (N, 3 or classes, H, W).

        `seeds` (N,) None: no dropout.
        """
        encoded: list[Tensor] = []
        x = source
        for down in self.down:
            x = down(x)  # (N, width[i], H / 2**(i+1), W / 2**(i+1))
            encoded.append(x)
        encoded.pop()
        for up in self.up:
            x = up(x, seeds)
            x = torch.cat([x, encoded.pop()], 1) if self.skips and encoded else x
        return torch.tanh(x) if self.image else x


class PatchGAN(nn.Module):
    """Discriminator of overlapping patches: one logit a patch of the pair (source, image), or of the image alone.

    `layers` strided 4x4 convolutions, then two of stride 1: 1, 3, 5 layers see patches of 16, 70, 286 pixels. 0 layers
    are the PixelGAN, three 1x1 convolutions that see 1 pixel (appendix 6.1.2). Not `conditional`: it never sees the
    source (section 4.2).
    """

    def __init__(self, *, channels: int, layers: int, norm: str, conditional: bool = True) -> None:
        super().__init__()
        self.conditional = conditional
        width = [channels * min(2**i, 8) for i in range(max(layers, 1) + 1)]
        side, padding = (4, 1) if layers else (1, 0)
        convs: list[nn.Module] = []
        for i, (cin, cout) in enumerate(zip([6 if conditional else 3, *width], width, strict=False)):
            stride = 2 if i < layers else 1
            convs += [
                nn.Conv2d(cin, cout, side, stride, padding, bias=i == 0),
                *([Norm(cout, norm)] if i else []),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*convs, nn.Conv2d(width[-1], 1, side, 1, padding))

    def forward(self, source: Tensor, image: Tensor) -> Tensor:
        """Two (N, 3, H, W) -> logits (N, 1, H', W'); 30x30 of them at 256 pixels and 3 layers."""
        logits: Tensor = self.layers(torch.cat([source, image], 1) if self.conditional else image)
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
