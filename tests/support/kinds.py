"""An experiment and a learner of each kind, on the tiny pairs."""

import hashlib
from pathlib import Path
from typing import Any

import torch

from pix2pix.batches.dataset import PairSet
from pix2pix.config.configuration import Configuration
from pix2pix.config.resolved import Experiment
from pix2pix.config.study_entries import WeightsFile
from pix2pix.learners.learner import Learner, build_learner
from pix2pix.machine.hardware import Hardware
from tests.support.tiny import ONE, TINY

CPU = torch.device("cpu")
FP32 = Hardware(CPU, 1, "fp32")
FCN = {"kind": "fcn", "channels": 4, "convolutions": 1, "stride": 8, "upsampling": "single"}
UNET = {"kind": "unet", "channels": 4}
ALONE = {"gan_weight": 0.0, "l1_weight": 1.0, "generator_lr": 2e-3}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # model, changes of the recipe
    "gan": (TINY["models"]["tiny"], {}),
    "l1": (TINY["models"]["tiny"], {"gan_weight": 0.0}),
    "fcn_classes": (FCN | {"classes": "facades"}, ALONE),
    "unet_classes": (UNET | {"classes": "facades"}, ALONE),
    "fcn_image": (FCN | {"classes": None}, ALONE),
    "unet_image": (UNET | {"classes": None}, ALONE),
    "mean": ({"kind": "mean"}, {}),
}
LEARNING = [kind for kind in KINDS if kind != "mean"]


def configuration(kind: str = "gan", *, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """ONE from photos to labels, with a model of this kind; `changes` of its model and recipe.

    From labels to photos where the model reads `source_classes`.
    """
    direction = "BtoA" if "source_classes" in changes else "AtoB"
    model, own = KINDS[kind]
    return ONE | {
        "models": TINY["models"] | {"tiny": model},
        "recipes": {"quick": TINY["recipes"]["quick"] | own},
        "experiments": {"first": TINY["experiments"]["first"] | {"direction": direction, "seed": seed, "set": changes}},
    }


def experiment(kind: str = "gan", *, seed: int = 0, **changes: Any) -> Experiment:
    """Experiment `first` of that configuration."""
    return Configuration(configuration(kind, seed=seed, **changes)).experiment("first")


def refined(name: str, init: str | WeightsFile, **changes: Any) -> Experiment:
    """The experiment as `name`, which begins from `init`; `changes` as there."""
    whole = configuration(**changes)
    row = whole["experiments"]["first"] | {"init": init}
    rows = whole["experiments"] | {"second": row} | {name: row}
    named = {key: rows[key] for key in ("second", name)} if isinstance(init, str) else {}
    return Configuration(whole | {"experiments": rows, "refined": named}).experiment(name)


def learner(kind: str = "gan", *, hardware: Hardware = FP32, seed: int = 0, **changes: Any) -> Learner:
    """The learner of that experiment, but for the mean, which needs pairs."""
    no_pairs = PairSet([], [], "AtoB", 64, None, hardware.device)
    return build_learner(experiment(kind, seed=seed, **changes), hardware, no_pairs)


MODEL = Path("models/first")


def published(folder: Path = MODEL) -> dict[str, str]:
    """The digest of each file that a training published."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
