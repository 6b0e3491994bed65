"""The PatchGAN discriminator of pix2pix (Isola et al. 2017, section 3.2.2 and appendix 6.1.2)."""

import torch
from torch import Tensor, nn

from pix2pix.networks.layers import Norm


class PatchGAN(nn.Module):
    """Discriminator of overlapping patches: one logit a patch of the pair (source, image), or of the image alone.

    `layers` strided 4x4 convolutions, then two of stride 1: 1, 3, 5 layers see patches of 16, 70, 286 pixels. 0 layers
    are the PixelGAN, three 1x1 convolutions that see 1 pixel (appendix 6.1.2). Not `conditional`: it never sees the
    source (section 4.2).
    """

    def __init__(self, *, channels: int, layers: int, conditional: bool = True) -> None:
        super().__init__()
        self.conditional = conditional
        width = [channels * min(2**i, 8) for i in range(max(layers, 1) + 1)]
        side, padding = (4, 1) if layers else (1, 0)
        convs: list[nn.Module] = []
        for i, (cin, cout) in enumerate(zip([6 if conditional else 3, *width], width, strict=False)):
            stride = 2 if i < layers else 1
            convs += [
                nn.Conv2d(cin, cout, side, stride, padding, bias=i == 0),
                *([Norm(cout)] if i else []),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*convs, nn.Conv2d(width[-1], 1, side, 1, padding))

    def forward(self, source: Tensor, image: Tensor) -> Tensor:
        """Two (N, 3, H, W) -> logits (N, 1, H', W'); 30x30 of them at 256 pixels and 3 layers."""
        logits: Tensor = self.layers(torch.cat([source, image], 1) if self.conditional else image)
        return logits
