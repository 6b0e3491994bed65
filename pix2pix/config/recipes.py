"""Recipes: how a model is trained. A recipe says only what differs from `recipes.paper`."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pix2pix.config.fields import Dials, Side

GanLoss = Literal["vanilla", "lsgan", "hinge"]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Moment = Annotated[float, Field(ge=0, lt=1)]


class Recipe(Dials):
    """One training from its first epoch to its last (Isola et al. 2017, section 3.3 and appendix 6.2)."""

    size: Side
    """side of the images that the networks see, pixels; a power of two from 64"""
    load_size: Annotated[int, Field(ge=64, le=2048)]
    """images are resized to this side, then cropped at random to size; equal: no crop"""
    mirror: bool
    """flip pairs left to right at random"""
    scale: Annotated[float, Field(ge=0, le=1)] = 0.0
    """enlarge or shrink pairs at random, by a factor of up to 1 + this; both sides alike"""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """turn pairs at random, by up to so many degrees either way; both sides alike"""
    epochs: Annotated[int, Field(ge=0)]
    """passes over the training images"""
    decay_share: Annotated[float, Field(ge=0, le=1)]
    """last share of the epochs, over which the learning rates fall linearly to zero"""
    batch_size: Annotated[int, Field(ge=1, le=4096)]
    """images a step, on all devices together"""
    generator_lr: LearningRate
    """Adam's learning rate for the generator, or for a network alone"""
    discriminator_lr: LearningRate
    """Adam's learning rate for the discriminator"""
    beta1: Moment
    """Adam's decay of the first moment"""
    beta2: Moment
    """Adam's decay of the second moment"""
    gan_weight: Annotated[float, Field(ge=0)]
    """weight of the adversarial loss; 0: no discriminator"""
    l1_weight: Annotated[float, Field(ge=0)]
    """weight of the L1 loss on images in [-1, 1]; 0: the adversarial loss alone"""
    feature_matching: Annotated[float, Field(ge=0)] = 0.0
    """weight of the L1 distance of the discriminator's activations on generated and target images; 0: none"""
    focal_frequency: Annotated[float, Field(ge=0)] = 0.0
    """weight of the focal frequency loss (Jiang et al. 2021) on images in [-1, 1]; 0: none"""
    keep_every: Annotated[int, Field(ge=0)]
    """keep the weights of every k-th epoch in models/<experiment>/kept/; 0: none"""
    keep_discriminator: bool = False
    """keep the discriminator's weights beside the generator's, for trainings that begin from them by `init`"""
    ema: Moment = 0.0
    """publish a moving average of the generator's weights with this decay a step, such as 0.999; 0: the last weights"""
    gan_loss: GanLoss = "vanilla"
    """the adversarial loss of both networks: cross-entropy, least squares, or hinge"""

    @field_validator("size")
    @classmethod
    def _power_of_two(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError(f"{size} is not a power of two (64, 128, 256, ...), which the U-Net needs")
        return size

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.load_size < self.size:
            raise ValueError(f"load_size: {self.load_size} is smaller than size: {self.size}; equal means no crop")
        if self.gan_weight == 0 and self.l1_weight == 0:
            raise ValueError("gan_weight and l1_weight are both 0: nothing would be learned")
        if self.feature_matching and self.gan_weight == 0:
            raise ValueError("feature_matching needs a discriminator; gan_weight is 0")
        return self
