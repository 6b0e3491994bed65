"""CPU fast path: in training, the innermost convolutions of a U-Net run as matrix products (im2col).

There many weights meet few pixels. oneDNN's convolutions are made for many pixels and take 2 to 4 times as long as a
matrix product with the unfolded pixels, most of it for the gradient of the weights.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pix2pix.machine.hardware import Hardware

WEIGHTS = 200_000  # from this many weights on, and
PIXELS = 64  # up to this many pixels of all images together, a matrix product is faster


def lay_out(network: nn.Module, hardware: Hardware) -> None:
    """Move a network to its device, with its weights in the memory layout of `Hardware.layout`.

    On a CPU large layers keep the plain layout, which matrix products and the fused Adam read without copies.
    """
    network.to(hardware.device)
    for weight in network.parameters():
        if weight.dim() == 4 and (hardware.device.type != "cpu" or weight.numel() < WEIGHTS):
            weight.data = weight.data.contiguous(memory_format=hardware.layout)


def halve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """`conv(x)` of a 4 x 4 convolution of stride 2: (N, C, H, W) -> (N, C', H / 2, W / 2)."""
    if not _by_matrix_product(conv, x, pixels=x[:, 0].numel() // 4):
        out: Tensor = conv(x)
        return out
    columns = F.unfold(x.float(), 4, padding=1, stride=2)  # (N, 16 C, pixels)
    out = F.linear(columns.transpose(1, 2), conv.weight.flatten(1), conv.bias)  # (N, pixels, C')
    return out.transpose(1, 2).reshape(len(x), -1, x.shape[2] // 2, x.shape[3] // 2)


def double(conv: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """`conv(x)` of a transposed 4 x 4 convolution of stride 2: (N, C, H, W) -> (N, C', 2 H, 2 W)."""
    if not _by_matrix_product(conv, x, pixels=x[:, 0].numel()):
        out: Tensor = conv(x)
        return out
    columns = (x.flatten(2).transpose(1, 2) @ conv.weight.flatten(1)).transpose(1, 2)  # (N, 16 C', pixels)
    size = (2 * x.shape[2], 2 * x.shape[3])
    out = F.fold(columns.float(), size, 4, padding=1, stride=2).to(columns.dtype)
    return out if conv.bias is None else out + conv.bias[:, None, None].to(out.dtype)


def _by_matrix_product(conv: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, *, pixels: int) -> bool:
    return conv.training and x.device.type == "cpu" and conv.weight.numel() >= WEIGHTS and pixels <= PIXELS
