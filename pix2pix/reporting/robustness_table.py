"""The robustness.csv files of several experiments as one table: scores by kind of drawing, and differences."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pix2pix.evaluation.metric_definitions import Metric
from pix2pix.evaluation.result_files import DrawingScores
from pix2pix.files.json_csv import read_rows
from pix2pix.reporting.differences import Line, paired_difference

Drawings = dict[tuple[str, ...], DrawingScores]  # by edges, corruption, split and id


def read_robustness(folder: Path) -> Drawings:
    """robustness.csv of the experiment in results/<study>/<experiment>/.

    Raises:
        FileNotFoundError: it is not tested yet.
        ValueError: the file is broken.
    """
    path = folder / "robustness.csv"
    made_by = f"python -m stages.robustness {folder.name}"
    rows = read_rows(path, DrawingScores, columns=("l1", "fg_ssim"), made_by=made_by)
    drawings: Drawings = {(row.edges, row.corruption, row.split, row.id): row for row in rows}
    if len(drawings) < len(rows):
        raise ValueError(f"{path}: a drawing stands twice; make it again")
    return drawings


def robustness_lines(tests: Mapping[str, Drawings], metric: Metric, prefix: str = "") -> list[Line]:
    """A line a kind of drawing: the mean of a metric of each experiment, and its difference to the first's.

    Differences are paired over the same drawings, with the 95 % interval of their mean (over groups: cars).

    Args:
        tests: experiment -> its robustness.csv.

    Raises:
        ValueError: two experiments were not tested on the same drawings.
    """
    (first, reference), *_ = tests.items()
    lines: dict[tuple[str, ...], Line] = {}
    for name, drawings in tests.items():
        if drawings.keys() != reference.keys():
            raise ValueError(f"{first} and {name} were not tested on the same drawings; run robustness for both again")
        for kind in dict.fromkeys(drawing[:2] for drawing in reference):
            pairs = [(row, reference[drawing]) for drawing, row in drawings.items() if drawing[:2] == kind]
            line = lines.setdefault(kind, {"edges": kind[0], "corruption": kind[1]})
            line[name] = metric.text(float(np.mean([row.values[prefix + metric.key] for row, _ in pairs])))
            if name != first:
                line[f"{name} − {first}"] = paired_difference(pairs, metric, prefix)
    return list(lines.values())
