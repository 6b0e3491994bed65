"""Which ingredients helped: python -m tools.screening ingredients

Each setting of a study against the first one, seed by seed on the same images; writes the table into
docs/ingredients.md, where the rule stands that decides. Reads what `evaluate` and `fcn_score` left in results/<study>/.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pix2pix.config.reader import read_configuration
from pix2pix.evaluation.confidence_intervals import Summary, summarise
from pix2pix.evaluation.metric_definitions import METRICS
from pix2pix.files.entry_point import run
from pix2pix.reporting.differences import Line, difference_cell
from pix2pix.reporting.experiment_result import ExperimentResult, read_result
from pix2pix.reporting.tables import markdown
from tools.readme import replace_block

PAGE = Path("docs/ingredients.md")
DECIDE = ("lsd", "lab_l", "lab_a", "lab_b")
GUARDS, FALL = ("ssim", "fcn_pixel_accuracy"), 0.02  # may fall by so much
SHOWN = *DECIDE, *GUARDS, "checkerboard"


def compare_seeds(setting: Sequence[ExperimentResult], baseline: Sequence[ExperimentResult]) -> dict[str, Summary]:
    """By key of each score: the mean difference over the seeds that both have, and its 95 % t-interval over seeds."""
    of_setting, of_baseline = ({row.card.seed: row for row in rows} for rows in (setting, baseline))
    seeds = sorted(of_setting.keys() & of_baseline.keys())
    names = [str(seed) for seed in seeds]
    return {
        key: summarise(np.subtract(_scores(of_setting, seeds, key), _scores(of_baseline, seeds, key)), names)
        for key in SHOWN
    }


def _scores(rows: Mapping[int, ExperimentResult], seeds: Sequence[int], key: str) -> NDArray[np.float64]:
    return np.array([rows[seed].values[key] for seed in seeds], dtype=np.float64)


def verdict(differences: Mapping[str, Summary], *, apart_from: str | None) -> str:
    """By the rule of docs/ingredients.md: what became better, what worse; the score `apart_from` does not count."""
    better, worse = list[str](), list[str]()
    for key in DECIDE:
        sign = 1 if METRICS[key].higher_is_better else -1
        low, high = sorted((sign * differences[key].low, sign * differences[key].high))
        if key != apart_from and low > 0:
            better.append(METRICS[key].heading)
        if high < 0:
            worse.append(METRICS[key].heading)
    worse += [METRICS[key].heading for key in GUARDS if differences[key].mean < -FALL]
    said = [f"better: {', '.join(better)}"] * bool(better) + [f"worse: {', '.join(worse)}"] * bool(worse)
    return "; ".join(said) or "–"


def screening_table(results: Sequence[ExperimentResult]) -> list[Line]:
    """A line a setting: the first one's means over its seeds, then the differences of the others to it."""
    settings: dict[str, list[ExperimentResult]] = {}
    for result in results:
        if result.learned:
            settings.setdefault(result.setting, []).append(result)
    baseline, *others = settings.values()
    of_seeds = {row.card.seed: row for row in baseline}
    means = {key: float(_scores(of_seeds, [*of_seeds], key).mean()) for key in SHOWN}
    first = {METRICS[key].heading: METRICS[key].text(mean) for key, mean in means.items()}
    lines = [{"setting": baseline[0].name, "seeds": str(len(baseline)), "verdict": ""} | first]
    for rows in others:
        differences = compare_seeds(rows, baseline)
        optimised = "lsd" if getattr(rows[0].card.recipe, "focal_frequency", 0) else None
        said = verdict(differences, apart_from=optimised) if len(rows) > 1 else "one seed"
        line = {"setting": rows[0].name, "seeds": str(len(rows)), "verdict": said}
        lines.append(line | {METRICS[key].heading: difference_cell(METRICS[key], differences[key]) for key in SHOWN})
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the table of docs/ingredients.md from the results of a study.")
    parser.add_argument("study")
    name = parser.parse_args().study
    study = read_configuration().study(name)
    results = [read_result(Path("results", study.name, name), with_fcn_score=True) for name in study.experiments]
    replace_block(PAGE, "ingredients", markdown(screening_table(results)))


if __name__ == "__main__":
    run(main)
