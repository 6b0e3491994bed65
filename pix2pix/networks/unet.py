"""The U-Net generator of pix2pix (Isola et al. 2017, section 3.2.1 and appendix 6.1.1)."""

import math
from itertools import zip_longest

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2pix.networks.counter_rng import uniform
from pix2pix.networks.cpu_conv import double, halve
from pix2pix.networks.layers import Norm, OneHot


class Down(nn.Module):
    """LeakyReLU (not before the first), 4x4 convolution of stride 2, norm (not on the first, nor at 1x1)."""

    def __init__(self, cin: int, cout: int, *, norm: bool, activate: bool) -> None:
        super().__init__()
        self.activate = activate
        self.conv = nn.Conv2d(cin, cout, 4, 2, 1, bias=not norm)
        self.norm = Norm(cout) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        x = halve(self.conv, F.leaky_relu(x, 0.2) if self.activate else x)
        return self.norm(x) if self.norm else x


class Up(nn.Module):
    """ReLU, 4x4 transposed convolution of stride 2, norm, dropout by a given mask.

    With `resize`, nearest neighbours and a 3x3 convolution instead, against checkerboards (Odena et al. 2016).
    """

    def __init__(self, cin: int, cout: int, *, norm: bool, resize: bool) -> None:
        super().__init__()
        self.conv = (
            nn.Conv2d(cin, cout, 3, 1, 1, bias=not norm)
            if resize
            else nn.ConvTranspose2d(cin, cout, 4, 2, 1, bias=not norm)
        )
        self.norm = Norm(cout) if norm else None

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = F.relu(x)
        x = self.conv(F.interpolate(x, scale_factor=2.0)) if isinstance(self.conv, nn.Conv2d) else double(self.conv, x)
        x = self.norm(x) if self.norm else x
        return x if mask is None else x * mask


class UNet(nn.Module):
    """Encoder-decoder with skips from each encoder layer to the decoder layer of its size.

    Encoder C64-C128-C256-C512-...-C512, log2(size) layers down to 1x1; decoder its mirror. The last layer makes an
    image through Tanh, or, with `classes`, that many logits. `dropout` acts in the first `dropout_blocks` decoder
    blocks, training or not, whenever `seeds` is given. Without `skips` it is the paper's encoder-decoder (section 4.2).

    `head`: tanh; tanh_1.1, 1.1 times that, which need not saturate for white; clipped, no bound. Of these two, training
    sees values beyond [-1, 1], which its losses draw back; evaluation mode clips them. With `labels` it reads the
    classes of a source that is a label map.

    Raises:
        ValueError: size is not a power of two from 64 up.
    """

    def __init__(
        self,
        *,
        size: int,
        channels: int,
        dropout: float = 0.0,
        dropout_blocks: int = 0,
        skips: bool = True,
        classes: int | None = None,
        head: str = "tanh",
        resize: bool = False,
        labels: OneHot | None = None,
    ) -> None:
        super().__init__()
        if size < 64 or size & (size - 1):
            raise ValueError(f"size {size} is not a power of two from 64 up")
        depth = int(math.log2(size))
        width = [channels * min(2**i, 8) for i in range(depth)]
        self.multiple, self.skips, self.image = size, skips, classes is None
        self.head, self.labels = head, labels
        self.down = nn.ModuleList(
            Down(cin, cout, norm=i not in (0, depth - 1), activate=i > 0)
            for i, (cin, cout) in enumerate(zip([labels.classes if labels else 3, *width], width, strict=False))
        )
        self.up = nn.ModuleList(
            Up(
                width[i] * (2 if skips and i < depth - 1 else 1),
                width[i - 1] if i else classes or 3,
                norm=i > 0,
                resize=resize,
            )
            for i in reversed(range(depth))
        )
        self.dropout = dropout
        self.dropped = width[:-1][::-1][:dropout_blocks] if dropout else []  # channels of the blocks with dropout

    def forward(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        """(N, 3, H, W) in [-1, 1], H and W multiples of `multiple` -> (N, 3 or classes, H, W).

        `seeds` (N,) None: no dropout.
        """
        encoded: list[Tensor] = []
        x = self.labels(source) if self.labels else source
        for down in self.down:
            x = down(x)  # (N, width[i], H / 2**(i+1), W / 2**(i+1))
            encoded.append(x)
        encoded.pop()
        masks = [] if seeds is None else self._dropout_masks(seeds, x)
        for up, mask in zip_longest(self.up, masks):
            x = up(x, mask)
            x = torch.cat([x, encoded.pop()], 1) if self.skips and encoded else x
        return self._bounded(x) if self.image else x

    def _bounded(self, x: Tensor) -> Tensor:
        match self.head:
            case "tanh":
                return torch.tanh(x)
            case "tanh_1.1":
                x = 1.1 * torch.tanh(x)
        return x if self.training else x.clamp(-1, 1)

    def _dropout_masks(self, seeds: Tensor, innermost: Tensor) -> list[Tensor]:
        """What the outputs (N, C, H, W) of the first decoder blocks are multiplied with: 0 or 1 / (1 - dropout).

        All from one draw; row n is a function of seeds[n].
        """
        height, width = innermost.shape[2:]
        shapes = [(height << i, width << i, channels) for i, channels in enumerate(self.dropped, 1)]
        sizes = [math.prod(shape) for shape in shapes]
        kept = uniform(seeds, sum(sizes)) >= self.dropout
        masks = (kept / (1 - self.dropout)).to(innermost.dtype).split(sizes, 1)
        return [mask.view(-1, *shape).permute(0, 3, 1, 2) for mask, shape in zip(masks, shapes, strict=True)]
