"""The networks that a model of the configuration describes."""

import numpy as np

from pix2pix.config import models
from pix2pix.files.images import Uint8
from pix2pix.networks.fcn import FCN
from pix2pix.networks.layers import OneHot
from pix2pix.networks.mean_target import MeanTarget
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.unet import UNet
from pix2pix.pairs.palettes import PALETTES, VOID, palette

Generator = UNet | FCN | MeanTarget


def build_generator(model: models.Model, *, size: int) -> Generator:
    """The generator of a model for images of (size, size), its weights not yet drawn."""
    match model:
        case models.Pix2Pix():
            return UNet(
                size=size,
                channels=model.generator_channels,
                dropout=model.dropout,
                dropout_blocks=model.dropout_blocks,
                skips=model.skips,
                head=model.head,
                resize=model.decoder == "resize",
                labels=_labels(model),
            )
        case models.UNetAlone():
            return UNet(size=size, channels=model.channels, classes=_classes(model))
        case models.FCN():
            return FCN(
                channels=model.channels,
                convolutions=model.convolutions,
                stride=model.stride,
                upsampling=model.upsampling,
                classes=_classes(model),
            )
        case models.Mean():
            return MeanTarget(size)


def build_discriminator(model: models.Pix2Pix) -> PatchGAN:
    """The discriminator of a model, its weights not yet drawn."""
    return PatchGAN(
        channels=model.discriminator_channels,
        layers=model.discriminator_layers,
        conditional=model.conditional,
        spectral_norm=model.spectral_norm,
        labels=_labels(model),
    )


def class_colours(model: models.Model) -> Uint8 | None:
    """(K, 3): the colours of the classes whose logits the generator of a model gives; None where it gives images."""
    match model:
        case models.FCN(classes=str(name)) | models.UNetAlone(classes=str(name)):
            return palette(name)
    return None


def _labels(model: models.Pix2Pix) -> OneHot | None:
    if (name := model.source_classes) is None:
        return None
    colours = np.array([*PALETTES[name].values(), *VOID.get(name, [])], np.uint8)  # as `palettes.decode` reads them
    return OneHot(colours, len(PALETTES[name]))


def _classes(model: models.Model) -> int | None:
    colours = class_colours(model)
    return None if colours is None else len(colours)
