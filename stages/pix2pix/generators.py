"""A trained generator and its inference policy, as every consumer of a weights file uses them (law 3).

The policy is stored with the weights: whether dropout stays on, and that norms use each image's own statistics. Dropout
noise is a function of (experiment seed, image id), so an image's result never depends on its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stages.pix2pix.checkpoints import load_tensors, restore_network
from stages.pix2pix.fcn import FCN
from stages.pix2pix.images import Uint8
from stages.pix2pix.labels import PALETTES, palette
from stages.pix2pix.networks import UNet, from_network, to_network
from stages.pix2pix.noise import seed_of


class MeanTarget(nn.Module):
    """The baseline: answers every source with the mean target of the training images."""

    LOSSES = ("l1", "gan", "d")  # columns of its history, all but L1 empty
    image: Tensor
    multiple = 1

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("image", torch.zeros(1, 3, size, size))

    def forward(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        """(N, 3, H, W) -> the mean in [-1, 1], resized to (H, W) where that is not its own size."""
        image = self.image
        if image.shape[2:] != source.shape[2:]:
            image = F.interpolate(image, source.shape[2:], mode="bilinear")
        return image.expand_as(source)


class Coloured(nn.Module):
    """A network of class logits, answering with the colour of each pixel's most likely class."""

    colours: Tensor

    def __init__(self, network: "UNet | FCN", colours: Uint8) -> None:
        super().__init__()
        self.network, self.multiple = network, network.multiple
        self.register_buffer("colours", to_network(torch.from_numpy(colours)), persistent=False)

    def forward(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        """(N, 3, H, W) -> the same shape, colours of the palette in [-1, 1]."""
        return self.paint(self.network(source, seeds))

    def paint(self, logits: Tensor) -> Tensor:
        """(N, K, H, W) -> (N, 3, H, W)."""
        return self.colours[logits.argmax(1)].permute(0, 3, 1, 2)

    def classes(self, image: Tensor) -> Tensor:
        """What `paint` painted, (N, 3, H, W) of the palette's colours -> (N, H, W) int64."""
        nearness = image.permute(0, 2, 3, 1) @ self.colours.T - self.colours.square().sum(1) / 2
        return nearness.argmax(-1)


Generator = UNet | FCN | MeanTarget


def build_generator(model: dict[str, Any], *, size: int) -> Generator:
    """The network that a model entry (as in params.yaml, stored in the weights file) describes, weights unset."""
    classes = len(PALETTES[model["classes"]]) if model.get("classes") else None
    match model["kind"]:
        case "pix2pix":
            return UNet(
                size=size,
                channels=model["generator_channels"],
                norm=model["norm"],
                dropout=model["dropout"],
                dropout_blocks=model["dropout_blocks"],
                skips=model.get("skips", True),
            )
        case "unet":
            return UNet(size=size, channels=model["channels"], norm=model["norm"], classes=classes)
        case "fcn":
            keys = ("channels", "convolutions", "stride", "upsampling", "norm")
            return FCN(**{key: model[key] for key in keys}, classes=classes)
        case "mean":
            return MeanTarget(size)
        case kind:
            raise ValueError(f"weights of an unknown kind of model: '{kind}'")


@dataclass(frozen=True)
class Trained:
    """A generator in evaluation mode on `device`, and what its weights file says `about` itself."""

    generator: Generator | Coloured
    about: dict[str, Any]
    device: torch.device

    @torch.inference_mode()
    def generate(self, source: Uint8, *, id: str) -> Uint8:
        """Translate one image: uint8 (H, W, 3) of any size -> the same shape.

        Padded at the right and below, by repeating the edge, to the network's multiple; the result is cropped back.
        """
        height, width = source.shape[:2]
        multiple = self.generator.multiple
        padded = np.pad(source, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="edge")
        batch = to_network(torch.from_numpy(padded).to(self.device).permute(2, 0, 1)[None])
        seeds = (
            inference_seeds(self.about["seed"], [id]).to(self.device) if self.about["inference"]["dropout"] else None
        )
        generated = from_network(self.generator(batch, seeds))[0].permute(1, 2, 0)
        return generated[:height, :width].contiguous().cpu().numpy()


def inference_seeds(seed: int, ids: Sequence[str]) -> Tensor:
    """(N,) int64 seeds of dropout at inference, functions of (experiment seed, image id) alone."""
    return torch.tensor([seed_of(seed, i) for i in ids])


def load_trained(path: Path, device: torch.device) -> Trained:
    """Read a weights file that `train` wrote.

    Raises:
        FileNotFoundError, ValueError: no such file, or not weights of this project.
    """
    tensors, about = load_tensors(path)
    try:
        generator: Any = build_generator(about["model"], size=about["recipe"]["size"])
        restore_network("generator", generator, tensors)
    except KeyError as error:
        raise ValueError(f"{path}: not a generator's weights (no {error})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if classes := about["model"].get("classes"):
        generator = Coloured(generator, palette(classes))
    return Trained(generator.to(device).to(memory_format=torch.channels_last).eval(), about, device)
