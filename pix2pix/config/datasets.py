"""Data sets: where raw files come from, how they become pairs, and which split is held out for the tables."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from pix2pix.config.fields import Count, PaletteOrNone, Seed, Side, Split, Strict

OUTPUTS = ("data", "models", "results", "scratch")

CarId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

# ---- where the raw files come from -----------------------------------------------------------------------------------


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
    """images that each split must have, after limit; 0 where a split is not named"""


class CarvanaSource(Strict):
    """The Kaggle competition carvana-image-masking-challenge."""

    source: Literal["carvana"]
    """carvana: the Kaggle competition; accept its rules and have a token"""
    cars: Annotated[list[CarId], Field(min_length=1)] | None = None
    """take these cars only"""
    expect_cars: Count
    """cars that the archives must hold, of those that are taken"""
    expect_views: Count
    """photos that each car must have"""


class Gta5Source(Strict):
    """Playing for Data (Richter et al. 2016): 24 966 frames of a game with their labels, in ten parts."""

    source: Literal["gta5"]
    """gta5: Playing for Data (Richter et al. 2016), frames of a game"""
    parts: Annotated[list[Annotated[int, Field(ge=1, le=10)]], Field(min_length=1)]
    """which of its ten parts, about 2500 frames each"""
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
    """images that each split must have, after limit; 0 where a split is not named"""

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


# ---- how raw files become pairs --------------------------------------------------------------------------------------


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


class CarvanaLayout(Strict):
    """Photo and mask by car; whole cars are held out."""

    layout: Literal["carvana"]
    """carvana: photo and mask; A = edges, B = the car on white"""
    size: Side
    """side of A and of B, pixels"""
    hold_out: Count
    """how many whole cars make up val"""
    seed: Seed
    """which cars are held out; adding cars moves few"""
    edges: Annotated[CannyEdges | DoodleEdges, Field(discriminator="method")]
    """how A is drawn from B"""


class StitchedLayout(Strict):
    """Images that are A|B already."""

    layout: Literal["stitched"]
    """stitched: images that are A|B already, checked and copied byte for byte"""


class FoldersLayout(Strict):
    """Two folders of equal file names."""

    layout: Literal["folders"]
    """folders: split/A/NAME and split/B/NAME, or splitA/NAME and splitB/NAME"""


class InpaintingLayout(Strict):
    """Plain photos with a hole to fill (Pathak et al. 2016)."""

    layout: Literal["inpainting"]
    """inpainting: plain photos; A = the photo with a hole in its centre, B = the photo"""
    size: Side
    """side of A and of B, pixels: the photo's central square, resized"""
    hole: Count
    """side of the hole, pixels (Pathak et al. 2016: half of size)"""

    @model_validator(mode="after")
    def _hole_inside(self) -> Self:
        if self.hole >= self.size or (self.size - self.hole) % 2:
            raise ValueError(
                f"hole: {self.hole} must be smaller than size: {self.size} by an even number, to be central"
            )
        return self


class Gta5Layout(Strict):
    """Frames of a game; blocks of consecutive frames are held out."""

    layout: Literal["gta5"]
    """gta5: frame and label, squeezed to a square; A = frame, B = label"""
    size: Side
    """side of A and of B, pixels"""
    block: Count
    """frames with consecutive numbers that stay in one split"""
    gap: Annotated[int, Field(ge=0)]
    """frames of val nearer than this to a frame of train are left out"""
    hold_out: Count
    """how many blocks make up val"""
    seed: Seed
    """which blocks are held out; adding frames moves few"""


Layout = Annotated[
    CarvanaLayout | StitchedLayout | FoldersLayout | InpaintingLayout | Gta5Layout, Field(discriminator="layout")
]


class Dataset(Strict):
    """One set of pairs: data/raw/<dataset>/ and data/pairs/<dataset>/."""

    download: Source
    """where the raw files come from"""
    prepare: Layout
    """how the raw files become pairs A|B"""
    labels: PaletteOrNone
    """palette of side B where it is a label map; none: it is none"""
    held_out: Literal["val", "test"]
    """the split that is rendered, scored and put into tables"""
