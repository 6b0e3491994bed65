"""The lines of a study's tables: metrics, means over seeds, paired differences, published numbers; and definitions."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from tabulate import tabulate

from pix2pix.config.study_entries import ReferenceNumbers
from pix2pix.evaluation.confidence_intervals import summarise
from pix2pix.evaluation.metric_definitions import FCN_METRICS, IMAGE_METRICS, METRICS, Metric
from pix2pix.evaluation.result_files import DrawingScores, ImageScores
from pix2pix.reporting.experiment_result import ExperimentResult

Line = dict[str, str]  # heading -> cell
Row = ImageScores | DrawingScores
CELLS = """PSNR, SSIM and L1: mean ± standard deviation over the n images [95 % interval of the mean, a t-interval over
groups: the views of one car are not independent]."""


def image_metrics(results: Sequence[ExperimentResult], prefix: str = "") -> list[Line]:
    """The metrics of single images, with `prefix` before their keys: a line an experiment that has them, and one over
    the seeds of experiments that differ in nothing else."""
    results = [result for result in results if f"{prefix}{IMAGE_METRICS[0].key}" in result.intervals]
    both_directions = len({result.card.direction for result in results}) > 1
    lines = []
    for result in results:
        line = _description(result, both_directions)
        for metric in IMAGE_METRICS:
            mean, spread = result.values[prefix + metric.key], result.intervals[prefix + metric.key]
            cells = metric.text(mean, none="∞"), "±", metric.text(spread.sd), metric.interval(spread.low, spread.high)
            line[metric.heading] = " ".join(cells)
        lines.append(line)
    for seeds in _same_but_seed(results):
        line = _description(seeds[0], both_directions) | {"experiment": _mean_of(seeds), "seed": "all"}
        lines.append(line | _over_seeds(seeds, IMAGE_METRICS, prefix))
    return lines


def other_metrics(results: Sequence[ExperimentResult]) -> list[Line]:
    """The metrics that any experiment has beside: losses, label metrics, FCN-scores, FID and LPIPS."""
    metrics = [metric for metric in _filled(results) if metric not in IMAGE_METRICS]
    if not metrics:
        return []
    lines = [
        {"experiment": result.name} | {metric.heading: metric.text(result.values.get(metric.key)) for metric in metrics}
        for result in results
    ]
    lines += [{"experiment": _mean_of(seeds)} | _over_seeds(seeds, metrics) for seeds in _same_but_seed(results)]
    return lines + _real_photos(results)


def differences(
    results: Sequence[ExperimentResult], baselines: Sequence[ExperimentResult], prefix: str = ""
) -> list[Line]:
    """Every experiment minus each baseline on the same images, where both have the metrics; mean and 95 % interval.

    Raises:
        ValueError: two experiments of the same data were not scored on the same images.
    """
    lines = []
    for baseline in baselines:
        for result in results:
            if result.name == baseline.name or result.data != baseline.data:
                continue
            if result.per_image.keys() != baseline.per_image.keys():
                names = f"{result.name} and {baseline.name}"
                raise ValueError(f"{names} were not scored on the same images; evaluate both again")
            pairs = [(image, baseline.per_image[key]) for key, image in result.per_image.items()]
            line = {
                metric.heading: paired_difference(pairs, metric, prefix)
                for key, metric in METRICS.items()
                if all(prefix + key in image.values for pair in pairs for image in pair)
            }
            lines += [{"experiment": f"{result.name} − {baseline.name}"} | line] if line else []
    return lines


def published(numbers: ReferenceNumbers) -> list[Line]:
    """Numbers of others, a line each, under our headings."""
    metrics = [METRICS[key] for key in numbers.scores]
    return [
        {"published": what}
        | {metric.heading: metric.text(value) for metric, value in zip(metrics, values, strict=True)}
        for what, values in numbers.rows.items()
    ]


def definitions(results: Sequence[ExperimentResult], numbers: ReferenceNumbers) -> str:
    """What the cells hold, and a list of the columns that these results or the published numbers fill."""
    filled = {metric.key for metric in _filled(results)} | {*numbers.scores}
    return "\n".join(
        [CELLS, "", *(f"- {metric.heading}: {metric.definition}" for key, metric in METRICS.items() if key in filled)]
    )


def markdown(lines: Sequence[Line]) -> str:
    return str(tabulate(lines, headers="keys", tablefmt="pipe", disable_numparse=True))


def _filled(results: Sequence[ExperimentResult]) -> list[Metric]:
    """The metrics of which any result has a value."""
    return [m for key, m in METRICS.items() if any(result.values.get(key) is not None for result in results)]


def _description(result: ExperimentResult, both_directions: bool) -> Line:
    card = result.card
    return {
        "experiment": result.name,
        "data": card.dataset,
        **({"direction": card.direction.replace("to", " → ")} if both_directions else {}),
        "split": card.split,
        "size": str(card.recipe.size),
        "epochs": str(card.epoch) if result.learned else "–",
        "seed": str(card.seed) if result.learned else "–",
        "n": str(result.metrics.n),
        "groups": str(result.metrics.groups),
    }


def _same_but_seed(results: Sequence[ExperimentResult]) -> list[list[ExperimentResult]]:
    """Groups of several results that differ in nothing but their seed."""
    groups: dict[str, list[ExperimentResult]] = {}
    for result in results:
        key = result.card.model_dump_json(include={"dataset", "direction", "model", "recipe"})
        groups.setdefault(key, []).append(result)
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
            raise ValueError(f"{result.folder}/fcn_score.json: other scores of the real photos than other experiments")
    return list(lines.values())


def paired_difference(pairs: Sequence[tuple[Row, Row]], metric: Metric, prefix: str = "") -> str:
    """The mean of first minus second, and its 95 % interval over the groups of the first."""
    key = prefix + metric.key
    differences = np.array([first.values[key] - second.values[key] for first, second in pairs])
    summary = summarise(differences, [first.group for first, _ in pairs])
    mean = f"{summary.mean:+.{metric.decimals}f}" if math.isfinite(summary.mean) else "–"
    return f"{mean} {metric.interval(summary.low, summary.high)}"
