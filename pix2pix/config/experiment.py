"""An experiment, a study and a robustness test with all that their entries name, ready for a verb."""

from dataclasses import dataclass
from typing import Any

from pix2pix.config.datasets import Dataset
from pix2pix.config.fields import Direction
from pix2pix.config.models import Mean, Model
from pix2pix.config.recipes import Recipe
from pix2pix.config.studies import ReferenceNumbers


@dataclass(frozen=True)
class Experiment:
    """One training: `model` and `recipe` are complete, the experiment's `set` included."""

    name: str
    study: str
    dataset_name: str
    dataset: Dataset
    direction: Direction
    model: Model
    recipe: Recipe
    seed: int

    @property
    def learns(self) -> bool:
        """Whether there is anything to train: the mean is computed."""
        return not isinstance(self.model, Mean)

    def metadata(self) -> dict[str, Any]:
        """What determines the weights; a weights file carries it."""
        return {
            "dataset": self.dataset_name,
            "direction": self.direction,
            "seed": self.seed,
            "model": self.model.model_dump(),
            "recipe": self.recipe.model_dump(),
        }

    def check_weights(self, metadata: dict[str, Any]) -> None:
        """Refuse weights that were trained otherwise than the configuration says now.

        Raises:
            ValueError: names the first difference.
        """
        for key, value in self.metadata().items():
            if metadata.get(key) != value:
                raise ValueError(
                    f"models/{self.name}: trained with another {key} than the configuration has now; "
                    f"train {self.name} again"
                )


@dataclass(frozen=True)
class Study:
    """A table: `tables` maps headings to experiments, one empty heading where there is one table."""

    name: str
    title: str
    experiments: list[str]
    baselines: list[str]
    tables: dict[str, list[str]]
    reference_numbers: ReferenceNumbers
    fcn_scores: list[str]  # the experiments that get an FCN-score
    robustness: list[str]  # the experiments that are tried on other drawings


@dataclass(frozen=True)
class Robustness:
    """An experiment and two data sets of the same photos, whose edges are drawn by canny and by doodle."""

    experiment: Experiment
    canny: str
    doodle: str
    held_out: str
