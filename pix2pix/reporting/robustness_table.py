"""The robustness.csv files of several experiments as one table: scores by kind of drawing, and differences."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pix2pix.evaluation.confidence_intervals import summarise
from pix2pix.files.checked import read_table
from pix2pix.reporting.tables import Line

KIND = ["edges", "corruption"]
DRAWING = [*KIND, "split", "id"]


def read_robustness(folder: Path) -> pd.DataFrame:
    """robustness.csv of the experiment in results/<study>/<experiment>/.

    Raises:
        FileNotFoundError: it is not tested yet.
        ValueError: the file is broken.
    """
    made_by = f"python -m stages.robustness {folder.name}"
    return read_table(folder / "robustness.csv", words=[*DRAWING, "group"], numbers=["l1", "fg_ssim"], made_by=made_by)


def robustness_lines(tests: Mapping[str, pd.DataFrame], column: str) -> list[Line]:
    """A line a kind of drawing: the mean of `column` of each experiment, and its difference to the first experiment's.

    Differences are paired over the same drawings, with the 95 % interval of their mean (over groups: cars).

    Args:
        tests: experiment -> its robustness.csv.

    Raises:
        ValueError: two experiments were not tested on the same drawings.
    """
    (first, reference), *_ = tests.items()
    lines: dict[tuple[str, ...], Line] = {}
    for name, table in tests.items():
        drawings = reference.merge(table, on=DRAWING, suffixes=("_first", ""), validate="1:1")
        if not len(drawings) == len(table) == len(reference):
            raise ValueError(f"{first} and {name} were not tested on the same drawings; run robustness for both again")
        for key, rows in drawings.groupby(KIND, sort=False):
            kind = tuple(map(str, key))
            line = lines.setdefault(kind, dict(zip(KIND, kind, strict=True)))
            line[name] = f"{rows[column].mean():.4f}"
            if name != first:
                difference = summarise((rows[column] - rows[f"{column}_first"]).to_numpy(), rows["group"].tolist())
                interval = f"[{difference.low:.4f}, {difference.high:.4f}]"
                line[f"{name} − {first}"] = f"{difference.mean:+.4f} {interval}"
    return list(lines.values())
