"""What params.yaml and config/ declare: each entry is checked when a command asks for it, with all that it names.

So a mistake in one study stops no other study's training; `Configuration.problems` lists every mistake.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pix2pix.config.checks import check, did_you_mean, find
from pix2pix.config.datasets import Dataset
from pix2pix.config.layouts import CarvanaLayout
from pix2pix.config.models import FCN, Model, Pix2Pix, UNetAlone
from pix2pix.config.recipes import Recipe
from pix2pix.config.resolved import Experiment, FcnScoring, Robustness, Study
from pix2pix.config.study_entries import ExperimentEntry, FcnScoreEntry, RobustnessEntry, StudyEntry

Entry = TypeVar("Entry")

BASE_MODEL, BASE_RECIPE = "pix2pix", "paper"  # other pix2pix models and recipes say only what differs from these
SECTIONS = (
    "models", "recipes", "datasets", "studies", "experiments", "refined", "incumbent", "fcn_scores", "robustness"
)  # fmt: skip
INCUMBENT = "_incumbent"  # in the names of its rows: by it .gitignore and .dvcignore know them


@dataclass(frozen=True)
class Configuration:
    """The entries as they stand in the files: section -> name -> entry."""

    sections: dict[str, dict[str, Any]]
    files: dict[tuple[str, str], Path] = field(default_factory=dict)  # (section, name) -> the file of the entry
    unreadable: list[str] = field(default_factory=list)  # a line for each file that could not be read

    def names(self, section: str) -> list[str]:
        """The entries of a section, in the order of the files."""
        return list(self.sections.get(section, {}))

    def dataset(self, name: str) -> Dataset:
        raw = self._entry("datasets", name)
        return self._check("datasets", name, Dataset, raw)

    def experiment(self, name: str) -> Experiment:
        """An experiment with its data set, and its model and recipe after `set`.

        Raises:
            ValueError: it, or what it names, is missing or wrong, or they contradict each other; names file and key.
        """
        return self._experiment("experiments", name)

    def incumbent(self, name: str) -> Experiment:
        """A row that tools/incumbent.py has another program train; raises as `experiment`."""
        row = self._experiment("incumbent", name)
        if INCUMBENT not in name or name in self.names("experiments"):
            raise ValueError(f"{self._key('incumbent', name)}: needs '{INCUMBENT}' in its name, and one of its own")
        return row

    def row(self, name: str) -> Experiment:
        """An experiment, or a row of the incumbent."""
        return self.incumbent(name) if self._section(name) == "incumbent" else self.experiment(name)

    def _section(self, row: str) -> str:
        return "incumbent" if row in self.names("incumbent") else "experiments"

    def _experiment(self, section: str, name: str) -> Experiment:
        entry = self._check(section, name, ExperimentEntry, self._entry(section, name))
        key = self._key(section, name)
        self._entry("studies", entry.study, f"{key}.study")
        study = self._study(entry.study)
        for part, wanted in (("dataset", entry.dataset), ("model", entry.model), ("recipe", entry.recipe)):
            self._entry(f"{part}s", wanted, f"{key}.{part}")
        model, recipe = self._model(entry.model), self._recipe(entry.recipe)
        of_model = {k: v for k, v in entry.set.items() if k in type(model).model_fields and k != "kind"}
        of_recipe = {k: v for k, v in entry.set.items() if k in Recipe.model_fields}
        for unknown in sorted(entry.set.keys() - of_model.keys() - of_recipe.keys()):
            like = did_you_mean(unknown, [*type(model).model_fields, *Recipe.model_fields])
            line = f"{key}.set.{unknown}: unknown key, neither of model {entry.model} nor of a recipe; {like}"
            raise ValueError(line.removesuffix("; "))
        experiment = Experiment(
            name=name,
            study=entry.study,
            split=study.split,
            dataset_name=entry.dataset,
            dataset=self.dataset(entry.dataset),
            direction=entry.direction,
            model=check(f"{key}.set", Model, model.model_dump() | of_model) if of_model else model,
            recipe=check(f"{key}.set", Recipe, recipe.model_dump() | of_recipe) if of_recipe else recipe,
            seed=entry.seed,
            init=entry.init,
            entry=entry.model_dump(exclude_defaults=True),
            incumbent=section == "incumbent",
        )
        if experiment.split not in (splits := experiment.dataset.splits):
            split = f"{self._key('studies', entry.study)}.split"
            raise ValueError(f"{split}: datasets.{entry.dataset} has no {study.split} (it has {', '.join(splits)})")
        self._check_init(experiment, key)
        if contradiction := _contradiction(experiment, entry):
            raise ValueError(f"{key}: {contradiction}")
        return experiment

    def _check_init(self, experiment: Experiment, key: str) -> None:
        init, refined = experiment.init, experiment.name in self.sections.get("refined", {})
        if isinstance(init, str) != refined:
            raise ValueError(
                f"{key}.init: what begins from another experiment stands under `refined`, the rest does not"
            )
        if isinstance(init, str):
            find(f"{key}.init", init, self.names("experiments"))
        if not experiment.learns and init:
            raise ValueError(f"{key}.init: the mean is computed and begins from nothing")
        if experiment.learns and not (experiment.recipe.epochs or init):
            raise ValueError(f"{key}: epochs is 0, but it has no init whose weights it could be")

    def fcn_scoring(self, study: str) -> FcnScoring:
        """The experiments of a study that make photos from the labels of one data set, and who reads these photos.

        Photos of another size than the segmenter's are left out.
        """
        entry = self._check("fcn_scores", study, FcnScoreEntry, self._entry("fcn_scores", study))
        key = self._key("fcn_scores", study)
        self._entry("studies", study, key)
        find(f"{key}.dataset", entry.dataset, self.names("datasets"))
        find(f"{key}.segmenter", entry.segmenter, self.names("experiments"))
        labels, segmenter = self.dataset(entry.dataset).labels, self.experiment(entry.segmenter)
        rows = [self.row(name) for name in self._rows(study)]
        scored = [row for row in rows if (row.dataset_name, row.direction) == (entry.dataset, "BtoA")]
        if labels is None or not scored:
            raise ValueError(f"{key}: only photos made from labels are scored: direction BtoA, a dataset with labels")
        if segmenter.direction != "AtoB" or segmenter.dataset.labels != labels:
            raise ValueError(f"{key}.segmenter: {entry.segmenter} is not direction AtoB on a dataset with these labels")
        size = segmenter.recipe.size
        if size not in (sizes := {row.recipe.size for row in scored}):
            raise ValueError(f"{key}.segmenter: {entry.segmenter} reads {size} pixels, {study} has {sizes}")
        scored = [row for row in scored if row.recipe.size == size]
        return FcnScoring(study, scored, segmenter)

    def robustness(self, name: str) -> Robustness:
        """The two drawings of the held-out photos on which experiment `name` is tried."""
        entry = self._check("robustness", name, RobustnessEntry, self._entry("robustness", name))
        key, experiment = self._key("robustness", name), self.experiment(name)
        _refuse_others(key, name, study=(entry.study, experiment.study))
        if experiment.direction != "AtoB" or not isinstance(experiment.dataset.prepare, CarvanaLayout):
            raise ValueError(f"{key}: {name} does not translate edges of cars to photos")
        for method, dataset in (("canny", entry.canny), ("doodle", entry.doodle)):
            find(f"{key}.{method}", dataset, self.names("datasets"))
            declared, edges = self.dataset(dataset), {"prepare": {"edges"}}
            if not isinstance(declared.prepare, CarvanaLayout) or declared.prepare.edges.method != method:
                raise ValueError(f"{key}.{method}: the edges of '{dataset}' are not drawn by {method}")
            if declared.model_dump(exclude=edges) != experiment.dataset.model_dump(exclude=edges):
                own = experiment.dataset_name
                raise ValueError(f"{key}: '{dataset}' and '{own}', of {name}, differ in more than prepare.edges")
        return Robustness(experiment, entry.canny, entry.doodle)

    def study(self, name: str) -> Study:
        """A study with its experiments, in the order of its file."""
        entry, key = self._study(name), self._key("studies", name)
        rows, incumbents = self._rows(name), self.names("incumbent")
        if not {*rows}.difference(incumbents):
            raise ValueError(f"{key}: no experiment has study: {name}")
        named = {"baselines": entry.baselines or [], "figure": entry.figure} | {
            f"tables.{h}": m for h, m in entry.tables.items()
        }
        for where, members in named.items():
            for member in members:
                find(f"{key}.{where}", member, rows)
        tables = {
            heading: [*dict.fromkeys(row for member in members for row in rows if self._same_but_seed(member, row))]
            for heading, members in entry.tables.items()
        }
        if tables and (lost := sorted({*rows}.difference(*tables.values()))):
            raise ValueError(f"{key}.tables: '{lost[0]}' stands in none of them ({len(lost)} such)")
        return Study(
            name=name,
            title=entry.title,
            experiments=[row for row in rows if row not in incumbents],
            incumbents=[self.incumbent(row) for row in rows if row in incumbents],
            baselines=self._means(rows) if entry.baselines is None else entry.baselines,
            headline=entry.headline,
            tables=tables or {"": rows},
            figure=entry.figure or rows,
            reference_numbers=entry.reference_numbers,
            fcn_scores=[row.name for row in self.fcn_scoring(name).experiments]
            if name in self.names("fcn_scores")
            else [],
            robustness=[row for row in rows if row in self.names("robustness")],
        )

    def problems(self) -> list[str]:
        """A line for each mistake in any file."""
        lines = dict.fromkeys(self.unreadable)
        checks = (
            self._model, self._recipe, self.dataset, self.study, self.experiment, self.experiment, self.incumbent,
            self.fcn_scoring, self.robustness,
        )  # fmt: skip
        for section, check_entry in zip(SECTIONS, checks, strict=True):
            for name in self.names(section):
                try:
                    check_entry(name)
                except ValueError as error:
                    lines[str(error)] = None
        return list(lines)

    def _rows(self, study: str) -> list[str]:
        """The experiments of a study, in the order of its file, and then its rows of the incumbent."""
        sections = (self.sections.get(section, {}) for section in ("experiments", "incumbent"))
        return [row for section in sections for row, raw in section.items() if _says(raw, "study", study)]

    def _model(self, name: str) -> Model:
        raw = self._entry("models", name)
        if isinstance(raw, dict) and raw.get("kind", "pix2pix") == "pix2pix":
            raw = _merged(self.sections["models"].get(BASE_MODEL), raw)
        model: Model = check(self._key("models", name), Model, raw)
        return model

    def _recipe(self, name: str) -> Recipe:
        own, base = self._entry("recipes", name), self.sections["recipes"].get(BASE_RECIPE)
        if base is not None:
            self._check("recipes", BASE_RECIPE, Recipe, base)  # a mistake there is named there
        return self._check("recipes", name, Recipe, _merged(base, own))

    def _study(self, name: str) -> StudyEntry:
        return self._check("studies", name, StudyEntry, self._entry("studies", name))

    def _same_but_seed(self, *names: str) -> bool:
        """Whether the entries of two experiments differ in nothing but the seed."""
        keys = [(self._section(name), name) for name in names]
        one, other = ({**self.sections[section][name], "seed": None, "section": section} for section, name in keys)
        return bool(one == other)

    def _means(self, rows: list[str]) -> list[str]:
        """Those of the experiments whose model is of kind mean."""
        models = [name for name, raw in self.sections["models"].items() if _says(raw, "kind", "mean")]
        return [row for row in rows if self.sections["experiments"].get(row, {}).get("model") in models]

    def _entry(self, section: str, name: str, key: str = "") -> Any:
        """The entry as it stands in its file; `key` is what names it, where that is another entry."""
        try:
            find(key or section, name, self.names(section))
        except ValueError as error:
            raise ValueError("; ".join([str(error), *self.unreadable])) from None
        return self.sections[section][name]

    def _key(self, section: str, name: str) -> str:
        file = self.files.get((section, name))
        return f"{file}: {section}.{name}" if file else f"{section}.{name}"

    def _check(self, section: str, name: str, kind: type[Entry], raw: Any) -> Entry:
        entry: Entry = check(self._key(section, name), kind, raw)
        return entry


def _merged(base: Any, own: Any) -> Any:
    return {**base, **own} if isinstance(base, dict) and isinstance(own, dict) else own


def _says(raw: Any, key: str, value: str) -> bool:
    return isinstance(raw, dict) and raw.get(key) == value


def _refuse_others(key: str, name: str, **said: tuple[str, str]) -> None:
    """An entry repeats keys of its experiment, because DVC interpolates nothing else; they must be the same."""
    for part, (value, wanted) in said.items():
        if value != wanted:
            raise ValueError(f"{key}.{part}: '{value}', but experiments.{name} has '{wanted}'")


def _contradiction(experiment: Experiment, entry: ExperimentEntry) -> str | None:
    """What an experiment's model, recipe and data set demand of each other."""
    model, recipe = experiment.model, experiment.recipe
    match model:
        case Pix2Pix() if (recipe.size >> model.discriminator_layers) < 3:
            return (
                f"a discriminator of {model.discriminator_layers} layers needs images of "
                f"{3 << model.discriminator_layers} pixels or more; recipes.{entry.recipe}.size is {recipe.size}"
            )
        case Pix2Pix() if (labels := model.source_classes) and (
            experiment.direction != "BtoA" or labels != experiment.dataset.labels
        ):
            return f"models.{entry.model}.source_classes: direction must be BtoA, labels of {entry.dataset} {labels}"
        case FCN() | UNetAlone() if recipe.gan_weight or recipe.l1_weight != 1 or recipe.focal_frequency:
            losses = f"recipes.{entry.recipe}.gan_weight must be 0, l1_weight 1, focal_frequency 0"
            return f"models.{entry.model} has one loss: {losses}"
        case FCN() | UNetAlone() if model.classes and experiment.direction != "AtoB":
            return f"models.{entry.model} predicts the classes of B; direction must be AtoB"
        case FCN() | UNetAlone() if model.classes and model.classes != experiment.dataset.labels:
            return f"models.{entry.model} predicts {model.classes}; datasets.{entry.dataset} has others"
    return None
