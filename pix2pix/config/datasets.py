"""Data sets: where raw files come from, and how they become pairs."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from pix2pix.config.fields import CarIds, Count, Palette, Seed, Side, Split, Strict
from pix2pix.config.layouts import (
    CarvanaLayout,
    FoldersLayout,
    Gta5Layout,
    HeldOutCars,
    Layout,
    SplitLayout,
    StitchedLayout,
)

OUTPUTS = ("data", "models", "results", "scratch")
SPLITS: tuple[Split, ...] = ("train", "val", "test")

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ArchiveSource(Strict):
    """An archive of the pix2pix authors."""

    source: Literal["pix2pix"]
    """pix2pix: an archive of the pix2pix authors"""
    archive: Literal["facades", "maps", "edges2shoes", "edges2handbags", "cityscapes", "night2day"]
    """which of their archives"""
    sha256: Sha256 | None = None
    """digest of the archive, where it is known"""
    limit: dict[Split, Count] = Field(default_factory=dict)
    """keep only the first images, by number, of a split"""
    expect: dict[Split, Count]
    """images that each split must have, or as many as limit keeps; 0 where a split is not named"""


class CarvanaSource(Strict):
    """The Kaggle competition carvana-image-masking-challenge."""

    source: Literal["carvana"]
    """carvana: the Kaggle competition; accept its rules and have a token"""
    cars: CarIds | None = None
    """take these cars only; their ids with spaces between"""
    expect_cars: Count
    """cars that the archives must hold, of those that are taken"""
    expect_views: Count
    """photos that each car must have"""


class Gta5Source(Strict):
    """Playing for Data (Richter et al. 2016): 24 966 frames of a game with their labels, in ten parts."""

    source: Literal["gta5"]
    """gta5: Playing for Data (Richter et al. 2016), frames of a game"""
    parts: Annotated[list[Annotated[int, Field(ge=1, le=10)]], Field(min_length=1)] = Field(
        default_factory=lambda: [*range(1, 11)]
    )
    """which of its ten parts, about 2500 frames each; left out: all"""
    expect_frames: Count
    """frames that these parts must hold"""

    @field_validator("parts")
    @classmethod
    def _once_each(cls, parts: list[int]) -> list[int]:
        if len(set(parts)) < len(parts):
            raise ValueError(f"{parts}: a part stands twice")
        return parts


class LocalSource(Strict):
    """A folder or an archive of the user's own."""

    source: Literal["local"]
    """local: a folder, .zip or .tar.gz of your own"""
    path: Annotated[str, Field(min_length=1)]
    """where it lies, from the repository's root; outside data/, models/, results/"""
    limit: dict[Split, Count] = Field(default_factory=dict)
    """keep only the first images, by number, of a split"""
    expect: dict[Split, Count] = Field(default_factory=dict)
    """images that each split must have, or as many as limit keeps; 0 where a split is not named"""

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
    """Studio photos of cars, drawn without network."""

    source: Literal["drawn_cars"]
    """drawn_cars: studio photos of cars, drawn without network"""
    cars: Count
    """how many cars"""
    views: Count
    """photos of each car, evenly around it"""
    size: Side
    """side of a drawn photo, pixels"""
    seed: Seed
    """another seed draws other cars"""


class DrawnFacadesSource(Strict):
    """House fronts and their label maps, drawn without network."""

    source: Literal["drawn_facades"]
    """drawn_facades: house fronts with label maps, drawn without network"""
    train: Count
    """how many to train on"""
    val: Count
    """how many to hold out"""
    size: Side
    """side of a drawn photo, pixels"""
    seed: Seed
    """another seed draws other houses"""


Source = Annotated[
    ArchiveSource | CarvanaSource | Gta5Source | LocalSource | DrawnCarsSource | DrawnFacadesSource,
    Field(discriminator="source"),
]


class Dataset(Strict):
    """One set of pairs: data/raw/<dataset>/ and data/pairs/<dataset>/."""

    download: Source
    """where the raw files come from"""
    prepare: Layout
    """how the raw files become pairs A|B"""

    @property
    def labels(self) -> Palette | None:
        """The palette of side B where it is a label map."""
        return self.prepare.labels if isinstance(self.prepare, StitchedLayout | FoldersLayout | Gta5Layout) else None

    @property
    def splits(self) -> list[Split]:
        """The splits that it has; all three where only the files tell."""
        match self.prepare, self.download:
            case CarvanaLayout(hold_out=HeldOutCars(test=[_, *_])), _:
                return [*SPLITS]
            case SplitLayout() as layout, ArchiveSource(expect=expect) | LocalSource(expect=expect) if expect:
                made = {*layout.splits, *(["val"] if layout.hold_out else [])}
                return [split for split in SPLITS if expect.get(split) or split in made]
            case SplitLayout(), LocalSource():
                return [*SPLITS]
        return ["train", "val"]
