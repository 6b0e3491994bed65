"""Models: what is trained. A pix2pix model says only what differs from `models.pix2pix`."""

from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.fields import Dials, PaletteOrNone, Strict

Channels = Annotated[int, Field(ge=1, le=512)]


class Pix2Pix(Dials):
    """A U-Net generator and a PatchGAN discriminator (Isola et al. 2017, section 3.2)."""

    kind: Literal["pix2pix"]
    """pix2pix: U-Net generator and PatchGAN discriminator"""
    generator_channels: Channels
    """channels of the U-Net's first layer; later ones have up to 8 times as many"""
    dropout: Annotated[float, Field(ge=0, lt=1)]
    """probability of dropout in the decoder"""
    dropout_blocks: Annotated[int, Field(ge=0, le=16)]
    """how many decoder blocks, from the innermost, have dropout"""
    inference_dropout: bool
    """keep dropout on at inference, as the paper does"""
    discriminator_channels: Channels
    """channels of the PatchGAN's first layer"""
    discriminator_layers: Annotated[int, Field(ge=0, le=5)]
    """strided layers; 0, 1, 3, 5 see patches of 1, 16, 70, 286 pixels"""
    skips: bool
    """connect encoder and decoder; without, the paper's encoder-decoder"""
    conditional: bool
    """show the discriminator the source image too; without, a plain GAN"""
    head: Literal["tanh", "tanh_1.1", "clipped"] = "tanh"
    """what bounds the image: tanh; 1.1 tanh, which need not saturate for white; or nothing but clipping at inference"""
    decoder: Literal["transposed", "resize"] = "transposed"
    """how the decoder enlarges: 4x4 transposed convolutions, or nearest neighbours and 3x3 convolutions"""
    spectral_norm: bool = False
    """divide each weight of the discriminator by its largest singular value (Miyato et al. 2018)"""
    source_classes: PaletteOrNone = None
    """palette of sources that are label maps: both networks get a channel a class; none: they get the image"""


class FCN(Strict):
    """A fully convolutional network alone, without a discriminator (Long et al. 2015)."""

    kind: Literal["fcn"]
    """fcn: fully convolutional network on a VGG-16-like encoder"""
    channels: Channels
    """channels of the first layer (VGG-16: 64); later ones have up to 16 times as many"""
    convolutions: Annotated[int, Field(ge=1, le=4)]
    """3x3 convolutions in each of the five blocks (VGG-16: 2 or 3)"""
    stride: Literal[8, 16, 32]
    """pixels between the scores that are enlarged to full size (FCN-32s, -16s, -8s)"""
    upsampling: Literal["single", "stepwise"]
    """one transposed convolution to full size, or several that double"""
    classes: PaletteOrNone
    """palette whose classes are predicted by cross-entropy; none: an image, by L1"""


class UNetAlone(Strict):
    """The U-Net alone, without dropout and without a discriminator."""

    kind: Literal["unet"]
    """unet: the generator's U-Net alone"""
    channels: Channels
    """channels of the first layer; later ones have up to 8 times as many"""
    classes: PaletteOrNone
    """palette whose classes are predicted by cross-entropy; none: an image, by L1"""


class Mean(Strict):
    """The baseline of every table: the mean target of the training images, whatever the source."""

    kind: Literal["mean"]
    """mean: the mean of the training targets, the baseline of every table"""


Model = Annotated[Pix2Pix | FCN | UNetAlone | Mean, Field(discriminator="kind")]
