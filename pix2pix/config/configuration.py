"""The only reader of params.yaml: typed, unknown keys refused, every error names its key.

Each class of `datasets` and `experiments` is one kind of entry; here stand what one entry demands of another.
"""

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError, model_validator
from ruamel.yaml import YAML

from pix2pix.config.datasets import CarvanaLayout, Dataset
from pix2pix.config.experiments import FCN, Experiment, Model, Pix2Pix, Probe, Recipe, Report, Score, UNetAlone
from pix2pix.config.fields import Name, Strict

T = TypeVar("T")

PARAMS = Path("params.yaml")
MAX_BYTES = 500_000  # ten times the shipped file; YAML is read at some 50 kB a second
MAX_ENTRIES = 100_000
MAX_ERRORS = 8  # named in one line


class Params(Strict):
    datasets: dict[Name, Dataset]
    models: dict[Name, Model]
    recipes: dict[Name, Recipe]
    experiments: dict[Name, Experiment]
    scores: dict[Name, Score]
    probes: dict[Name, Probe]
    reports: dict[Name, Report]

    def describe(self, name: str) -> dict[str, Any]:
        """What determines the weights of experiment `name`; a weights file carries it.

        Optional keys at their defaults are left out, so that an option added later leaves old weights fresh.
        """
        experiment = self.experiments[name]
        return {
            **experiment.model_dump(include={"dataset", "direction", "seed"}),
            "model": self.models[experiment.model].model_dump(exclude_defaults=True),
            "recipe": self.recipes[experiment.recipe].model_dump(exclude_defaults=True),
        }

    @model_validator(mode="after")
    def _names_resolve(self) -> "Params":
        for name, experiment in self.experiments.items():
            _resolve(f"experiments.{name}.dataset", experiment.dataset, self.datasets)
            _resolve(f"experiments.{name}.model", experiment.model, self.models)
            _resolve(f"experiments.{name}.recipe", experiment.recipe, self.recipes)
            _resolve(f"experiments.{name}.table", experiment.table, self.reports)
            self._check_experiment(name, experiment)
        for name, report in self.reports.items():
            rows = {row: e for row, e in self.experiments.items() if e.table == name}
            for reference in report.references:
                _resolve(f"reports.{name}.references", reference, rows)
            for heading, members in report.tables.items():
                for member in members:
                    _resolve(f"reports.{name}.tables.{heading}", member, rows)
            if report.tables and (lost := sorted(rows.keys() - {m for ms in report.tables.values() for m in ms})):
                raise ValueError(f"reports.{name}.tables: '{lost[0]}' stands in none of them ({len(lost)} such)")
        for name in self.scores:
            self._check_score(name)
        for name in self.probes:
            self._check_probe(name)
        return self

    def _check_experiment(self, name: str, experiment: Experiment) -> None:
        model, recipe = self.models[experiment.model], self.recipes[experiment.recipe]
        key, model_key, recipe_key = f"experiments.{name}", f"models.{experiment.model}", f"recipes.{experiment.recipe}"
        match model:
            case Pix2Pix() if (recipe.size >> model.discriminator_layers) < 3:
                raise ValueError(
                    f"{key}: a discriminator of {model.discriminator_layers} layers needs images of "
                    f"{3 << model.discriminator_layers} pixels or more; {recipe_key}.size is {recipe.size}"
                )
            case FCN() | UNetAlone() if recipe.gan_weight or recipe.l1_weight != 1:
                raise ValueError(f"{key}: {model_key} has one loss: {recipe_key}.gan_weight must be 0, l1_weight 1")
            case FCN() | UNetAlone() if model.classes and experiment.direction != "AtoB":
                raise ValueError(f"{key}: {model_key} predicts the classes of B; direction must be AtoB")
            case FCN() | UNetAlone() if model.classes and model.classes != self.datasets[experiment.dataset].labels:
                raise ValueError(
                    f"{key}: {model_key} predicts {model.classes}; datasets.{experiment.dataset} has others"
                )

    def _check_score(self, name: str) -> None:
        """A score's table and dataset stand there again only because DVC interpolates nothing but them."""
        score, key = self.scores[name], f"scores.{name}"
        _resolve(key, name, self.experiments)
        _resolve(f"{key}.segmenter", score.segmenter, self.experiments)
        scored, segmenter = self.experiments[name], self.experiments[score.segmenter]
        for field, value, wanted in (
            ("table", score.table, scored.table),
            ("dataset", score.dataset, scored.dataset),
        ):
            if value != wanted:
                raise ValueError(f"{key}.{field}: '{value}', but experiments.{name} has '{wanted}'")
        labels = self.datasets[scored.dataset].labels
        if labels is None or scored.direction != "BtoA":
            raise ValueError(f"{key}: only photos made from labels are scored: direction BtoA, a dataset with labels")
        if segmenter.direction != "AtoB" or self.datasets[segmenter.dataset].labels != labels:
            raise ValueError(f"{key}.segmenter: {score.segmenter} is not direction AtoB on a dataset with these labels")
        sizes = [self.recipes[experiment.recipe].size for experiment in (scored, segmenter)]
        if sizes[0] != sizes[1]:
            raise ValueError(f"{key}.segmenter: {score.segmenter} reads {sizes[1]} pixels, {name} has {sizes[0]}")

    def check_weights(self, name: str, about: dict[str, Any]) -> None:
        """Weights of other parameters must not pass, silently, for experiment `name`; `about` is what they say.

        Raises:
            ValueError: they were trained with other parameters than the experiment has now.
        """
        for key, value in self.describe(name).items():
            if about.get(key) != value:
                raise ValueError(
                    f"models/{name}: trained with another {key} than params.yaml has now; train {name} again"
                )

    def _check_probe(self, name: str) -> None:
        probe, key = self.probes[name], f"probes.{name}"
        _resolve(key, name, self.experiments)
        experiment = self.experiments[name]
        if probe.table != experiment.table:
            raise ValueError(f"{key}.table: '{probe.table}', but experiments.{name} has '{experiment.table}'")
        if experiment.direction != "AtoB" or experiment.dataset not in (probe.canny, probe.doodle):
            raise ValueError(f"{key}: {name} does not translate A of '{probe.canny}' or '{probe.doodle}' to B")
        for method, dataset in (("canny", probe.canny), ("doodle", probe.doodle)):
            _resolve(f"{key}.{method}", dataset, self.datasets)
            layout = self.datasets[dataset].prepare
            if not isinstance(layout, CarvanaLayout) or layout.edges.method != method:
                raise ValueError(f"{key}.{method}: the edges of '{dataset}' are not drawn by {method}")
        if _without_edges(self.datasets[probe.canny]) != _without_edges(self.datasets[probe.doodle]):
            raise ValueError(f"{key}: '{probe.canny}' and '{probe.doodle}' differ in more than prepare.edges")


def _without_edges(dataset: Dataset) -> dict[str, Any]:
    return dataset.model_dump(exclude={"prepare": {"edges"}})


def _resolve(key: str, wanted: str, section: dict[str, Any]) -> None:
    if wanted not in section:
        raise ValueError(f"{key}: there is no '{wanted}' (there are: {', '.join(sorted(section))})")


def read_params(path: Path = PARAMS) -> Params:
    """Read and check params.yaml (YAML 1.2, as DVC does: `1e-4` is a number, `no` a string).

    Raises:
        ValueError: one line, naming the file, each wrong key by its path, and what it should be.
        FileNotFoundError: there is no such file.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; run from the repository's root") from None
    if size > MAX_BYTES:
        raise ValueError(f"{path}: {size} bytes; at most {MAX_BYTES} are read")
    text = path.read_bytes()
    try:
        # pure: with libyaml's parser a tab is "a character that cannot start any token"
        raw = YAML(typ="safe", pure=True).load(text.decode("utf-8"))
        _refuse_bombs(raw)
    except Exception as error:  # a wrong tag or deep nesting lets errors of any kind out of the parser
        message = str(error).partition("To suppress this check")[0] or type(error).__name__
        raise ValueError(f"{path}: not readable as YAML: {_one_line(message)}") from None
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        lines = [_line(e) for e in error.errors()]
        more = [f"and {len(lines) - MAX_ERRORS} more"] if len(lines) > MAX_ERRORS else []
        raise ValueError(f"{path}: " + _one_line("; ".join(lines[:MAX_ERRORS] + more))) from None


def _refuse_bombs(raw: Any) -> None:
    """Aliases may repeat a part of the file, but not multiply it beyond what can be checked."""
    waiting, count = [raw], 0
    while waiting:
        part = waiting.pop()
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        count += 1
        if count > MAX_ENTRIES:
            raise ValueError(f"more than {MAX_ENTRIES} values, aliases counted where they stand")


def _one_line(message: str) -> str:
    line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", message).strip()
    return line if len(line) <= 1500 else f"{line[:1500]}..."


def _line(error: Any) -> str:
    # pydantic puts the tag of a union into the path ("download.pix2pix.archive"): no key of the file, so leave it out
    unions = {
        "pix2pix",
        "carvana",
        "local",
        "drawn_cars",
        "drawn_facades",
        "canny",
        "doodle",
        "stitched",
        "folders",
        "inpainting",
        "gta5",
        "fcn",
        "unet",
        "mean",
    }
    path = [str(part) for part in error["loc"] if part != "[key]"]
    keys = [part for i, part in enumerate(path) if i < 2 or part not in unions]
    about = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            message = error["msg"].removeprefix("Value error, ")
        case "missing":
            message = error["msg"]
        case "extra_forbidden":
            message = "unknown key"
        case "union_tag_not_found":
            keys.append(about["discriminator"].strip("'"))
            message = "Field required"
        case "union_tag_invalid":
            keys.append(about["discriminator"].strip("'"))
            message = f"Input should be one of {about['expected_tags']}, not {_short(about['tag'])}"
        case _:
            message = f"{error['msg']}, not {_short(error['input'])}"
    return f"{'.'.join(keys)}: {message}" if keys else message


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def entry(section: dict[str, T], name: str, kind: str) -> T:
    """The entry `name` of a section, or a ValueError that lists what there is."""
    _resolve(f"{PARAMS}: {kind}", name, section)
    return section[name]
