"""What all networks are made of: pixels to numbers and back, normalisation, and the initial weights."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2pix.files.images import Uint8


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
        if x.is_contiguous():
            return F.group_norm(x, x.shape[1], self.weight, self.bias)
        # channels last: image by image rather than F.instance_norm, which copies and leaves the layout
        images = x.split(1) if len(x) > 1 else [x]
        parts = [F.batch_norm(image, None, None, self.weight, self.bias, True) for image in images]
        out = torch.cat(parts) if len(parts) > 1 else parts[0]
        if out.requires_grad:  # the gradient may be some channels of a concatenation: 20 times as slow as a copy of it
            out.register_hook(lambda gradient: gradient.contiguous(memory_format=torch.channels_last))
        return out


class OneHot(nn.Module):
    """A label map in colours to a channel a class, by the nearest colour.

    `colours` (K, 3) of the palette; of more than `classes` all further ones stand for the last class, too.
    """

    colours: Tensor

    def __init__(self, colours: Uint8, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("colours", torch.from_numpy(colours).float(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> (N, classes, H, W), 1 where the pixel is of the class, else 0; once is enough."""
        if image.shape[1] == self.classes:
            return image
        levels = ((image.float() + 1) * 127.5).round().contiguous()  # so that distances are exact
        rgb = zip(levels.split(1, 1), self.colours.T[..., None, None], strict=True)
        red, green, blue = ((level - colour).square() for level, colour in rgb)  # (N, K, H, W)
        first = torch.arange(len(self.colours), device=image.device)[:, None, None] / 64  # of two as near
        distance = red + green + blue + first
        nearest = distance == distance.amin(1, keepdim=True)
        last = nearest[:, self.classes - 1 :].any(1, keepdim=True)
        return torch.cat([nearest[:, : self.classes - 1], last], 1).to(image.dtype)


class SpectralConv(nn.Conv2d):
    """A convolution by its weights over their largest singular value (Miyato et al. 2018, section 2.1).

    The value is estimated by one power iteration a pass in training; `u`, where it stands, is part of the state.
    """

    u: Tensor

    def __init__(self, cin: int, cout: int, side: int, stride: int, padding: int, *, bias: bool = True) -> None:
        super().__init__(cin, cout, side, stride, padding, bias=bias)
        self.register_buffer("u", torch.ones(cout))

    def forward(self, x: Tensor) -> Tensor:
        matrix, u = self.weight.flatten(1).float(), self.u
        with torch.no_grad():  # sums of products, since autocast would round matrix products to bf16
            v = F.normalize((matrix * u[:, None]).sum(0), dim=0)
            if self.training:
                u = F.normalize((matrix * v).sum(1), dim=0)
                self.u.copy_(u)
        largest = ((matrix * v).sum(1) * u).sum()
        out: Tensor = self._conv_forward(x, self.weight / largest, self.bias)
        return out


class Upsample(nn.ConvTranspose2d):
    """Transposed convolution that enlarges `factor` times; `initialise` makes it bilinear interpolation."""

    def __init__(self, cin: int, cout: int, factor: int) -> None:
        super().__init__(cin, cout, 2 * factor, factor, factor // 2, bias=False)

    @torch.no_grad()
    def make_bilinear(self) -> None:
        """Channel i to channel i, by the triangle filter of bilinear interpolation (section 3.3)."""
        factor = self.stride[0]
        triangle = 1 - (torch.arange(2 * factor) + 0.5 - factor).abs() / factor
        self.weight.zero_()
        for i in range(min(self.weight.shape[:2])):
            self.weight[i, i] = triangle[:, None] * triangle


def initialise(network: nn.Module, seed: int) -> None:
    """Weights from N(0, 0.02), norm scales from N(1, 0.02), biases 0 (appendix 6.2); a function of `seed` alone.

    But where a transposed convolution enlarges scores, it begins as bilinear interpolation.
    """
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.normal_(0.0, 0.02, generator=draw)
                if module.bias is not None:
                    module.bias.zero_()
                if isinstance(module, SpectralConv):
                    module.u.normal_(generator=draw).div_(module.u.norm())
                if isinstance(module, Upsample) and module.in_channels == module.out_channels:
                    module.make_bilinear()
            elif isinstance(module, Norm):
                module.weight.normal_(1.0, 0.02, generator=draw)
