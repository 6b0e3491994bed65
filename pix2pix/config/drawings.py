"""How side A is drawn from a photo: the manners of drawing lines, and sets that are drawn in several of them."""

import itertools
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pix2pix.config.fields import Name, Strict


class Hysteresis(Strict):
    """The two thresholds of Canny's edge detector."""

    low: Annotated[int, Field(ge=0, le=2000)]
    """a line goes on while the gradient stays above this (cv2.Canny)"""
    high: Annotated[int, Field(ge=0, le=2000)]
    """a line begins where the gradient is above this; raise both for fewer lines"""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) must not be above high ({self.high})")
        return self


class CannyEdges(Hysteresis):
    """Every edge, one pixel wide."""

    method: Literal["canny"]
    """canny: every edge, one pixel wide"""
    blur_sigma: Annotated[float, Field(ge=0, le=20)]
    """Gaussian blur before the edges, pixels; more: fewer edges"""


class DoodleEdges(Hysteresis):
    """Few bold lines, as a hand draws."""

    method: Literal["doodle"]
    """doodle: few bold lines, as a hand draws"""
    smoothing: Annotated[float, Field(ge=0, le=20)]
    """edge-keeping smoothing before the edges, pixels; more: simpler drawings"""
    min_length: Annotated[int, Field(ge=0)]
    """lines of fewer pixels are left out"""
    width: Annotated[int, Field(ge=1, le=9)]
    """pen width, pixels"""


class DifferenceOfGaussians(Strict):
    """Lines where the photo is darker than its surroundings."""

    method: Literal["difference_of_gaussians"]
    """difference_of_gaussians: dark lines and the dark side of edges, as a soft pencil draws"""
    sigma: Annotated[float, Field(ge=0.3, le=20)]
    """of the inner Gaussian, pixels; the outer one is 1.6 times as wide"""
    threshold: Annotated[float, Field(ge=0, le=255)]
    """a line is where the photo is darker than its surroundings by more than this, of 255"""


Drawing = Annotated[CannyEdges | DoodleEdges | DifferenceOfGaussians, Field(discriminator="method")]


class RedrawnEdges(Strict):
    """Each training photo is drawn in several manners, of which training picks one at each step."""

    method: Literal["redrawn"]
    """redrawn: several drawings of each training photo; training picks one at each step"""
    drawings: Annotated[dict[Name, Drawing], Field(min_length=2, max_length=16)]
    """how training photos are drawn; the first by name is side A of the pair"""
    kept_out: Drawing
    """how photos of val and test are drawn; of a method that training never sees"""

    @model_validator(mode="after")
    def _kept_out_of_training(self) -> Self:
        names = sorted(self.drawings)
        for name, other in itertools.combinations(names, 2):
            if self.drawings[name] == self.drawings[other]:
                raise ValueError(f"drawings: {name} and {other} are the same")
        if self.kept_out.method in [drawing.method for drawing in self.drawings.values()]:
            raise ValueError(f"kept_out: {self.kept_out.method} is a method of drawings, too; training must not see it")
        return self


Edges = Annotated[CannyEdges | DoodleEdges | DifferenceOfGaussians | RedrawnEdges, Field(discriminator="method")]
