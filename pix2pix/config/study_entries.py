"""Studies: the experiments of one table, what they are compared with, and which further scores they get."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pix2pix.config.fields import Direction, HeldOut, Name, Seed, Strict, Words

ReferenceScore = Literal[
    "psnr", "ssim", "l1", "blotches", "checkerboard", "lsd", "lab_l", "lab_a", "lab_b", "train_l1", "val_l1",
    "train_ce", "val_ce",
    "pixel_accuracy", "class_accuracy", "mean_iou", "fcn_pixel_accuracy", "fcn_class_accuracy", "fcn_mean_iou",
    "fid", "kid", "lpips",
]  # fmt: skip


class ReferenceNumbers(Strict):
    """Published numbers of others. They never stand in one ranking with ours."""

    source: Words
    """whose numbers, on which data and by which protocol"""
    scores: list[ReferenceScore]
    """which scores"""
    rows: dict[Words, list[float]]
    """{what: one number a score}"""

    @model_validator(mode="after")
    def _one_number_a_score(self) -> Self:
        for what, numbers in self.rows.items():
            if len(numbers) != len(self.scores):
                raise ValueError(f"rows.{what}: {len(numbers)} numbers for {len(self.scores)} scores")
        return self


Headline = Literal["psnr", "ssim", "l1", "blotches", "checkerboard", "lsd", "lab_l", "lab_a", "lab_b", "pixel_accuracy"]


class StudyEntry(Strict):
    """One table and its figure: results/<study>.md, .png and .html."""

    title: Words
    """heading of the report"""
    split: HeldOut
    """which images are rendered, scored and shown: of val, to choose by, or of test, to tell the results"""
    baselines: list[Name] | None = None
    """experiments that the others on the same images are compared with, image by image; left out: those of the mean"""
    headline: Headline = "lsd"
    """the score of the sentence that the report begins with"""
    tables: dict[Words, Annotated[list[Name], Field(min_length=1)]] = Field(default_factory=dict)
    """{heading: experiments}, where one table of all says too little; a row brings its other seeds along, and may stand
    in several"""
    figure: list[Name] = Field(default_factory=list)
    """the experiments that the figure shows, where all are too many; left out: all"""
    reference_numbers: ReferenceNumbers = ReferenceNumbers(source="none", scores=[], rows={})
    """published numbers of others, shown beneath our own"""


class WeightsFile(Strict):
    """A weights file that no stage of the graph makes."""

    file: Words
    """its path: kept weights of a training, another clone's, or what tools/incumbent_weights.py wrote"""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """what `sha256sum` says of it"""


class ExperimentEntry(Strict):
    """One training: data set x model x recipe."""

    study: Name
    """the study that it is a row of"""
    dataset: Name
    """an entry of config/datasets.yaml"""
    direction: Direction
    """AtoB or BtoA: the generator's source first; A is the left half of a pair"""
    model: Name
    """an entry of models in params.yaml"""
    recipe: Name
    """an entry of recipes in params.yaml"""
    seed: Seed
    """of initial weights, order of the images, crops and dropout"""
    set: dict[str, Any] = Field(default_factory=dict)
    """keys of the model or the recipe that this experiment alone turns: {generator_lr: 1.0e-3}"""
    init: Name | WeightsFile | None = None
    """what its networks begin from: under `refined` the last weights of another experiment; under `experiments` a file;
    left out: random weights"""


class FcnScoreEntry(Strict):
    """Scores the photos that a study's experiments made from label maps by what a segmenter reads in them; keyed by
    study."""

    dataset: Name
    """the data set whose experiments of direction BtoA, at the segmenter's size, are scored"""
    segmenter: Name
    """an experiment from photos to the same labels at the same size, of whatever study"""


class RobustnessEntry(Strict):
    """Tries an experiment on other drawings of the held-out photos and on sketches/cars/; keyed by experiment."""

    study: Name
    """the experiment's study again (DVC can name nothing else)"""
    canny: Name
    """a data set of the experiment's photos whose edges are drawn by canny"""
    doodle: Name
    """the same photos with edges drawn by doodle"""
