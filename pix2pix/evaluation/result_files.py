"""The files in results/<study>/<experiment>/, a class each. Their numbers are keyed as in metric_definitions.py."""

import math

from pydantic import BaseModel, ConfigDict, Field

from pix2pix.config.fields import Count, Name, Split, Strict
from pix2pix.config.weights_metadata import WeightsMetadata
from pix2pix.files.json_csv import Cell

TRAINING, SHUFFLED, NOISE = "training", "shuffled", "noise"  # the keys of controls.json


class Card(WeightsMetadata):
    """card.json, by render: what was rendered, by which weights."""

    split: Split
    n: Count
    shown: list[str]
    """ids of the images in grid.png"""
    incumbent: str = ""
    """digest of the incumbent's code, where it trained the networks and made the images, to the model and the recipe"""


class Numbers(Strict):
    """A flat object of numbers beside the named ones; null where a metric has none."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None] = Field(init=False)
    n: Count

    @property
    def values(self) -> dict[str, float | None]:
        return self.__pydantic_extra__


class Metrics(Numbers):
    """metrics.json, by evaluate: means over the images, metrics over all images at once, the last epoch's losses.

    equal and fg_equal count the images that are equal to their target.
    """

    groups: Count


class Scores(BaseModel):
    """A row of metrics beside the named columns."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Cell] = Field(init=False)

    @property
    def values(self) -> dict[str, float]:
        return self.__pydantic_extra__


class ImageScores(Scores):
    """A row of per_image.csv."""

    split: str
    id: str
    group: str


class DrawingScores(Scores):
    """A row of robustness.csv: what was generated from one drawing of a photo."""

    edges: str
    corruption: str
    split: str
    id: str
    group: str


class Spread(Strict):
    """Of one metric over the images; null as in `Numbers`, and where one image or group says nothing about others."""

    sd: float | None
    """sample standard deviation"""
    low: float | None
    """lower end of the mean's 95 % interval"""
    high: float | None
    """upper end"""


class Control(Strict):
    """Of controls.json, by evaluate: what the metrics say of images that no network made, or that were made worse."""

    metrics: Metrics
    intervals: dict[str, Spread]


class FcnScore(Numbers):
    """Of fcn_scores.json: label metrics of the generated photos; with the prefix real_ those of the real photos."""

    segmenter: Name


class Perceptual(Numbers):
    """perceptual.json, by tools/fid_lpips.py: fid, kid, kid_low, kid_high and lpips of the images of `card`."""

    card: Card


def finite(value: float) -> float | None:
    """As these files hold numbers: rounded to 8 decimals; None instead of an infinity or NaN, which JSON lacks."""
    return round(value, 8) if math.isfinite(value) else None
