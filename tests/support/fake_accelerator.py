"""Two training steps on fake tensors of a made-up accelerator: no values, no kernels, only devices and shapes.

`python -m tests.support.fake_accelerator` prints, as JSON, the error of each kind of step. The learners' own steps have
none. For each of MISTAKES a step is made wrong on purpose: it mixes devices, brings a tensor to the host or from it, or
asks for a value. Not covered: kernels, streams, pinned memory, exchanges between processes.
"""

import contextlib
import json
from functools import partial
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from pix2pix.batches.augmentation import Augmentation, cut_batch
from pix2pix.config.configuration import Configuration
from pix2pix.learners import network_in_training
from pix2pix.learners.learner import Learner, build_learner, scale_learning_rates
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.class_colours import Coloured
from pix2pix.training.cuda_graph import TrainingStep
from tests.support.tiny import TINY

KINDS: dict[str, dict[str, Any]] = {
    "gan": {},
    "l1": {"gan_weight": 0.0},
    "classes": {"gan_weight": 0.0, "l1_weight": 1.0},
    "ingredients": {
        "ema": 0.999,
        "gan_loss": "hinge",
        "feature_matching": 10.0,
        "focal_frequency": 10.0,
        "head": "tanh_1.1",
        "decoder": "resize",
        "spectral_norm": True,
        "source_classes": "facades",
    },
}
MISTAKES = ("value", "branch", "host", "upload", "mixed")
SIDE, PAIRS, CHANNELS = 72, 8, 9  # of pairs whose source is drawn in four manners


class OnOneDevice(TorchDispatchMode):
    """Refuses an operation that brings a tensor from the accelerator to the host, or from the host to it."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        given, made = devices(args) | devices(kwargs), devices(result)
        if "gpu" in given and "cpu" in made:
            raise RuntimeError(f"{function} brings a tensor to the host")
        if "gpu" in made and given == {"cpu"}:
            raise RuntimeError(f"{function} brings a tensor from the host, which no graph can record")
        return result


def devices(values: Any) -> set[str]:
    """Of all tensors with a dimension, at any depth: a scalar of the host may meet any device."""
    match values:
        case Tensor():
            return {values.device.type} if values.dim() else set()
        case dict():
            return devices(list(values.values()))
        case list() | tuple():
            return set[str]().union(*map(devices, values))
    return set()


class WithoutAutocast(Hardware):
    def autocast(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def learner_of(kind: str) -> Learner:
    classes = {"kind": "unet", "channels": 4, "classes": "facades"}
    direction = "BtoA" if "source_classes" in KINDS[kind] else "AtoB"
    experiment = TINY["experiments"]["first"] | {"direction": direction, "set": KINDS[kind]}
    models = TINY["models"] | ({"tiny": classes} if kind == "classes" else {})
    configuration = Configuration(TINY | {"models": models, "experiments": {"first": experiment}})
    hardware = WithoutAutocast(torch.device("cpu"), 1, "fp32")
    no_pairs: Any = None  # of which only the mean makes use
    return build_learner(configuration.experiment("first"), hardware, no_pairs)


def steps(kind: str, mistake: str = "") -> None:
    """Two steps of a learner, from the images in the accelerator's memory; in the first, optimisers make moments.

    As on CUDA, learning rates are tensors there.
    """
    accelerator = torch.device("gpu:0")
    mode = FakeTensorMode(allow_non_fake_inputs=True)

    def lay_out(network: nn.Module, _: Hardware) -> None:
        with mode:
            network.to(accelerator)

    stay = mock.patch.object(Coloured, "to", lambda self, _: self)
    with mock.patch.object(network_in_training, "lay_out", lay_out), stay:  # before the optimiser takes the weights
        learner = learner_of(kind)
    with mode:
        if coloured := getattr(learner, "coloured", None):
            for name, buffer in coloured.named_buffers(recurse=False):
                setattr(coloured, name, buffer.to(accelerator))
        images = torch.empty(PAIRS, SIDE, SIDE, CHANNELS, dtype=torch.uint8, device=accelerator)
        draws = torch.empty(2, 5, dtype=torch.int64, device=accelerator)
        for trained in learner.in_training.values():
            trained.adam.param_groups[0] |= {"lr": torch.empty((), device=accelerator), "capturable": True}
        sums = torch.zeros(len(learner.losses) + 1, dtype=torch.float64, device=accelerator)
        cut = partial(cut_batch, size=64, augmentation=Augmentation(0.1, 5.0, labels=1))
        step = TrainingStep(learner, sums, cut, graph=None, say=print)
        for _ in range(2):
            with OnOneDevice():  # type: ignore[no-untyped-call]
                scale_learning_rates(learner, 0.5)
                step(images, draws)
                match mistake:
                    case "value":
                        sums[0].item()
                    case "branch" if sums[0]:
                        pass
                    case "host":
                        sums.cpu()
                    case "upload":
                        torch.tensor([1.0]).to(accelerator)
                    case "mixed":
                        sums + torch.ones(len(sums))


def main() -> None:
    _setup_privateuseone_for_python_backend("gpu")
    FakeTensorMode.avoid_device_init = property(lambda _: True)  # type: ignore[assignment, method-assign]
    torch.autograd.set_multithreading_enabled(False)
    shapes = torch.library.Library("aten", "IMPL", "Meta")
    shapes.impl("_fused_adam_.tensor_lr", lambda *_, **__: None)  # PyTorch has none; it writes in place
    errors = {}
    for words in [*((kind,) for kind in KINDS), *(("gan", mistake) for mistake in MISTAKES)]:
        try:
            steps(*words)
            errors[" ".join(words)] = ""
        except Exception as error:
            errors[" ".join(words)] = f"{type(error).__name__}: {error}"
    print(json.dumps(errors))


if __name__ == "__main__":
    main()
