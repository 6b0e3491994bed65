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
from torch import Tensor

from pix2pix.files.checked import Wanted, demand
from pix2pix.files.images import Uint8
from pix2pix.networks.build import Generator, build_generator
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.fcn import FCN
from pix2pix.networks.layers import from_network, to_network
from pix2pix.networks.weights import load_tensors, network_tensors, restore_network
from pix2pix.pairs.palettes import palette

ABOUT: dict[str, Wanted] = {
    "direction": ("AtoB", "BtoA"),
    "seed": int,
    "model": {"kind": str},
    "recipe": {"size": int},
    "inference": {"dropout": bool},
}
MODELS: dict[str, dict[str, Wanted]] = {
    "pix2pix": {"generator_channels": int, "dropout": float, "dropout_blocks": int},
    "unet": {"channels": int},
    "fcn": {"channels": int, "convolutions": int, "stride": int, "upsampling": ("single", "stepwise")},
    "mean": {},
}
LARGEST = 4096  # of the channels, layers and pixels of a network


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
