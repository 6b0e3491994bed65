"""The training step of pytorch-CycleGAN-and-pix2pix (Zhu, Park et al.), from a checkout of one's own.

None of its code is here: INCUMBENT=FOLDER make bench, where FOLDER holds its models/ and train.py.
"""

import importlib
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def incumbent_step(
    folder: Path, *, size: int, channels: int, device: torch.device
) -> Callable[[Tensor, Tensor, Tensor], None]:
    """Its Pix2PixModel with the options that its train.py has by default; a step on (source, target, unused).

    Raises:
        ValueError: `folder` is no checkout of it.
    """
    if not (folder / "models/pix2pix_model.py").exists():
        raise ValueError(f"INCUMBENT={folder}: no checkout of pytorch-CycleGAN-and-pix2pix, no models/pix2pix_model.py")
    sys.path.insert(0, str(folder.resolve()))
    for name in [name for name in sys.modules if name.split(".")[0] in ("models", "util")]:
        del sys.modules[name]
    try:
        module = importlib.import_module("models.pix2pix_model")
    finally:
        sys.path.pop(0)
    model: Any = module.Pix2PixModel(_options(size=size, channels=channels, device=device))
    for network in (model.netG, model.netD):
        network.to(device).train()

    def step(source: Tensor, target: Tensor, _: Tensor) -> None:
        model.real_A, model.real_B = source, target
        model.optimize_parameters()

    return step


def _options(*, size: int, channels: int, device: torch.device) -> Namespace:
    return Namespace(
        isTrain=True,
        gpu_ids=[device.index or 0] if device.type == "cuda" else [],
        device=device,
        checkpoints_dir="scratch",
        name="incumbent",
        preprocess="none",
        direction="AtoB",
        input_nc=3,
        output_nc=3,
        ngf=channels,
        ndf=channels,
        netG=f"unet_{size}",
        netD="basic",
        n_layers_D=3,
        norm="batch",
        no_dropout=False,
        init_type="normal",
        init_gain=0.02,
        gan_mode="vanilla",
        lr=2e-4,
        beta1=0.5,
        lambda_L1=100.0,
    )
