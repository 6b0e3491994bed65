"""One table and one figure of all experiments of a report.

*Reads* results/<table>/<experiment>/: card.json, metrics.json, per_image.csv and grid.png of each of its experiments.
*Writes* results/<table>.md (scores with spread and interval; the mean over seeds; paired differences to the reference
rows) and results/<table>.png (their grids side by side).
"""

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.command import run
from stages.params import Params, entry, read_params
from stages.pix2pix.grids import side_by_side
from stages.pix2pix.images import read_image, write_png
from stages.pix2pix.publish import whole_file
from stages.pix2pix.statistics import summarise

SCORES = {"psnr": ("PSNR, dB", 2), "ssim": ("SSIM", 4), "l1": ("L1 of 1", 4)}  # heading, decimals
DEFINED = """PSNR, SSIM (RGB, Gaussian window σ 1.5) and L1 are means over the n images; behind them the standard
deviation over images and, in brackets, the 95 % interval of the mean (t-interval over groups: a
car's views count as one)."""


@dataclass(frozen=True)
class Row:
    """What stands under results/<table>/<experiment>/."""

    name: str
    card: dict[str, Any]
    metrics: dict[str, Any]
    per_image: pd.DataFrame

    @property
    def data(self) -> tuple[str, str, int]:
        """Rows are comparable image by image where this is equal."""
        return self.card["dataset"], self.card["direction"], self.card["recipe"]["size"]


def report(table: str, params: Params) -> None:
    """Publish results/<table>.md and results/<table>.png.

    Raises:
        ValueError, FileNotFoundError: no such report, no experiment in it, or one that is not evaluated yet.
    """
    about = entry(params.reports, table, "reports")
    names = [name for name, experiment in params.experiments.items() if experiment.table == table]
    if not names:
        raise ValueError(f"params.yaml: no experiment has table: {table}")
    rows = [_read(Path("results", table, name), name) for name in names]
    text = [f"### {about.title}", f"![{about.title}]({table}.png)", _markdown(_scores(rows)), DEFINED]
    if any("fg_ssim" in row.metrics for row in rows):
        text += ["The same over the foreground (the car) alone:", _markdown(_scores(rows, prefix="fg_"))]
    references = [row for row in rows if row.name in about.references]
    for prefix, where in (("", ""), ("fg_", ", over the foreground alone")):
        if differences := _differences(rows, references, prefix=prefix):
            text += [f"Difference to the reference on the same images, paired{where}; mean and 95 % interval:"]
            text += [_markdown(differences)]
    comparable = {row.data for row in references}
    if alone := [row.name for row in rows if references and row.data not in comparable]:
        text += [f"No reference on the same images at the same size for: {', '.join(alone)}."]
    figure = side_by_side([(row.name, read_image(Path("results", table, row.name, "grid.png"))) for row in rows])
    with whole_file(Path("results", f"{table}.md")) as partial:
        partial.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    with whole_file(Path("results", f"{table}.png")) as partial:
        write_png(partial, figure)


def _read(folder: Path, name: str) -> Row:
    try:
        card, scores = (
            json.loads((folder / file).read_text(encoding="utf-8")) for file in ("card.json", "metrics.json")
        )
        words = {"split": str, "id": str, "group": str}  # an image may be called NA
        per_image = pd.read_csv(folder / "per_image.csv", dtype=words, keep_default_na=False)
        return Row(name, card, scores, per_image)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error.filename}: {name} is not evaluated yet; run `dvc repro evaluate@{name}`"
        ) from None


def _scores(rows: list[Row], prefix: str = "") -> list[dict[str, str | int]]:
    """A line an experiment, and one over the seeds where experiments differ in nothing else."""
    lines: list[dict[str, str | int]] = []
    for row in rows:
        if f"{prefix}ssim" not in row.metrics:
            continue
        line = _line(row.name, row)
        for score, (heading, decimals) in SCORES.items():
            key = prefix + score
            mean, sd, low, high = (row.metrics[key + end] for end in ("", "_sd", "_ci95_low", "_ci95_high"))
            spread = "–" if sd is None else f"{sd:.{decimals}f}"
            line[heading] = f"{_number(mean, decimals)} ± {spread} {_interval(low, high, decimals)}"
        lines.append(line)
    for family in _seed_families([row for row in rows if f"{prefix}ssim" in row.metrics]):
        line = _line(f"*mean and spread of {len(family)} seeds*", family[0]) | {"seed": "all"}
        for score, (heading, decimals) in SCORES.items():
            values = [row.metrics[prefix + score] for row in family if row.metrics.get(prefix + score) is not None]
            if len(values) == len(family):
                line[heading] = f"{np.mean(values):.{decimals}f} ± {np.std(values, ddof=1):.{decimals}f}"
        lines.append(line)
    return lines


def _line(name: str, row: Row) -> dict[str, str | int]:
    learned = row.card["model"]["kind"] != "mean"
    return {
        "experiment": name,
        "data": row.card["dataset"],
        "split": row.card["split"],
        "size": row.card["recipe"]["size"],
        "epochs": row.card["epoch"] if learned else "–",
        "seed": row.card["seed"] if learned else "–",
        "n": row.metrics["n"],
        "groups": row.metrics["groups"],
    }


def _seed_families(rows: list[Row]) -> list[list[Row]]:
    """Rows that differ in nothing but their seed, where there are several."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        same = {key: row.card[key] for key in ("dataset", "direction", "model", "recipe")}
        families.setdefault(json.dumps(same, sort_keys=True), []).append(row)
    return [family for family in families.values() if len(family) > 1]


def _differences(rows: list[Row], references: list[Row], *, prefix: str) -> list[dict[str, str]]:
    """Every row against each reference on the same images, where both have the scores that `prefix` names."""
    lines = []
    for reference in references:
        for row in rows:
            if row.name == reference.name or row.data != reference.data:
                continue
            if not all(f"{prefix}ssim" in table for table in (row.per_image, reference.per_image)):
                continue
            pairs = row.per_image.merge(
                reference.per_image, on=["split", "id"], suffixes=("", "_reference"), validate="1:1"
            )
            if not len(pairs) == len(row.per_image) == len(reference.per_image):
                raise ValueError(
                    f"{row.name} and {reference.name} were not scored on the same images; run `dvc repro` again"
                )
            line = {"experiment": f"{row.name} − {reference.name}"}
            for score, (heading, decimals) in SCORES.items():
                difference = (pairs[prefix + score] - pairs[f"{prefix}{score}_reference"]).to_numpy()
                summary = summarise(difference, pairs["group"].tolist())
                mean = f"{summary.mean:+.{decimals}f}" if math.isfinite(summary.mean) else "–"
                line[heading] = f"{mean} {_interval(summary.low, summary.high, decimals)}"
            lines.append(line)
    return lines


def _number(value: float | None, decimals: int) -> str:
    return "∞" if value is None else f"{value:.{decimals}f}"


def _interval(low: float | None, high: float | None, decimals: int) -> str:
    if low is None or high is None or math.isnan(low):
        return "[–]"
    return f"[{low:.{decimals}f}, {high:.{decimals}f}]"


def _markdown(lines: list[dict[str, Any]]) -> str:
    text: str = pd.DataFrame(lines).fillna("").to_markdown(index=False, disable_numparse=True)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the table and the figure of a report.")
    parser.add_argument("table")
    report(parser.parse_args().table, read_params())


if __name__ == "__main__":
    run(main)
