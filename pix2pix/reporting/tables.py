"""The lines of a study's tables: metrics, means over seeds, controls, published numbers; and definitions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tabulate import tabulate

from pix2pix.config.study_entries import ReferenceNumbers
from pix2pix.config.weights_metadata import in_words
from pix2pix.evaluation.metric_definitions import (
    ARTEFACT_METRICS,
    FCN_METRICS,
    IMAGE_METRICS,
    LOSSES,
    METRICS,
    SET_METRICS,
    Metric,
)
from pix2pix.evaluation.result_files import NOISE, SHUFFLED, TRAINING, Metrics, Spread
from pix2pix.reporting.differences import Line
from pix2pix.reporting.experiment_result import ExperimentResult

LOSS_HEADINGS = {metric.heading for metric in LOSSES}
CONTROLS = {
    TRAINING: "real training images of {dataset}",
    SHUFFLED: "the targets of {dataset}, shuffled",
    NOISE: "{name}, with noise of the spectrum that it lacks",
}


@dataclass(frozen=True)
class Section:
    """A sentence, and the lines of the table beneath it, if any."""

    text: str
    lines: Sequence[Line] = ()


def main_scores(results: Sequence[ExperimentResult]) -> list[Line]:
    """A line an experiment with all its scores; losses left out."""
    lines = {line["experiment"]: line for line in image_metrics(results)}
    for line in other_metrics(results):
        scores = {heading: cell for heading, cell in line.items() if heading not in LOSS_HEADINGS}
        lines[line["experiment"]] = lines.get(line["experiment"], {}) | scores
    return list(lines.values())


def image_metrics(results: Sequence[ExperimentResult], prefix: str = "") -> list[Line]:
    """The metrics of single images and of all together, with `prefix` before their keys: a line an experiment that has
    them, one over the seeds of experiments that differ in nothing else, and one a control beside them."""
    results = [result for result in results if f"{prefix}{IMAGE_METRICS[0].key}" in result.intervals]
    both_directions = len({result.card.direction for result in results}) > 1
    begun = any(result.card.lineage for result in results)
    scored = any(f"{prefix}{SET_METRICS[0].key}" in result.intervals for result in results)
    artefacts = [m for m in ARTEFACT_METRICS if any(f"{prefix}{m.key}" in result.intervals for result in results)]
    metrics = [*IMAGE_METRICS, *artefacts, *(SET_METRICS if scored else ())]
    lines = [
        _description(result, both_directions, begun, result.metrics)
        | _with_intervals(metrics, result.metrics, result.intervals, prefix)
        for result in results
    ]
    for seeds in same_but_seed(results):
        line = _description(seeds[0], both_directions, begun, seeds[0].metrics)
        line |= {"experiment": _mean_of(seeds), "seed": "all"}
        lines.append(line | _over_seeds(seeds, metrics, prefix))
    for result in results:
        for kind, control in result.controls.items():
            name = CONTROLS[kind].format(dataset=result.card.dataset, name=result.name)
            line = _description(result, both_directions, begun, control.metrics)
            line |= {"experiment": f"*{name}*", "epochs": "–", "seed": "–"} | ({"begun from": "–"} if begun else {})
            lines.append(line | _with_intervals(metrics, control.metrics, control.intervals, prefix))
    return lines


def _with_intervals(metrics: Sequence[Metric], means: Metrics, spreads: Mapping[str, Spread], prefix: str) -> Line:
    """Mean, standard deviation and interval of each metric; how many images are equal to their targets, with PSNR."""
    line = {}
    for metric in metrics:
        key = prefix + metric.key
        if key not in spreads:
            line[metric.heading] = "–"
            continue
        spread = spreads[key]
        sd = ["±", metric.text(spread.sd)] if metric in (*IMAGE_METRICS, *ARTEFACT_METRICS) else []
        cells = [metric.text(means.values[key]), *sd, metric.interval(spread.low, spread.high)]
        if metric.key == "psnr" and (equal := means.values.get(f"{prefix}equal")):
            cells.append(f"({equal:.0f} equal)")
        line[metric.heading] = " ".join(cells)
    return line


def other_metrics(results: Sequence[ExperimentResult]) -> list[Line]:
    """The metrics that any experiment has beside: losses, label metrics, FCN-scores, FID, KID and LPIPS."""
    metrics = [metric for metric in _filled(results) if metric not in (*IMAGE_METRICS, *ARTEFACT_METRICS, *SET_METRICS)]
    if not metrics:
        return []
    lines = [
        {"experiment": result.name} | {metric.heading: _with_ends(metric, result.values) for metric in metrics}
        for result in results
    ]
    lines += [{"experiment": _mean_of(seeds)} | _over_seeds(seeds, metrics) for seeds in same_but_seed(results)]
    return lines + _real_photos(results)


def _with_ends(metric: Metric, values: Mapping[str, float | None]) -> str:
    """A value, and its interval where its ends stand beside it."""
    low, high = (values.get(f"{metric.key}_{end}") for end in ("low", "high"))
    return metric.text(values.get(metric.key)) + ("" if low is None else f" {metric.interval(low, high)}")


def published(numbers: ReferenceNumbers) -> list[Line]:
    """Numbers of others, a line each, under our headings."""
    metrics = [METRICS[key] for key in numbers.scores]
    return [
        {"published": what}
        | {metric.heading: metric.text(value) for metric, value in zip(metrics, values, strict=True)}
        for what, values in numbers.rows.items()
    ]


def cells(results: Sequence[ExperimentResult]) -> str:
    """What the cells of these results hold."""
    cars = any(f"fg_{IMAGE_METRICS[0].key}" in result.intervals for result in results)
    grouped = any(result.metrics.groups < result.metrics.n for result in results)
    over = "groups: the views of one car are not independent" if cars else "groups" if grouped else "images"
    sets = any(result.sets for result in results)
    return f"Scores of single images: mean ± standard deviation over the n images [95 % t-interval over {over}]." + (
        f" LSD and ∩: of all n images together [95 % interval by bootstrap over {over.partition(':')[0]}]."
        if sets
        else ""
    )


def definitions(results: Sequence[ExperimentResult], numbers: ReferenceNumbers) -> dict[str, str]:
    """By heading, the columns that these results or the published numbers fill."""
    filled = {metric.key for metric in _filled(results)} | {*numbers.scores}
    return {metric.heading: metric.definition for key, metric in METRICS.items() if key in filled}


def markdown(lines: Sequence[Line]) -> str:
    return str(tabulate(lines, headers="keys", tablefmt="pipe", disable_numparse=True))


def _filled(results: Sequence[ExperimentResult]) -> list[Metric]:
    """The metrics of which any result has a value."""
    return [m for key, m in METRICS.items() if any(result.values.get(key) is not None for result in results)]


def _description(result: ExperimentResult, both_directions: bool, begun: bool, metrics: Metrics) -> Line:
    card = result.card
    return {
        "experiment": result.name,
        "data": card.dataset,
        **({"direction": card.direction.replace("to", " → ")} if both_directions else {}),
        "split": card.split,
        "size": str(card.recipe.size),
        **({"begun from": in_words(card.lineage) or "–"} if begun else {}),
        "epochs": str(card.epoch) if result.learned else "–",
        "seed": str(card.seed) if result.learned else "–",
        "n": str(metrics.n),
        "groups": str(metrics.groups),
    }


def same_but_seed(results: Sequence[ExperimentResult]) -> list[list[ExperimentResult]]:
    """Groups of several results that differ in nothing but their seed."""
    groups: dict[str, list[ExperimentResult]] = {}
    for result in results:
        groups.setdefault(result.setting, []).append(result)
    return [group for group in groups.values() if len(group) > 1]


def _mean_of(seeds: Sequence[ExperimentResult]) -> str:
    return f"*{seeds[0].name}: mean and spread of {len(seeds)} seeds*"


def _over_seeds(seeds: Sequence[ExperimentResult], metrics: Iterable[Metric], prefix: str = "") -> Line:
    line = {}
    for metric in metrics:
        values = [value for result in seeds if (value := result.values.get(prefix + metric.key)) is not None]
        if len(values) == len(seeds):
            mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
            line[metric.heading] = f"{metric.text(mean)} ± {metric.text(sd)}"
    return line


def _real_photos(results: Sequence[ExperimentResult]) -> list[Line]:
    """The FCN-score of the real photos, once for each data set, size and segmenter."""
    lines: dict[str, Line] = {}
    for result in results:
        if not result.fcn_score:
            continue
        dataset, _, size = result.data
        name = f"*real photos of {dataset}, {size} px, by {result.fcn_score.segmenter}*"
        line = {"experiment": name}
        for metric in FCN_METRICS:
            line[metric.heading] = metric.text(result.fcn_score.values.get(metric.key.replace("fcn_", "real_")))
        if lines.setdefault(name, line) != line:
            raise ValueError(f"{result.folder.parent}/fcn_scores.json: {result.name}: other scores of the real photos")
    return list(lines.values())
