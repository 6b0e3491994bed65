"""The probe.csv files of several experiments as one table: what each scores on which drawings, and the differences."""

from pathlib import Path

import pandas as pd

from stages.pix2pix.interfaces import read_table
from stages.pix2pix.statistics import summarise

KINDS = ["edges", "redrawn"]
DRAWING = [*KINDS, "split", "id"]


def read_probe(folder: Path) -> pd.DataFrame:
    """probe.csv of the experiment in results/<table>/<experiment>/.

    Raises:
        FileNotFoundError: it is not probed yet.
        ValueError: the file is broken.
    """
    path = folder / "probe.csv"
    if not path.exists():
        raise FileNotFoundError(f"{path}: {folder.name} is not probed yet; run `dvc repro probe@{folder.name}`")
    return read_table(path, words=[*DRAWING, "group"], numbers=["l1", "fg_ssim"])


def probe_lines(probes: dict[str, pd.DataFrame], *, score: str, decimals: int) -> list[dict[str, str]]:
    """One line a kind of drawing: each experiment's mean `score`, and its difference to the first one's.

    Differences are paired over the same drawings, with the 95 % interval of their mean (over groups: cars).

    Args:
        probes: experiment -> its probe.csv.

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
