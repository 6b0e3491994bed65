"""The network that a model entry describes."""

from typing import Any

from pix2pix.networks.fcn import FCN
from pix2pix.networks.mean_target import MeanTarget
from pix2pix.networks.unet import UNet
from pix2pix.pairs.palettes import PALETTES

Generator = UNet | FCN | MeanTarget


def build_generator(model: dict[str, Any], *, size: int) -> Generator:
    """The network that a model entry (as in params.yaml, stored in the weights file) describes, weights unset."""
    classes = len(PALETTES[model["classes"]]) if model.get("classes") else None
    match model["kind"]:
        case "pix2pix":
            return UNet(
                size=size,
                channels=model["generator_channels"],
                dropout=model["dropout"],
                dropout_blocks=model["dropout_blocks"],
                skips=model.get("skips", True),
            )
        case "unet":
            return UNet(size=size, channels=model["channels"], classes=classes)
        case "fcn":
            keys = ("channels", "convolutions", "stride", "upsampling")
            return FCN(**{key: model[key] for key in keys}, classes=classes)
        case "mean":
            return MeanTarget(size)
        case kind:
            raise ValueError(f"weights of an unknown kind of model: '{kind}'")
