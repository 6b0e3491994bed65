"""Draw docs/patchgan.png: what one logit of a PatchGAN sees, by arithmetic and by gradient.

    python -m tools.patchgan_figure

Above, a drawn house front with the patch that the arithmetic gives for the middle logit; below, the absolute gradient
of that logit by the pixels, mean over random networks of pix2pix/networks/layers.py, with the same patch outlined.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import nn

from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.image_grid import grid
from pix2pix.files.images import Uint8, write_png
from pix2pix.networks.layers import Norm, initialise
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.toydata.facades import draw_facade

LAYERS = (0, 1, 3, 5)  # patches of 1, 16, 70, 286 pixels
SIDE, CANVAS = 256, 352  # of the picture; of the panel, where the largest patch has room
NETWORKS = 8  # random ones, over which the gradient is averaged
DECADES = 3  # of the gradient's logarithmic colour scale
BLUE = (0, 150, 255)


def discriminator(layers: int, *, seed: int = 0) -> PatchGAN:
    """A random PatchGAN without its norms: their statistics join all pixels of an image, outside every patch."""
    network = PatchGAN(channels=8, layers=layers)
    initialise(network, seed)
    for index, module in enumerate(network.layers):
        if isinstance(module, Norm):
            network.layers[index] = nn.Identity()
    return network


def patch(network: PatchGAN, logit: int) -> tuple[int, int]:
    """(first pixel, side) of what the logit at row or column `logit` sees, before clipping to the image.

    From the last convolution to the first: side = stride * (side - 1) + kernel, first = stride * first - padding.
    """
    first, side = logit, 1
    for module in reversed(network.layers):
        if isinstance(module, nn.Conv2d):
            (kernel, _), (stride, _), padding = module.kernel_size, module.stride, module.padding[0]
            assert isinstance(padding, int)
            first, side = stride * first - padding, stride * (side - 1) + kernel
    return first, side


def map_side(network: PatchGAN, pixels: int) -> int:
    """Rows of logits for an image of `pixels` rows."""
    with torch.inference_mode():
        return int(network(*torch.zeros(2, 1, 3, pixels, pixels)).shape[2])


def sensitivity(layers: int, *, pixels: int, networks: int = NETWORKS) -> NDArray[np.float32]:
    """|d logit / d pixel| of the middle logit (pixels, pixels), summed over channels, mean over random networks."""
    total = torch.zeros(pixels, pixels)
    for seed in range(networks):
        noise = torch.Generator().manual_seed(seed)
        source, image = torch.rand(2, 1, 3, pixels, pixels, generator=noise) * 2 - 1
        image.requires_grad_()
        logits = discriminator(layers, seed=seed)(source, image)
        middle = logits.shape[2] // 2
        (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], image)
        total += gradient[0].abs().sum(0)
    return (total / networks).numpy()


def draw() -> Uint8:
    """The whole figure: one column a size of patch."""
    photo, _ = draw_facade(index=3, size=SIDE, seed=0)
    margin = (CANVAS - SIDE) // 2
    canvas = np.full((CANVAS, CANVAS, 3), 235, np.uint8)
    canvas[margin : margin + SIDE, margin : margin + SIDE] = photo
    titles, above, below = [], [], []
    for layers in LAYERS:
        network = discriminator(layers)
        first, side = patch(network, map_side(network, CANVAS) // 2)
        logits = map_side(network, SIDE)
        titles.append(f"{side} x {side} pixels: {logits} x {logits} logits at {SIDE}")
        seen = (canvas * 0.25 + 255 * 0.75).astype(np.uint8)
        inside = slice(max(first, 0), first + side)
        seen[inside, inside] = canvas[inside, inside]
        above.append(_outlined(seen, first, side))
        below.append(_outlined(_heat(sensitivity(layers, pixels=CANVAS)), first, side))
    return grid([above, below], columns=titles, labels=["what one\nlogit sees", "its gradient\nby the pixels"])


def _heat(values: NDArray[np.float32]) -> Uint8:
    """Logarithmic colours, DECADES below the largest value and all smaller ones but 0 dark violet; 0 is black."""
    scaled = 1 + np.log10(np.maximum(values / values.max(), 10.0**-DECADES)) / DECADES
    shades = np.where(values > 0, 40 + 215 * scaled, 0).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(shades, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def _outlined(picture: Uint8, first: int, side: int) -> Uint8:
    """The patch's outline, just outside it, and a ring around one that is too small to find."""
    page = Image.fromarray(picture)
    pen = ImageDraw.Draw(page)
    pen.rectangle((first - 2, first - 2, first + side + 1, first + side + 1), outline=BLUE, width=2)
    if side < 8:
        pen.ellipse((first - 14, first - 14, first + side + 13, first + side + 13), outline=BLUE, width=2)
    return np.asarray(page)


def main() -> None:
    argparse.ArgumentParser(description="Draw docs/patchgan.png: what one logit of a PatchGAN sees.").parse_args()
    out = Path("docs/patchgan.png")
    with whole_file(out) as partial:
        write_png(partial, draw())
    print(out)


if __name__ == "__main__":
    run(main)
