"""What a weights file says of its weights."""

from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.fields import Direction, Name, Seed, Strict
from pix2pix.config.models import Model
from pix2pix.config.recipes import Recipe

Precision = Literal["bf16", "fp32"]


class InferencePolicy(Strict):
    """How every program uses the weights (docs/design.md, law 3)."""

    dropout: bool
    """whether dropout stays on"""
    statistics: Literal["image"]
    """norms use each image's own statistics"""


class WeightsMetadata(Strict):
    """Which experiment trained the weights, how far, and how they are to be used."""

    experiment: Name
    dataset: Name
    direction: Direction
    seed: Seed
    model: Model
    recipe: Recipe
    precision: Precision
    """of the arithmetic of its training"""
    inference: InferencePolicy
    epoch: Annotated[int, Field(ge=0)]
    step: Annotated[int, Field(ge=0)]
