"""Golden loss curves: history.csv of tiny runs of the real training loop, as text, with where they were recorded.

A change that leaves training as it is may not move them: on the recorded processor by no digit and the weights by no
bit, elsewhere by no loss more than TOLERANCE.
"""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from pix2pix.config.configuration import Configuration
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.weights import load_tensors
from stages.train import train
from tests.support.tiny import TINY, make_pairs

# Largest difference of a loss on another processor. Measured: 0.0015 and 0.0028 with PyTorch and oneDNN held to SSE4.1,
# 0.0038 and 0.00002 to AVX2, instead of AVX-512. The classes' losses jump where a pixel's two likeliest classes change
# places. A l1_weight of 98 instead of 100 moves the curve of pix2pix by 0.023.
TOLERANCE = {"pix2pix": 0.01, "fcn_classes": 0.005}

RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # model, and what differs in the recipe
    "pix2pix": (
        TINY["models"]["tiny"],
        {"epochs": 4, "decay_share": 0.25, "generator_lr": 2e-3, "discriminator_lr": 1e-3},
    ),
    "fcn_classes": (
        {"kind": "fcn", "channels": 4, "convolutions": 2, "stride": 8, "upsampling": "stepwise",
         "classes": "facades"},
        {"gan_weight": 0.0, "l1_weight": 1.0, "generator_lr": 1e-3},
    ),
}  # fmt: skip


def path(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.csv")


def record(name: str, **recipe: Any) -> str:
    """Train run `name`, its recipe changed by `recipe`, with one thread in fp32; its text."""
    model, own = RUNS[name]
    configuration = TINY | {
        "models": TINY["models"] | {"tiny": model},
        "recipes": {"quick": TINY["recipes"]["quick"] | own | recipe},
        "experiments": {"first": TINY["experiments"]["first"] | {"direction": "AtoB"}},
    }
    here, environment = Path.cwd(), dict(os.environ)
    os.environ |= {"PIX2PIX_DEVICE": "cpu", "PIX2PIX_THREADS": "1", "PIX2PIX_PRECISION": "fp32"}
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.chdir(folder)
            make_pairs(Path("data/pairs/houses"), {"train": 8, "val": 3})
            train(Configuration(configuration).experiment("first"))
            head = _machine() | {"weights": _digest(Path("models/first/last.safetensors"))}
            curve = Path("models/first/history.csv").read_text(encoding="utf-8")
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ |= environment
    return "".join(f"# {key}: {value}\n" for key, value in head.items()) + curve


def _machine() -> dict[str, Any]:
    """All on which the bits of a run depend."""
    described = use_hardware().describe()
    about = {key: described[key] for key in ("threads", "precision", "torch")}
    return {"processor": f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}", **about}


def _processor() -> str:
    """Vendor, family, model and stepping: names as "AMD EPYC" are those of several generations."""
    with contextlib.suppress(OSError):
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
        facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
        return " ".join(facts.get(key, "?") for key in ("vendor_id", "cpu family", "model", "stepping"))
    return str(use_hardware().describe()["device"])


def _digest(weights: Path) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(load_tensors(weights)[0].items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()
