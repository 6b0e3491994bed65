"""Differences between rows on the same images: of experiments to a baseline, and of any two with their seeds."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from pix2pix.evaluation.confidence_intervals import Summary, summarise
from pix2pix.evaluation.metric_definitions import METRICS, Metric
from pix2pix.evaluation.result_files import DrawingScores, ImageScores
from pix2pix.evaluation.set_scores import SetPair, paired_differences
from pix2pix.reporting.experiment_result import ExperimentResult, first_of_each_data

Line = dict[str, str]  # heading -> cell
Row = ImageScores | DrawingScores


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
            line = _cells(image_differences([result], [baseline], prefix))
            lines += [{"experiment": f"{result.name} − {baseline.name}"} | line] if line else []
    return lines


def headline(results: Sequence[ExperimentResult], baselines: Sequence[ExperimentResult], metric: Metric) -> str:
    """One sentence: of each data set the score of its first experiment, of all seeds, against that of its baseline."""
    said = []
    for first in first_of_each_data(results):
        baseline = next((b for b in baselines if b.data == first.data and b.name != first.name), None)
        seeds = [result for result in results if result.setting == first.setting]
        if not baseline or not (difference := image_differences(seeds, [baseline]).get(metric.key)):
            continue
        name = first.name + (f" (mean of {len(seeds)} seeds)" if len(seeds) > 1 else "")
        mean = float(np.mean([seed.metrics.values[metric.key] for seed in seeds]))
        other = baseline.name if baseline.learned else f"the {baseline.caption}"
        against = f"{metric.text(baseline.metrics.values[metric.key])} of {other}"
        cell = difference_cell(metric, difference).replace("[", "[95 % interval ")
        said.append(f"{name} {metric.text(mean)} against {against}, {cell}")
    what = re.split("[:;]", metric.definition)[0]
    better = "higher" if metric.higher_is_better else "lower"
    return f"{metric.heading} ({what}; {better} is better): {'; '.join(said)}." if said else ""


def seeds_compared(first: Sequence[ExperimentResult], second: Sequence[ExperimentResult]) -> list[Line]:
    """Two rows of one or more seeds each, on the same images: the first minus the second.

    A line for each seed that both have. Where there are several, two lines of the difference of their means: with the
    interval over the images' groups, as if the seeds were all there are, and with that over the seeds, as if the images
    were. `fg_` marks the foreground.

    Raises:
        ValueError: they were not scored on the same images, or have no seed in common.
    """
    of_first, of_second = ({result.card.seed: result for result in results} for results in (first, second))
    seeds = sorted(of_first.keys() & of_second.keys())
    if not seeds:
        raise ValueError(f"{first[0].name} and {second[0].name} have no seed in common")
    lines = []
    for prefix in ("", "fg_"):
        each = {seed: image_differences([of_first[seed]], [of_second[seed]], prefix) for seed in seeds}
        if not each[seeds[0]]:
            continue
        name = f"{prefix}{first[0].name} − {second[0].name}"
        for seed in seeds:
            lines.append({"difference": f"{name}, seed {seed}", "interval over": "groups"} | _cells(each[seed]))
        if len(seeds) > 1:
            rows = [of_first[seed] for seed in seeds], [of_second[seed] for seed in seeds]
            over_seeds = {
                key: summarise(np.array([each[seed][key].mean for seed in seeds]), [str(seed) for seed in seeds])
                for key in each[seeds[0]]
            }
            name = f"*{name}, mean of {len(seeds)} seeds*"
            lines += [{"difference": name, "interval over": "groups"} | _cells(image_differences(*rows, prefix))]
            lines += [{"difference": name, "interval over": "seeds"} | _cells(over_seeds)]
    return lines


def image_differences(
    first: Sequence[ExperimentResult], second: Sequence[ExperimentResult], prefix: str = ""
) -> dict[str, Summary]:
    """The mean over the seeds of one row minus that of another, by key of each metric of images and of sets that all
    have; intervals over groups of images, which are drawn alike for both.

    Raises:
        ValueError: not all were scored on the same images.
    """
    results, reference = [*first, *second], first[0].per_image
    for result in results:
        if result.per_image.keys() != reference.keys() or result.data != first[0].data:
            names = f"{first[0].name} and {result.name}"
            raise ValueError(f"{names} were not scored on the same images; evaluate both again")
    groups = [image.group for image in reference.values()]
    summaries = {}
    for key in METRICS:
        if all(prefix + key in image.values for result in results for image in result.per_image.values()):
            means = [
                np.mean([[one.per_image[image].values[prefix + key] for image in reference] for one in row], axis=0)
                for row in (first, second)
            ]
            summaries[key] = summarise(np.subtract(*means), groups)
    if all(prefix in result.sets for result in results):
        of_first, of_second = ([_in_order(result, [*reference], prefix) for result in row] for row in (first, second))
        summaries |= paired_differences(of_first, of_second, groups)
    return summaries


def paired_difference(pairs: Sequence[tuple[Row, Row]], metric: Metric, prefix: str = "") -> str:
    """The mean of first minus second, and its 95 % interval over the groups of the first."""
    key = prefix + metric.key
    values = np.array([first.values[key] - second.values[key] for first, second in pairs])
    return difference_cell(metric, summarise(values, [first.group for first, _ in pairs]))


def _in_order(result: ExperimentResult, images: Sequence[tuple[str, str]], prefix: str) -> SetPair:
    places = {image: i for i, image in enumerate(result.per_image)}
    return result.sets[prefix].in_order([places[image] for image in images])


def _cells(summaries: Mapping[str, Summary]) -> Line:
    return {METRICS[key].heading: difference_cell(METRICS[key], summary) for key, summary in summaries.items()}


def difference_cell(metric: Metric, summary: Summary) -> str:
    mean = f"{summary.mean:+.{metric.decimals}f}" if math.isfinite(summary.mean) else "–"
    return f"{mean} {metric.interval(summary.low, summary.high)}"
