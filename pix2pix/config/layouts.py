"""How raw files become pairs A|B, and which of them are held out of training."""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from pix2pix.config.drawings import Edges
from pix2pix.config.fields import CarIds, Count, HeldOut, PaletteOrNone, Seed, Side, Split, Strict

Pattern = Annotated[str, StringConstraints(pattern=r"^[^{}]*(\{split\}[^{}]*)?\{id\}[^{}]*$")]


class HeldOutCars(Strict):
    """Whole cars that are held out, by id."""

    val: CarIds
    """cars to choose by, with spaces between"""
    test: CarIds = Field(default_factory=list)
    """cars for the tables, scored after all choices"""

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        cars = self.val + self.test
        if twice := sorted(car for car in set(cars) if cars.count(car) > 1):
            raise ValueError(f"car {twice[0]} stands twice")
        return self


class AnyLayout(Strict):
    """What every layout has."""

    leave_out: list[str | int] = Field(default_factory=list)
    """ids of pairs to pass over, `12` or `val/12`; each must be there"""


class CarvanaLayout(AnyLayout):
    """Photo and mask by car; whole cars are held out."""

    layout: Literal["carvana"]
    """carvana: photo and mask; A = edges, B = the car on white"""
    size: Side
    """side of A and of B, pixels"""
    hold_out: Annotated[
        Annotated[Count, Tag("number")] | Annotated[HeldOutCars, Tag("cars")],
        Discriminator(lambda value: "cars" if isinstance(value, dict | HeldOutCars) else "number"),
    ]
    """how many whole cars make up val, or which cars make up val and test"""
    seed: Seed | None = None
    """which cars are held out, where hold_out is a number; adding cars moves few"""
    edges: Edges
    """how A is drawn from B"""

    @model_validator(mode="after")
    def _seed_of_a_number(self) -> Self:
        if isinstance(self.hold_out, int) and self.seed is None:
            raise ValueError("hold_out is a number of cars: seed is required")
        if isinstance(self.hold_out, HeldOutCars) and self.seed is not None:
            raise ValueError("hold_out lists the cars: seed has no effect; leave it out")
        return self


class NumberRange(Strict):
    """Images of a split by the first number in their names."""

    of: Split
    """the split that the images lie in"""
    first: Annotated[int, Field(ge=0)]
    """first number in the name of the first image"""
    last: Annotated[int, Field(ge=0)]
    """and of the last one; each number between must be there once"""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"first ({self.first}) must not be above last ({self.last})")
        return self


class SplitLayout(AnyLayout):
    """A layout whose raw files lie in folders of splits."""

    splits: dict[HeldOut, NumberRange] = Field(default_factory=dict)
    """images of an official split that make up a split which the archive lacks"""
    hold_out: Count | None = None
    """how many pairs of train make up val, where the data have none; adding pairs moves few"""
    seed: Seed | None = None
    """which pairs are held out by hold_out"""

    @model_validator(mode="after")
    def _one_val(self) -> Self:
        if (self.hold_out is None) != (self.seed is None):
            raise ValueError("hold_out and seed go together")
        if self.hold_out and "val" in self.splits:
            raise ValueError("hold_out and splits.val both make a val; leave one out")
        return self

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for split, taken in self.splits.items():
            if taken.of in self.splits:
                raise ValueError(f"splits.{split}: of: {taken.of} is not a split of the archive, since splits makes it")
        ranges = list(self.splits.values())
        if len(ranges) == 2 and ranges[0].of == ranges[1].of:
            overlap = max(ranges[0].first, ranges[1].first), min(ranges[0].last, ranges[1].last)
            if overlap[0] <= overlap[1]:
                raise ValueError(f"splits: number {overlap[0]} of {ranges[0].of} is in two splits")
        return self


class StitchedLayout(SplitLayout):
    """Images that are A|B already."""

    layout: Literal["stitched"]
    """stitched: images that are A|B already, checked and copied byte for byte"""
    labels: PaletteOrNone = None
    """palette of side B where it is a label map"""


class SidePatterns(Strict):
    """Where the files of each side lie below the folder, without their endings: `{split}/photos/{id}_photo`.

    `{id}` is what both files of a pair have in common, a name or part of one; `{split}` is train, val or test, or
    training, validation, valid or testing, in any case. Without `{split}` all pairs are of train.
    """

    A: Pattern
    """of side A, such as photos/{split}/{id}"""
    B: Pattern
    """of side B, such as masks/{split}/{id}_mask"""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.A == self.B:
            raise ValueError(f"A and B are both {self.A}; a file is of one side")
        if ("{split}" in self.A) != ("{split}" in self.B):
            raise ValueError("{split} stands in one of A and B; it belongs in both, or in none")
        return self


class FoldersLayout(SplitLayout):
    """Two files a pair."""

    layout: Literal["folders"]
    """folders: split/A/NAME and split/B/NAME, or splitA/NAME and splitB/NAME; or as pair_by says"""
    pair_by: SidePatterns | None = None
    """where the two files of a pair lie, if elsewhere: {A: 'photos/{split}/{id}', B: 'masks/{split}/{id}_mask'}"""
    labels: PaletteOrNone = None
    """palette of side B where it is a label map"""
    label_numbers: Literal["from_0", "from_1", "cityscapes_ids"] | None = None
    """where B holds class numbers: the palette's classes from 0 (train ids) or from 1, or Cityscapes' label ids"""

    @model_validator(mode="after")
    def _palette_of_the_numbers(self) -> Self:
        if self.label_numbers and not self.labels:
            raise ValueError("label_numbers: labels must name the palette whose classes they number")
        return self


class InpaintingLayout(SplitLayout):
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


class Gta5Layout(AnyLayout):
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
    labels: PaletteOrNone = None
    """palette of side B where it is a label map"""


Layout = Annotated[
    CarvanaLayout | StitchedLayout | FoldersLayout | InpaintingLayout | Gta5Layout, Field(discriminator="layout")
]
