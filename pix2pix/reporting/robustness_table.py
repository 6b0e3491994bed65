"""The robustness.csv files of several experiments as one table: scores by kind of drawing, and differences."""

from pathlib import Path

import pandas as pd

from pix2pix.evaluation.confidence_intervals import summarise
from pix2pix.files.checked import read_table

KINDS = ["edges", "redrawn"]
DRAWING = [*KINDS, "split", "id"]


def read_robustness(folder: Path) -> pd.DataFrame:
    """robustness.csv of the experiment in results/<table>/<experiment>/.

    Raises:
        FileNotFoundError: it is not probed yet.
        ValueError: the file is broken.
    """
    path = folder / "robustness.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: {folder.name} has no robustness scores yet; run `dvc repro robustness@{folder.name}`"
        )
    return read_table(path, words=[*DRAWING, "group"], numbers=["l1", "fg_ssim"])


def robustness_lines(probes: dict[str, pd.DataFrame], *, score: str, decimals: int) -> list[dict[str, str]]:
    """One line a kind of drawing: each experiment's mean `score`, and its difference to the first one's.

    Differences are paired over the same drawings, with the 95 % interval of their mean (over groups: cars).

    Args:
        probes: experiment -> its robustness.csv.

    Raises:
        ValueError: two experiments were not probed with the same drawings.
    """
    (first, reference), *_ = probes.items()
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for name, table in probes.items():
        drawings = reference.merge(table, on=DRAWING, suffixes=("_first", ""), validate="1:1")
        if not len(drawings) == len(table) == len(reference):
            raise ValueError(f"{first} and {name} were not probed with the same drawings; run `dvc repro` again")
        for key, rows in drawings.groupby(KINDS, sort=False):
            kind = tuple(map(str, key))
            line = lines.setdefault(kind, dict(zip(KINDS, kind, strict=True)))
            line[name] = f"{rows[score].mean():.{decimals}f}"
            if name != first:
                both = summarise((rows[score] - rows[f"{score}_first"]).to_numpy(), rows["group"].tolist())
                interval = f"[{both.low:.{decimals}f}, {both.high:.{decimals}f}]"
                line[f"{name} − {first}"] = f"{both.mean:+.{decimals}f} {interval}"
    return list(lines.values())
