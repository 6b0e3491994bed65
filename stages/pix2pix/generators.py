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

from stages.pix2pix.checkpoints import load_tensors, network_tensors, restore_network
from stages.pix2pix.fcn import FCN
from stages.pix2pix.images import Uint8
from stages.pix2pix.interfaces import Wanted, demand
from stages.pix2pix.labels import PALETTES, palette
from stages.pix2pix.networks import UNet, from_network, to_network
from stages.pix2pix.noise import seed_of

ABOUT: dict[str, Wanted] = {
    "direction": ("AtoB", "BtoA"),
    "seed": int,
    "model": {"kind": str},
    "recipe": {"size": int},
    "inference": {"dropout": bool},
}
NORMS = ("batch", "instance")
MODELS: dict[str, dict[str, Wanted]] = {
    "pix2pix": {"generator_channels": int, "norm": NORMS, "dropout": float, "dropout_blocks": int},
    "unet": {"channels": int, "norm": NORMS},
    "fcn": {"channels": int, "convolutions": int, "stride": int, "upsampling": ("single", "stepwise"), "norm": NORMS},
    "mean": {},
}
LARGEST = 4096  # of the channels, layers and pixels of a network


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

        Raises:
            ValueError: the answer is not finite.
        """
        height, width = source.shape[:2]
        network = self.generator.network if isinstance(self.generator, Coloured) else self.generator
        multiple = network.multiple
        below, right = -height % multiple, -width % multiple
        if isinstance(network, FCN) and max(height, width) <= multiple:
            right += multiple  # its last features would be 1 x 1, which has no statistics
        padded = np.pad(source, ((0, below), (0, right), (0, 0)), mode="edge")
        batch = to_network(torch.from_numpy(padded).to(self.device).permute(2, 0, 1)[None])
        seeds = (
            inference_seeds(self.about["seed"], [id]).to(self.device) if self.about["inference"]["dropout"] else None
        )
        answer = self.generator(batch, seeds)
        if not answer.isfinite().all():
            raise ValueError(f"the network's answer to '{id}' is not finite; train it again")
        generated = from_network(answer)[0].permute(1, 2, 0)
        return generated[:height, :width].contiguous().cpu().numpy()


def inference_seeds(seed: int, ids: Sequence[str]) -> Tensor:
    """(N,) int64 seeds of dropout at inference, functions of (experiment seed, image id) alone."""
    return torch.tensor([seed_of(seed, i) for i in ids])


def _refuse_unlike(wanted: dict[str, Tensor], tensors: dict[str, Tensor]) -> None:
    if odd := sorted(wanted.keys() ^ tensors.keys()):
        raise ValueError(f"'{odd[0]}' is only in one of the network and the file ({len(odd)} such)")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            have, want = (f"{t.dtype} {tuple(t.shape)}" for t in (tensor, wanted[name]))
            raise ValueError(f"'{name}' is {have}, not {want}")
        if not tensor.isfinite().all():
            raise ValueError(f"'{name}' holds numbers that are not finite; train again")


def load_trained(path: Path, device: torch.device) -> Trained:
    """Read a weights file that `train` wrote.

    Raises:
        FileNotFoundError, ValueError: no such file, or not weights of this project, or not finite ones.
    """
    tensors, about = load_tensors(path)
    demand(path, about, ABOUT)
    model, size = about["model"], about["recipe"]["size"]
    demand(path, model, MODELS.get(model["kind"], {}), key="model")
    try:
        numbers = {key: value for key, value in (*model.items(), ("size", size)) if isinstance(value, int | float)}
        for key, number in numbers.items():
            if not key.endswith("channels") <= number <= LARGEST or (key == "dropout" and number >= 1):
                raise ValueError(f"{key} is {number!r:.80}")
        with torch.device("meta"):  # shapes alone: no memory is taken for what a foreign file claims
            generator: Any = build_generator(model, size=size)
        _refuse_unlike(network_tensors("generator", generator), tensors)
        restore_network("generator", generator.to_empty(device="cpu"), tensors)
    except (KeyError, TypeError, AttributeError, ArithmeticError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path}: not a generator's weights ({' '.join(str(error).split())})") from None
    if classes := about["model"].get("classes"):
        generator = Coloured(generator, palette(classes))
    return Trained(generator.to(device).to(memory_format=torch.channels_last).eval(), about, device)
