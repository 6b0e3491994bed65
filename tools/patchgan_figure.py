"""Draw docs/patchgan.png: what one logit of a PatchGAN sees.

    python -m tools.patchgan_figure

Above, a drawn house front with the patch of the middle logit: the pixels by which its gradient is not 0. Below, the
absolute gradient, mean over random networks, with the same patch outlined.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.image_grid import grid
from pix2pix.files.images import Uint8, write_png
from pix2pix.toydata.facades import draw_facade

LAYERS = (0, 1, 3, 5)  # patches of 1, 16, 70, 286 pixels
SIDE, CANVAS = 256, 352  # of the picture; of the panel, where the largest patch has room
NETWORKS = 8  # random ones, over which the gradient is averaged
DECADES = 3  # of the gradient's logarithmic colour scale
BLUE = (0, 150, 255)


def sensitivity(layers: int, *, pixels: int, networks: int = NETWORKS) -> NDArray[np.float32]:
    """|d logit / d pixel| of the middle logit (pixels, pixels), summed over channels, mean over random networks.

    The networks have no norms: their statistics join all pixels of an image, outside every patch.
    """
    import torch

    from pix2pix.networks.layers import Norm, initialise
    from pix2pix.networks.patchgan import PatchGAN

    total = torch.zeros(pixels, pixels)
    for seed in range(networks):
        network = PatchGAN(channels=8, layers=layers)
        initialise(network, seed)
        for index, module in enumerate(network.layers):
            if isinstance(module, Norm):
                network.layers[index] = torch.nn.Identity()
        noise = torch.Generator().manual_seed(seed)
        source, image = torch.rand(2, 1, 3, pixels, pixels, generator=noise) * 2 - 1
        image.requires_grad_()
        logits = network(source, image)
        middle = logits.shape[2] // 2
        (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], image)
        total += gradient[0].abs().sum(0)
    return (total / networks).numpy()


def draw() -> Uint8:
    """The whole figure: one column a size of patch."""
    photo, _ = draw_facade(index=3, size=SIDE, seed=0)
    margin = (CANVAS - SIDE) // 2
    canvas = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), constant_values=235)
    titles: list[str] = []
    above: list[Uint8] = []
    below: list[Uint8] = []
    for layers in LAYERS:
        gradient = sensitivity(layers, pixels=CANVAS)
        rows = np.flatnonzero(gradient.any(1))
        first, end = int(rows[0]), int(rows[-1]) + 1
        seen = (canvas * 0.25 + 255 * 0.75).astype(np.uint8)
        seen[first:end, first:end] = canvas[first:end, first:end]
        titles.append(f"{end - first} x {end - first} pixels")
        for row, picture in ((above, seen), (below, _heat(gradient))):
            row.append(cv2.rectangle(picture, (first - 2, first - 2), (end + 1, end + 1), BLUE, 2).astype(np.uint8))
    return grid([above, below], columns=titles, labels=["what one\nlogit sees", "its gradient\nby the pixels"])


def _heat(values: NDArray[np.float32]) -> Uint8:
    """Logarithmic colours, DECADES below the largest value and all smaller ones but 0 dark violet; 0 is black."""
    scaled = 1 + np.log10(np.maximum(values / values.max(), 10.0**-DECADES)) / DECADES
    shades = np.where(values > 0, 40 + 215 * scaled, 0).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(shades, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB).astype(np.uint8)


def main() -> None:
    argparse.ArgumentParser(description="Draw docs/patchgan.png: what one logit of a PatchGAN sees.").parse_args()
    out = Path("docs/patchgan.png")
    with whole_file(out) as partial:
        write_png(partial, draw())
    print(out)


if __name__ == "__main__":
    run(main)
