"""A trained generator and its inference policy, as every program uses the weights file (docs/design.md, law 3).

The policy is stored with the weights: whether dropout stays on, and that norms use each image's own statistics. Dropout
noise is a function of (experiment seed, image id), so an image's result never depends on its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pix2pix.config.checks import check
from pix2pix.config.weights_metadata import WeightsMetadata
from pix2pix.files.images import Uint8
from pix2pix.networks.build import Generator, build_generator, class_colours
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.fcn import FCN
from pix2pix.networks.layers import from_network, to_network
from pix2pix.networks.weights import load_tensors, restore_network


@dataclass(frozen=True)
class Trained:
    """A generator in evaluation mode on `device`, and the metadata of its weights file."""

    generator: Generator | Coloured
    metadata: WeightsMetadata
    device: torch.device

    @property
    def network(self) -> Generator:
        """The generator; of classes the one that gives their logits."""
        return self.generator.network if isinstance(self.generator, Coloured) else self.generator

    @torch.inference_mode()
    def generate(self, source: Uint8, *, id: str) -> Uint8:
        """Translate one image: uint8 (H, W, 3) of any size -> the same shape.

        Padded at the right and below, by repeating the edge, to the network's multiple; the result is cropped back.

        Raises:
            ValueError: the answer is not finite.
        """
        height, width = source.shape[:2]
        multiple = self.network.multiple
        below, right = -height % multiple, -width % multiple
        if isinstance(self.network, FCN) and max(height, width) <= multiple:
            right += multiple  # its last features would be 1 x 1, which has no statistics
        padded = np.pad(source, ((0, below), (0, right), (0, 0)), mode="edge")
        batch = to_network(torch.from_numpy(padded).to(self.device).permute(2, 0, 1)[None])
        seeds = inference_seeds(self.metadata.seed, [id]).to(self.device) if self.metadata.inference.dropout else None
        generated = from_network(finite(self.generator(batch, seeds), id=id))[0].permute(1, 2, 0)
        return generated[:height, :width].contiguous().cpu().numpy()


def finite(answer: Tensor, *, id: str) -> Tensor:
    """The network's answer to the image `id`, or a ValueError if it is not finite."""
    if not answer.isfinite().all():
        raise ValueError(f"the network's answer to '{id}' is not finite; train it again")
    return answer


def inference_seeds(seed: int, ids: Sequence[str]) -> Tensor:
    """(N,) int64 seeds of dropout at inference, functions of (experiment seed, image id) alone."""
    return torch.tensor([seed_of(seed, i) for i in ids])


def load_trained(path: Path, device: torch.device) -> Trained:
    """Read a weights file that `train` wrote.

    Raises:
        FileNotFoundError, ValueError: no such file, or not weights of this project, or not finite ones.
    """
    tensors, said = load_tensors(path)
    metadata: WeightsMetadata = check(f"{path}: metadata", WeightsMetadata, said)
    if metadata.recipe.keep_discriminator:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("discriminator.")}
    for name, tensor in tensors.items():
        if not name.startswith("generator."):
            raise ValueError(f"{path}: '{name}' is no tensor of a generator; train again")
        if tensor.dtype != torch.float32 or not tensor.isfinite().all():
            raise ValueError(f"{path}: '{name}' holds other than finite float32 numbers; train again")
    with torch.device("meta"):  # shapes alone: no memory is taken for what a foreign file claims
        network = build_generator(metadata.model, size=metadata.recipe.size)
    try:
        restore_network("generator", network, tensors, assign=True)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    colours = class_colours(metadata.model)
    generator = network if colours is None else Coloured(network, colours)
    return Trained(generator.to(device).to(memory_format=torch.channels_last).eval(), metadata, device)
