"""An experiment, a study and a robustness test with all that their entries name, ready for a verb."""

from dataclasses import dataclass, field
from typing import Any

from pix2pix.config.datasets import Dataset
from pix2pix.config.fields import Direction, HeldOut
from pix2pix.config.models import Mean, Model, Pix2Pix
from pix2pix.config.recipes import Recipe
from pix2pix.config.study_entries import ReferenceNumbers, WeightsFile
from pix2pix.config.weights_metadata import Ancestor, InferencePolicy, Precision, WeightsMetadata


@dataclass(frozen=True)
class Experiment:
    """One training; `split` is that of its study, `model` and `recipe` are complete, after the experiment's `set`."""

    name: str
    study: str
    split: HeldOut
    dataset_name: str
    dataset: Dataset
    direction: Direction
    model: Model
    recipe: Recipe
    seed: int
    init: str | WeightsFile | None = None  # an experiment or a file that its networks begin from
    entry: dict[str, Any] = field(default_factory=dict, compare=False)  # as it stands in its file
    lineage: list[Ancestor] = field(default_factory=list)  # of `init`, whose files are read when it is trained
    incumbent: bool = False  # whether another program trains it, with this recipe and networks of this size

    @property
    def learns(self) -> bool:
        """Whether there is anything to train: the mean is computed."""
        return not isinstance(self.model, Mean)

    @property
    def inference_dropout(self) -> bool:
        """Whether dropout stays on at inference."""
        return isinstance(self.model, Pix2Pix) and self.model.inference_dropout

    def metadata(self, *, precision: Precision, epoch: int, step: int) -> WeightsMetadata:
        """What a weights file of this experiment says of weights after that many epochs and steps."""
        return WeightsMetadata(
            experiment=self.name,
            dataset=self.dataset_name,
            direction=self.direction,
            seed=self.seed,
            model=self.model,
            recipe=self.recipe,
            precision=precision,
            inference=InferencePolicy(dropout=self.inference_dropout, statistics="image"),
            epoch=epoch,
            step=step,
            lineage=self.lineage,
        )

    def check_weights(self, metadata: WeightsMetadata) -> None:
        """Refuse weights that were trained otherwise than the configuration says now, or not to the last epoch.

        Raises:
            ValueError: names the first difference and both values.
        """
        epochs = self.recipe.epochs if self.learns else metadata.epoch
        wanted = _flat(self.metadata(precision=metadata.precision, epoch=epochs, step=metadata.step).model_dump())
        found = _flat(metadata.model_dump(include=set(WeightsMetadata.model_fields)))
        begun = [(ancestor.experiment, ancestor.sha256) for ancestor in metadata.lineage[:1]]
        wanted["init"] = self.init.sha256 if isinstance(self.init, WeightsFile) else self.init
        found["init"] = next((sha256 if isinstance(self.init, WeightsFile) else name for name, sha256 in begun), None)
        for key in dict.fromkeys([*wanted, *found]):
            if key not in ("experiment", "lineage") and found.get(key) != wanted.get(key):
                values = f"{found.get(key)}, but the configuration has {wanted.get(key)}"
                raise ValueError(f"models/{self.name}: trained with {key}: {values}; train {self.name} again")


def _flat(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Nested keys as dotted paths."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return flat


@dataclass(frozen=True)
class Study:
    """A table: `tables` maps headings to experiments, one empty heading where there is one table."""

    name: str
    title: str
    experiments: list[str]  # those that stages make
    incumbents: list[Experiment]  # those of another program, which may not be here
    baselines: list[str]
    headline: str  # a key of METRICS
    tables: dict[str, list[str]]
    figure: list[str]  # the experiments that it shows
    reference_numbers: ReferenceNumbers
    fcn_scores: list[str]  # the experiments that get an FCN-score
    robustness: list[str]  # the experiments that are tried on other drawings


@dataclass(frozen=True)
class FcnScoring:
    """The experiments of a study whose photos are scored, and the experiment whose network reads them."""

    study: str
    experiments: list[Experiment]
    segmenter: Experiment


@dataclass(frozen=True)
class Robustness:
    """An experiment and two data sets of the same photos, whose edges are drawn by canny and by doodle."""

    experiment: Experiment
    canny: str
    doodle: str
