"""A data set as params.yaml declares it: where its raw files come from, how they become pairs, what is held out.

What the keys mean, their units and when to change them stands in params.yaml itself.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from pix2pix.config.fields import Count, Palette, Seed, Split, Strict

OUTPUTS = ("data", "models", "results", "scratch")

# ---- where the raw files come from ------------------------------------------------------------------------


class ArchiveSource(Strict):
    source: Literal["pix2pix"]
    archive: Literal["facades", "maps", "edges2shoes", "edges2handbags", "cityscapes", "night2day"]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    limit: dict[Split, Count] = Field(default_factory=dict)
    expect: dict[Split, Count]


class CarvanaSource(Strict):
    source: Literal["carvana"]
    cars: Annotated[list[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]], Field(min_length=1)] | None = (
        None
    )
    expect_cars: Count
    expect_views: Count


class Gta5Source(Strict):
    source: Literal["gta5"]
    parts: Annotated[list[Annotated[int, Field(ge=1, le=10)]], Field(min_length=1)]
    expect_frames: Count

    @field_validator("parts")
    @classmethod
    def _once_each(cls, parts: list[int]) -> list[int]:
        if len(set(parts)) < len(parts):
            raise ValueError(f"{parts}: a part stands twice")
        return parts


class LocalSource(Strict):
    source: Literal["local"]
    path: Annotated[str, Field(min_length=1)]
    limit: dict[Split, Count] = Field(default_factory=dict)
    expect: dict[Split, Count] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _outside_of_outputs(cls, path: str) -> str:
        here = Path.cwd()
        try:
            resolved = Path(path).expanduser().resolve()
        except RuntimeError as error:  # ~ of nobody, or links in a circle
            raise ValueError(f"{path}: {error}") from None
        if any(resolved.is_relative_to(here / folder) for folder in OUTPUTS):
            raise ValueError(f"{path} lies in a folder of outputs ({', '.join(OUTPUTS)}), which both engines delete")
        return path


class DrawnCarsSource(Strict):
    source: Literal["drawn_cars"]
    cars: Count
    views: Count
    size: Annotated[int, Field(ge=64, le=1024)]
    seed: Seed


class DrawnFacadesSource(Strict):
    source: Literal["drawn_facades"]
    train: Count
    val: Count
    size: Annotated[int, Field(ge=64, le=1024)]
    seed: Seed


Source = Annotated[
    ArchiveSource | CarvanaSource | Gta5Source | LocalSource | DrawnCarsSource | DrawnFacadesSource,
    Field(discriminator="source"),
]


# ---- how raw files become pairs ---------------------------------------------------------------------------


class Hysteresis(Strict):
    low: Annotated[int, Field(ge=0, le=2000)]
    high: Annotated[int, Field(ge=0, le=2000)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) must not be above high ({self.high})")
        return self


class CannyEdges(Hysteresis):
    method: Literal["canny"]
    blur_sigma: Annotated[float, Field(ge=0, le=20)]


class DoodleEdges(Hysteresis):
    method: Literal["doodle"]
    smoothing: Annotated[float, Field(ge=0, le=20)]
    min_length: Annotated[int, Field(ge=0)]
    width: Annotated[int, Field(ge=1, le=9)]


class CarvanaLayout(Strict):
    layout: Literal["carvana"]
    size: Annotated[int, Field(ge=64, le=1024)]
    hold_out: Count
    seed: Seed
    edges: Annotated[CannyEdges | DoodleEdges, Field(discriminator="method")]


class StitchedLayout(Strict):
    layout: Literal["stitched"]


class FoldersLayout(Strict):
    layout: Literal["folders"]


class InpaintingLayout(Strict):
    layout: Literal["inpainting"]
    size: Annotated[int, Field(ge=64, le=1024)]
    hole: Count

    @model_validator(mode="after")
    def _hole_inside(self) -> Self:
        if self.hole >= self.size or (self.size - self.hole) % 2:
            raise ValueError(
                f"hole: {self.hole} must be smaller than size: {self.size} by an even number, to be central"
            )
        return self


class Gta5Layout(Strict):
    layout: Literal["gta5"]
    size: Annotated[int, Field(ge=64, le=1024)]
    block: Count
    gap: Annotated[int, Field(ge=0)]
    hold_out: Count
    seed: Seed


Layout = Annotated[
    CarvanaLayout | StitchedLayout | FoldersLayout | InpaintingLayout | Gta5Layout, Field(discriminator="layout")
]


class Dataset(Strict):
    download: Source
    prepare: Layout
    labels: Palette | None
    held_out: Literal["val", "test"]
