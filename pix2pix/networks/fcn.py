"""Fully convolutional networks (Long, Shelhamer, Darrell 2015): FCN-32s, -16s and -8s, trained from scratch."""

import torch
from torch import Tensor, nn

from pix2pix.networks.layers import Norm, Upsample

WIDTHS = (1, 2, 4, 8, 8)  # of VGG-16's five blocks, times `channels`


class Conv(nn.Sequential):
    """Convolution without bias, norm, ReLU."""

    def __init__(self, cin: int, cout: int, side: int) -> None:
        super().__init__(nn.Conv2d(cin, cout, side, 1, side // 2, bias=False), Norm(cout), nn.ReLU())


class FCN(nn.Module):
    """VGG-16's five blocks of `convolutions` 3x3 convolutions, each halved by max pooling; scores; and the way back.

    `stride` 32 enlarges the scores of the last block at once; 16 and 8 first add, enlarged twofold, those of the fourth
    and the third (section 4.2). `upsampling` "single": scores have the channels of the output, and one transposed
    convolution enlarges them to full size. "stepwise": 4 `channels` of scores, enlarged by transposed convolutions of
    stride 2 with norm and ReLU between them (as Noh et al. 2015). The last layer makes an image through Tanh, or, with
    `classes`, that many logits. Blocks have norms, since no pretrained weights are used.
    """

    multiple = 32

    def __init__(self, *, channels: int, convolutions: int, stride: int, upsampling: str, classes: int | None) -> None:
        super().__init__()
        self.image, self.stride = classes is None, stride
        out = classes or 3
        width = [channels * w for w in WIDTHS]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                *(Conv(cin if i == 0 else cout, cout, 3) for i in range(convolutions)),
                nn.MaxPool2d(2),
            )
            for cin, cout in zip([3, *width], width, strict=False)
        )
        self.head = nn.Sequential(Conv(width[4], 2 * width[4], 3), Conv(2 * width[4], 2 * width[4], 1))
        scores = out if upsampling == "single" else 4 * channels
        self.score = nn.ModuleDict({"32": nn.Conv2d(2 * width[4], scores, 1)})
        self.twofold = nn.ModuleDict()
        for step, features in ((16, width[3]), (8, width[2])):
            if step >= stride:
                self.score[str(step)] = nn.Conv2d(features, scores, 1)
                self.twofold[str(step)] = Upsample(scores, scores, 2)
        self.enlarge = Upsample(out, out, stride) if upsampling == "single" else _stepwise(scores, out, stride)

    def forward(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        """(N, 3, H, W) in [-1, 1], H and W multiples of 32 -> (N, 3 or classes, H, W); `seeds` is not used."""
        x = source
        at: dict[int, Tensor] = {}
        for i, block in enumerate(self.blocks):
            x = at[2 ** (i + 1)] = block(x)  # (N, width[i], H / 2**(i+1), W / 2**(i+1))
        scores = self.score["32"](self.head(x))
        for step in (16, 8):
            if step >= self.stride:
                scores = self.twofold[str(step)](scores) + self.score[str(step)](at[step])
        x = self.enlarge(scores)
        return torch.tanh(x) if self.image else x


def _stepwise(channels: int, out: int, stride: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    while stride > 2:
        layers += [Upsample(channels, channels // 2, 2), Norm(channels // 2), nn.ReLU()]
        channels, stride = channels // 2, stride // 2
    return nn.Sequential(*layers, Upsample(channels, out, 2))
