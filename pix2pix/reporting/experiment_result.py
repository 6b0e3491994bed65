"""What stands in results/<study>/<experiment>/: one row of a study's tables."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pix2pix.evaluation.metric_definitions import IMAGE_METRICS
from pix2pix.evaluation.rendered_images import read_shown
from pix2pix.evaluation.result_files import Card, Control, FcnScore, ImageScores, Metrics, Perceptual, Spread
from pix2pix.evaluation.set_scores import SET_SCORES, SetPair, read_sets
from pix2pix.files.image_grid import spread
from pix2pix.files.images import Uint8
from pix2pix.files.json_csv import read_json, read_rows


@dataclass(frozen=True)
class ExperimentResult:
    """`fcn_score` and `perceptual` are None where the experiment has none."""

    name: str
    folder: Path
    card: Card
    metrics: Metrics
    intervals: dict[str, Spread]
    per_image: dict[tuple[str, str], ImageScores]  # by split and id
    fcn_score: FcnScore | None = None
    perceptual: Perceptual | None = None
    controls: dict[str, Control] = field(default_factory=dict)
    sets: dict[str, SetPair] = field(default_factory=dict)  # by prefix; images in the order of per_image

    @property
    def data(self) -> tuple[str, str, int]:
        """Data set, direction and size; where they are equal, results are comparable image by image."""
        return self.card.dataset, self.card.direction, self.card.recipe.size

    @property
    def setting(self) -> str:
        """All that was chosen but for the seed."""
        chosen = dict.fromkeys(("dataset", "direction", "model", "recipe", "incumbent"), True)
        return self.card.model_dump_json(include=chosen | {"lineage": {"__all__": {"experiment"}}})

    @property
    def caption(self) -> str:
        """What a figure calls it: the mean of the training targets has no name of its own."""
        return self.name if self.learned else "mean label map" if "pixel_accuracy" in self.values else "mean photo"

    @property
    def learned(self) -> bool:
        return self.card.model.kind != "mean"

    @property
    def values(self) -> dict[str, float | None]:
        """The value of each metric, by its key in metric_definitions.py."""
        fcn_score = {f"fcn_{key}": value for key, value in self.fcn_score.values.items()} if self.fcn_score else {}
        return self.metrics.values | fcn_score | (self.perceptual.values if self.perceptual else {})

    def shown(self, count: int) -> list[tuple[Uint8, ...]]:
        """Sources, generated images and targets of `count` of card.shown (all, where there are fewer)."""
        images, sides, ids = self.folder / "images" / self.card.split, self.folder / "shown", self.card.shown
        rows = read_shown(images, sides, [ids[i] for i in spread(count, of=len(ids))])
        return list(zip(*rows, strict=True))


def one_of_each_setting(results: Iterable[ExperimentResult]) -> list[ExperimentResult]:
    """Of results that differ in nothing but their seed, the first."""
    first: dict[str, ExperimentResult] = {}
    for result in results:
        first.setdefault(result.setting, result)
    return list(first.values())


def first_of_each_data(results: Iterable[ExperimentResult]) -> list[ExperimentResult]:
    """Of those that learned from the same data, in the same direction and size, the first: what a study is about."""
    first: dict[tuple[str, str, int], ExperimentResult] = {}
    for result in results:
        if result.learned:
            first.setdefault(result.data, result)
    return list(first.values())


def read_result(folder: Path, *, with_fcn_score: bool = False, with_sets: bool = True) -> ExperimentResult:
    """The results of the experiment whose name is the folder's.

    Without sets, which git does not keep, there are no paired differences of the metrics over all images.

    Raises:
        FileNotFoundError: a file is missing; says which command makes it.
        ValueError: a file is broken, or FID and LPIPS are of other images.
    """
    name = folder.name
    evaluate = f"python -m stages.evaluate {name}"
    card = read_json(folder / "card.json", Card, made_by=f"python -m stages.render {name}")
    metrics = read_json(folder / "metrics.json", Metrics, made_by=evaluate)
    intervals = read_json(folder / "intervals.json", dict[str, Spread], made_by=evaluate)
    keys = [metric.key for metric in IMAGE_METRICS]
    rows = read_rows(folder / "per_image.csv", ImageScores, columns=keys, made_by=evaluate)
    per_image = {(row.split, row.id): row for row in rows}
    if len(per_image) < len(rows):
        raise ValueError(f"{folder}/per_image.csv: an image stands twice; make it again")
    if missing := [key for key in keys if key not in metrics.values or key not in intervals]:
        raise ValueError(f"{folder}: metrics.json or intervals.json has no '{missing[0]}'; run `{evaluate}` again")
    controls: dict[str, Control] = {}
    sets: dict[str, SetPair] = {}
    if SET_SCORES[0] in metrics.values:  # results of earlier versions have neither
        controls = read_json(folder / "controls.json", dict[str, Control], made_by=evaluate)
        prefixes = [prefix for prefix in ("", "fg_") if f"{prefix}{SET_SCORES[0]}" in metrics.values]
        if with_sets:
            sets = read_sets(folder / "distributions.npz", prefixes=prefixes, images=len(rows), made_by=evaluate)
    fcn_score = None
    if with_fcn_score:
        path, made_by = folder.parent / "fcn_scores.json", f"python -m stages.fcn_score {folder.parent.name}"
        fcn_score = read_json(path, dict[str, FcnScore], made_by=made_by).get(name)
        if fcn_score is None and not card.incumbent:  # all of whose images may be elsewhere
            raise ValueError(f"{path}: no '{name}'; run `{made_by}` again")
    perceptual = None
    if (path := folder / "perceptual.json").exists():
        perceptual = read_json(path, Perceptual)
        if perceptual.card != card:
            again = f"delete it, or `python -m tools.fid_lpips {name}`"
            raise ValueError(f"{path}: of images that were rendered before; {again}")
    return ExperimentResult(name, folder, card, metrics, intervals, per_image, fcn_score, perceptual, controls, sets)
