"""What networks begin from instead of random weights: an experiment's `init`."""

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pix2pix.config.checks import check
from pix2pix.config.resolved import Experiment
from pix2pix.config.study_entries import WeightsFile
from pix2pix.config.weights_metadata import Ancestor, WeightsMetadata
from pix2pix.learners.learner import Learner
from pix2pix.networks.weights import load_tensors

Tensors = Mapping[str, Tensor]


def read_init(experiment: Experiment) -> tuple[Experiment, Tensors]:
    """The experiment with its lineage, and the tensors that it begins from; none without an `init`.

    Raises:
        FileNotFoundError, ValueError: no such file, none of weights, or another one than its SHA-256 says.
    """
    if (init := experiment.init) is None:
        return experiment, {}
    path = Path(init.file) if isinstance(init, WeightsFile) else Path("models", init, "last.safetensors")
    tensors, said = load_tensors(path)
    metadata: WeightsMetadata = check(f"{path}: metadata", WeightsMetadata, said)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if isinstance(init, WeightsFile) and digest != init.sha256:
        raise ValueError(f"{path}: its SHA-256 is {digest}, but init of {experiment.name} says {init.sha256}")
    name = metadata.experiment if isinstance(init, WeightsFile) else init  # the file of a renamed one has the old name
    ancestor = Ancestor(experiment=name, epoch=metadata.epoch, sha256=digest)
    return dataclasses.replace(experiment, lineage=[ancestor, *metadata.lineage]), tensors


@torch.no_grad()
def begin_from(learner: Learner, tensors: Tensors) -> list[str]:
    """Give the networks those of the tensors that fit them by name and shape; the names of what stays random.

    Layers of a U-Net of another size are counted from its outside, where images of any size have the same pixels.

    Raises:
        ValueError: no layer of the generator fits.
    """
    random = []
    for name, network in learner.networks.items():
        prefix = "generator" if name == "averaged" else name
        own = network.state_dict()
        given = _from_outside(prefix, tensors, own)
        fitting = [key for key, tensor in own.items() if key in given and given[key].shape == tensor.shape]
        if any(own[key].ndim > 1 for key in fitting):
            for key in fitting:
                own[key].copy_(given[key])
            random += [f"{prefix}.{key}" for key in own if key not in fitting]
        elif prefix == "generator":
            raise ValueError("init: no layer of these weights fits the generator; channels and kind must be equal")
        else:
            random.append(f"the {name}")
    for trained in learner.in_training.values():
        trained.weights_changed()
    return list(dict.fromkeys(random))


def _from_outside(prefix: str, tensors: Tensors, own: Tensors) -> Tensors:
    """The tensors under `prefix.`, the decoder's numbers as in `own`: they count from the innermost layer."""
    given = {key.removeprefix(f"{prefix}."): tensor for key, tensor in tensors.items() if key.startswith(f"{prefix}.")}
    depth, wanted = (len({key.split(".")[1] for key in keys if key.startswith("up.")}) for keys in (given, own))
    return {
        re.sub(r"^up\.(\d+)", lambda found: f"up.{int(found[1]) + wanted - depth}", key): tensor
        for key, tensor in given.items()
    }
