"""What is trained, scored, probed and reported, as params.yaml declares it.

What the keys mean, their units and when to change them stands in params.yaml itself.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pix2pix.config.fields import Count, Name, Palette, Seed, Strict


class Pix2Pix(Strict):
    kind: Literal["pix2pix"]
    generator_channels: Annotated[int, Field(ge=1, le=512)]
    norm: Literal["batch", "instance"]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    dropout_blocks: Annotated[int, Field(ge=0, le=16)]
    inference_dropout: bool
    discriminator_channels: Annotated[int, Field(ge=1, le=512)]
    discriminator_layers: Annotated[int, Field(ge=0, le=5)]
    skips: bool = True
    conditional: bool = True


class FCN(Strict):
    kind: Literal["fcn"]
    channels: Annotated[int, Field(ge=1, le=512)]
    convolutions: Annotated[int, Field(ge=1, le=4)]
    stride: Literal[8, 16, 32]
    upsampling: Literal["single", "stepwise"]
    norm: Literal["batch", "instance"]
    classes: Palette | None


class UNetAlone(Strict):
    kind: Literal["unet"]
    channels: Annotated[int, Field(ge=1, le=512)]
    norm: Literal["batch", "instance"]
    classes: Palette | None


class Mean(Strict):
    kind: Literal["mean"]


Model = Annotated[Pix2Pix | FCN | UNetAlone | Mean, Field(discriminator="kind")]


class Recipe(Strict):
    size: Annotated[int, Field(ge=64, le=1024)]
    jitter: Annotated[int, Field(ge=64, le=2048)]
    mirror: bool
    epochs: Count
    decay_epochs: Annotated[int, Field(ge=0)]
    batch_size: Annotated[int, Field(ge=1, le=4096)]
    generator_lr: Annotated[float, Field(gt=0, le=1)]
    discriminator_lr: Annotated[float, Field(gt=0, le=1)]
    beta1: Annotated[float, Field(ge=0, lt=1)]
    beta2: Annotated[float, Field(ge=0, lt=1)]
    gan_weight: Annotated[float, Field(ge=0)]
    l1_weight: Annotated[float, Field(ge=0)]
    keep_every: Count | None

    @field_validator("size")
    @classmethod
    def _power_of_two(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError(f"{size} is not a power of two (64, 128, 256, ...), which the U-Net needs")
        return size

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.jitter < self.size:
            raise ValueError(f"jitter: {self.jitter} is smaller than size: {self.size}; equal means no jitter")
        if self.decay_epochs > self.epochs:
            raise ValueError(f"decay_epochs: {self.decay_epochs} is more than epochs: {self.epochs}")
        if self.gan_weight == 0 and self.l1_weight == 0:
            raise ValueError("gan_weight and l1_weight are both 0: nothing would be learned")
        return self


class Experiment(Strict):
    table: Name
    dataset: Name
    direction: Literal["AtoB", "BtoA"]
    model: Name
    recipe: Name
    seed: Seed


class Score(Strict):
    table: Name
    dataset: Name
    segmenter: Name


Words = Annotated[str, Field(min_length=1)]
PublishedScore = Literal[
    "psnr",
    "ssim",
    "l1",
    "train_l1",
    "val_l1",
    "train_ce",
    "val_ce",
    "pixel_accuracy",
    "class_accuracy",
    "mean_iou",
    "fcn_pixel_accuracy",
    "fcn_class_accuracy",
    "fcn_mean_iou",
    "fid",
    "lpips",
]


class Published(Strict):
    source: Words
    scores: dict[PublishedScore, float]


class Report(Strict):
    title: Words
    references: list[Name]
    tables: dict[Words, Annotated[list[Name], Field(min_length=1)]] = Field(default_factory=dict)
    published: list[Published] = Field(default_factory=list)


class Probe(Strict):
    table: Name
    canny: Name
    doodle: Name
