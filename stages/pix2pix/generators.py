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
from stages.pix2pix.images import Uint8
from stages.pix2pix.networks import UNet, from_network, to_network
from stages.pix2pix.noise import seed_of


class MeanTarget(nn.Module):
    """The baseline: answers every source with the mean target of the training images."""

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


def build_generator(model: dict[str, Any], *, size: int) -> UNet | MeanTarget:
    """The network that a model entry (as in params.yaml, stored in the weights file) describes, weights unset."""
    match model["kind"]:
        case "pix2pix":
            return UNet(
                size=size,
                channels=model["generator_channels"],
                norm=model["norm"],
                dropout=model["dropout"],
                dropout_blocks=model["dropout_blocks"],
            )
        case "mean":
            return MeanTarget(size)
        case kind:
            raise ValueError(f"weights of an unknown kind of model: '{kind}'")


@dataclass(frozen=True)
class Trained:
    """A generator in evaluation mode on `device`, and what its weights file says `about` itself."""

    generator: UNet | MeanTarget
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


def check_fresh(about: dict[str, Any], wanted: dict[str, Any], *, name: str) -> None:
    """Weights of other parameters would be shown, silently, under the name of these: ValueError names the key."""
    for key, value in wanted.items():
        if about.get(key) != value:
            raise ValueError(f"models/{name}: trained with another {key} than params.yaml has now; train {name} again")


def load_trained(path: Path, device: torch.device) -> Trained:
    """Read a weights file that `train` wrote.

    Raises:
        FileNotFoundError, ValueError: no such file, or not weights of this project.
    """
    tensors, about = load_tensors(path)
    try:
        generator = build_generator(about["model"], size=about["recipe"]["size"])
        restore_network("generator", generator, tensors)
    except KeyError as error:
        raise ValueError(f"{path}: not a generator's weights (no {error})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Trained(generator.to(device).to(memory_format=torch.channels_last).eval(), about, device)
