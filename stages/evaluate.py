"""Score the rendered images of an experiment against their targets: PSNR, SSIM, L1. Needs no model and no GPU.

*Reads* data/pairs/<dataset>/, results/<study>/<experiment>/{images/, card.json} and models/<experiment>/history.csv.
*Writes* results/<study>/<experiment>/: per_image.csv, metrics.json (n; mean, sd, 95 % interval of each score; the last
epoch's losses) and strip.png (the best, the median and the three worst images by SSIM).
For cars also the scores of the foreground alone (fg_...), since a white backdrop flatters every score. Where the target
is a label map also pixel_accuracy, class_accuracy, mean_iou and iou_<class>, of one confusion matrix over all images;
a pixel counts as the class of the nearest colour, and the strip is chosen by pixel accuracy.
"""

import argparse
import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pix2pix.config.experiment import Experiment
from pix2pix.config.reader import read_configuration
from pix2pix.evaluation.confidence_intervals import summarise
from pix2pix.evaluation.metrics import scores
from pix2pix.evaluation.rendered import Rendered, read_rendered
from pix2pix.evaluation.segmentation import Counts, confusion, ious, label_scores, pixel_accuracy
from pix2pix.files.atomic import whole_file
from pix2pix.files.checked import read_table
from pix2pix.files.command_line import run
from pix2pix.files.image_grid import grid
from pix2pix.files.images import Uint8, write_png
from pix2pix.machine.cpu import usable_cores
from pix2pix.pairs import palettes as labels
from pix2pix.pairs.stitched import Pair


def evaluate(experiment: Experiment) -> None:
    """Score an experiment and publish its numbers.

    Raises:
        ValueError, FileNotFoundError: nothing rendered, or images and pairs do not match.
    """
    out = Path("results", experiment.study, experiment.name)
    rendered = read_rendered(out, Path("data/pairs", experiment.dataset_name))
    losses = _last_losses(Path("models", experiment.name, "history.csv"))
    dataset, forward = experiment.dataset, rendered.card["direction"] == "AtoB"
    masked_out = dataset.prepare.layout == "carvana" and forward
    palette = dataset.labels if forward else None

    with ThreadPoolExecutor(usable_cores()) as pool:
        rows = list(pool.map(lambda pair: _score(pair, rendered, masked_out), rendered.pairs))
        matrices = list(pool.map(lambda pair: _confusion(pair, rendered, palette), rendered.pairs)) if palette else []
    table = pd.DataFrame(rows)
    summary = _summarise(table)
    if palette:
        table["pixel_accuracy"] = [pixel_accuracy(matrix) for matrix in matrices]
        summary |= _summarise_classes(np.sum(matrices, axis=0), list(labels.PALETTES[palette]))
    with whole_file(out / "per_image.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.8f", lineterminator="\n")
    with whole_file(out / "metrics.json") as partial:
        partial.write_text(json.dumps(summary | losses, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    with whole_file(out / "strip.png") as partial:
        write_png(partial, _strip(table, rendered))


def _score(pair: Pair, rendered: Rendered, masked_out: bool) -> dict[str, Any]:
    """One row of per_image.csv."""
    generated, (_, target) = rendered.image(pair), rendered.sides(pair)
    about = {"split": pair.split, "id": pair.id, "group": pair.group}
    return about | scores(generated, target, masked_out=masked_out)


def _confusion(pair: Pair, rendered: Rendered, palette: str) -> Counts:
    """The confusion matrix of one generated label map."""
    predicted, truth = labels.decode(rendered.image(pair), palette), rendered.classes(pair, palette)
    return confusion(predicted, truth, classes=list(labels.PALETTES[palette]))


def _summarise(table: pd.DataFrame) -> dict[str, int | float | None]:
    """Flat metrics: n, groups, and of each score its mean, sd and interval; null where there is none."""
    groups = table["group"].tolist()
    flat: dict[str, int | float | None] = {"n": len(table), "groups": len(set(groups))}
    for name in table.columns[3:]:
        summary = summarise(table[name].to_numpy(), groups)
        values = {"": summary.mean, "_sd": summary.sd, "_ci95_low": summary.low, "_ci95_high": summary.high}
        flat |= {name + end: _finite(value) for end, value in values.items()}
    return flat


def _summarise_classes(matrix: Counts, classes: list[str]) -> dict[str, int | float | None]:
    each = {f"iou_{name.replace(' ', '_')}": value for name, value in ious(matrix, classes=classes).items()}
    return {key: _finite(value) for key, value in (label_scores(matrix, classes=classes) | each).items()}


def _last_losses(history: Path) -> dict[str, int | float | None]:
    """train_... and val_... of the last epoch; null where a column is empty."""
    if not history.exists():
        raise FileNotFoundError(f"{history}: not trained yet; run `python -m stages.train {history.parent.name}` first")
    last = read_table(history, words=[]).iloc[-1]
    return {key: _finite(float(last[key])) for key in last.index if key.startswith(("train_", "val_"))}


def _finite(value: float) -> float | None:
    return round(value, 8) if math.isfinite(value) else None


def _strip(table: pd.DataFrame, rendered: Rendered) -> Uint8:
    """The best, the median and the three worst images, each with its score; each image once."""
    score, heading = ("pixel_accuracy", "accuracy") if "pixel_accuracy" in table else ("ssim", "SSIM")
    order = table[score].sort_values(ascending=False, kind="stable").index
    n = len(order)
    chosen = {0: "best"}
    for place, word in ((n - 1, "worst"), (n // 2, "median"), (n - 2, "2nd worst"), (n - 3, "3rd worst")):
        chosen.setdefault(max(place, 0), word)
    rows, texts = [], []
    for place, word in sorted(chosen.items()):
        pair = rendered.pairs[order[place]]
        source, target = rendered.sides(pair)
        rows.append([source, rendered.image(pair), target])
        texts.append(f"{word}\n{pair.id}\n{heading} {table[score][order[place]]:.3f}")
    return grid(rows, columns=["input", "generated", "target"], labels=texts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Score an experiment's rendered images against their targets.")
    parser.add_argument("experiment")
    evaluate(read_configuration().experiment(parser.parse_args().experiment))


if __name__ == "__main__":
    run(main)
