"""The PatchGAN discriminator of pix2pix (Isola et al. 2017, section 3.2.2 and appendix 6.1.2)."""

import torch
from torch import Tensor, nn

from pix2pix.networks.layers import Norm, OneHot, SpectralConv


class PatchGAN(nn.Module):
    """Discriminator of overlapping patches: one logit a patch of the pair (source, image), or of the image alone.

    `layers` strided 4x4 convolutions, then two of stride 1: 1, 3, 5 layers see patches of 16, 70, 286 pixels. 0 layers
    are the PixelGAN, three 1x1 convolutions that see 1 pixel (appendix 6.1.2). Not `conditional`: it never sees the
    source (section 4.2). With `labels` it sees the classes of a source that is a label map.
    """

    def __init__(
        self,
        *,
        channels: int,
        layers: int,
        conditional: bool = True,
        spectral_norm: bool = False,
        labels: OneHot | None = None,
    ) -> None:
        super().__init__()
        self.conditional, self.labels = conditional, labels
        conv = SpectralConv if spectral_norm else nn.Conv2d
        seen = 3 + (labels.classes if labels else 3) * conditional
        width = [channels * min(2**i, 8) for i in range(max(layers, 1) + 1)]
        side, padding = (4, 1) if layers else (1, 0)
        convs: list[nn.Module] = []
        for i, (cin, cout) in enumerate(zip([seen, *width], width, strict=False)):
            stride = 2 if i < layers else 1
            convs += [
                conv(cin, cout, side, stride, padding, bias=i == 0),
                *([Norm(cout)] if i else []),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*convs, conv(width[-1], 1, side, 1, padding))

    def forward(self, source: Tensor, image: Tensor, activations: list[Tensor] | None = None) -> Tensor:
        """Two (N, 3, H, W) -> logits (N, 1, H', W'); 30x30 of them at 256 pixels and 3 layers.

        `activations`, where it is given, receives those of each layer but the last.
        """
        x = torch.cat([self.labels(source) if self.labels else source, image], 1) if self.conditional else image
        for layer in self.layers:
            x = layer(x)
            if activations is not None and isinstance(layer, nn.LeakyReLU):
                activations.append(x)
        return x
