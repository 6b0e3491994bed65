"""What a weights file says of its weights."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.fields import Dials, Direction, Name, Seed, Strict
from pix2pix.config.models import Model
from pix2pix.config.recipes import Recipe

Precision = Literal["bf16", "fp32"]


class InferencePolicy(Strict):
    """How every program uses the weights (docs/design.md, law 3)."""

    dropout: bool
    """whether dropout stays on"""
    statistics: Literal["image"]
    """norms use each image's own statistics"""


class Ancestor(Strict):
    """Weights that a training began from."""

    experiment: Name
    """which had trained them"""
    epoch: Annotated[int, Field(ge=0)]
    sha256: str
    """of the weights file"""


class WeightsMetadata(Dials):
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
    lineage: list[Ancestor] = Field(default_factory=list)
    """what they began from, and what that began from, the nearest first; empty: random weights"""


def in_words(lineage: Sequence[Ancestor]) -> str:
    """What weights began from, such as "cars (epoch 10) ← theirs (epoch 0)"; empty of random ones."""
    return " ← ".join(f"{ancestor.experiment} (epoch {ancestor.epoch})" for ancestor in lineage)
