"""evaluate: the rendered images, scored against their targets. `python -m stages.evaluate <experiment>`

Reads   data/pairs/<dataset>/, models/<experiment>/history.csv and, of results/<study>/<experiment>/, images/ and
        card.json; neither a model nor a GPU
Writes  results/<study>/<experiment>/
            per_image.csv       PSNR, SSIM and L1 of each image; blotches and checkerboard of a photo,
                                pixel_accuracy of a label map
            distributions.npz   power spectrum and Lab histograms of each image and each target, in the same order
            metrics.json        number of images and groups, and of images equal to their target; the mean of each
                                metric of images; log-spectrum distance and Lab histogram intersections of the whole
                                set, of label maps class_accuracy, mean_iou and iou_<class>; the last epoch's losses
            intervals.json      standard deviation of each metric of images; the 95 % interval of its mean, and of the
                                metrics of the set
            controls.json       the same numbers of sets of images that no network made: see evaluation/controls.py
            best_and_worst.png  the best, the median and the three worst images by SSIM, or by pixel accuracy

Cars are also scored over the foreground alone (fg_...), because the white background flatters every metric.
"""

import argparse
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.evaluation.controls import controls
from pix2pix.evaluation.metric_definitions import METRICS
from pix2pix.evaluation.rendered_images import Rendered, read_rendered
from pix2pix.evaluation.result_files import ImageScores
from pix2pix.evaluation.scored_set import ScoredImage, metrics_file, score_image, set_pairs, summarise_set
from pix2pix.evaluation.segmentation import Counts, confusion, ious, label_scores, pixel_accuracy
from pix2pix.evaluation.set_scores import write_sets
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.image_grid import grid
from pix2pix.files.images import Uint8, write_png
from pix2pix.files.json_csv import Cell, read_rows, write_json, write_rows
from pix2pix.machine.resources import usable_cores
from pix2pix.pairs.palettes import PALETTES, decode
from pix2pix.pairs.stitched import Pair


def evaluate(experiment: Experiment) -> None:
    """Score an experiment and publish its numbers.

    Raises:
        ValueError, FileNotFoundError: nothing rendered, or images and pairs do not match.
    """
    out = Path("results", experiment.study, experiment.name)
    root = Path("data/pairs", experiment.dataset_name)
    rendered = read_rendered(out, root)
    losses = {} if experiment.incumbent else _last_losses(Path("models", experiment.name, "history.csv"))
    target_is_b = rendered.card.direction == "AtoB"
    masked_out = experiment.dataset.prepare.layout == "carvana" and target_is_b
    labels = experiment.dataset.labels if target_is_b else None

    with ThreadPoolExecutor(usable_cores()) as pool:
        scored = list(pool.map(lambda pair: _score(pair, rendered, masked_out, labels), rendered.pairs))
        beside = controls(rendered, scored, root, pool, masked_out=masked_out)
    means, intervals = summarise_set(scored)
    if labels:
        matrices = [image.matrix for image in scored if image.matrix is not None]
        means |= _class_scores(np.sum(matrices, axis=0), list(PALETTES[labels]))

    images = [image.row for image in scored]
    write_rows(out / "per_image.csv", [image.model_dump() for image in images], decimals=8)
    write_sets(out / "distributions.npz", set_pairs(scored))
    write_json(out / "metrics.json", metrics_file(scored, means | losses))
    write_json(out / "intervals.json", intervals)
    write_json(out / "controls.json", beside)
    with whole_file(out / "best_and_worst.png") as partial:
        write_png(partial, _best_and_worst(images, rendered))
    main = METRICS["pixel_accuracy" if labels else "lsd"]
    print(f"{out}/metrics.json: {main.heading} {main.text(means[main.key])} of {len(images)} images; {main.definition}")


def _last_losses(history: Path) -> dict[str, float]:
    """train_... and val_... of the last epoch; NaN where a column is empty."""
    last = read_rows(history, dict[str, Cell], made_by=f"python -m stages.train {history.parent.name}")[-1]
    return {key: value for key, value in last.items() if key.startswith(("train_", "val_"))}


def _score(pair: Pair, rendered: Rendered, masked_out: bool, labels: str | None) -> ScoredImage:
    """The metrics of one image; of a label map also its confusion matrix and pixel_accuracy."""
    generated, (_, target) = rendered.image(pair), rendered.sides(pair)
    if not labels:
        return score_image(pair, generated, target, masked_out=masked_out)
    truth = rendered.classes(pair, labels)
    matrix = confusion(decode(generated, labels), truth, classes=list(PALETTES[labels]))
    accuracy = pixel_accuracy(matrix)
    return score_image(pair, generated, target, masked_out=masked_out, matrix=matrix, pixel_accuracy=accuracy)


def _class_scores(matrix: Counts, classes: list[str]) -> dict[str, float]:
    each = {f"iou_{name.replace(' ', '_')}": value for name, value in ious(matrix, classes=classes).items()}
    return label_scores(matrix, classes=classes) | each


def _best_and_worst(images: Sequence[ImageScores], rendered: Rendered) -> Uint8:
    """A grid of the best, the median and the three worst images, each once, with its score at the left."""
    key, heading = ("pixel_accuracy", "accuracy") if "pixel_accuracy" in images[0].values else ("ssim", "SSIM")
    values = [image.values[key] for image in images]
    n = len(values)
    order = sorted(range(n), key=lambda i: (math.isnan(values[i]), -values[i]))
    chosen = {0: "best"}
    for place, word in ((n - 1, "worst"), (n // 2, "median"), (n - 2, "2nd worst"), (n - 3, "3rd worst")):
        chosen.setdefault(max(place, 0), word)
    rows, texts = [], []
    for place, word in sorted(chosen.items()):
        pair = rendered.pairs[order[place]]
        source, target = rendered.sides(pair)
        rows.append([source, rendered.image(pair), target])
        texts.append(f"{word}\n{pair.id}\n{heading} {values[order[place]]:.3f}")
    return grid(rows, columns=["input", "generated", "target"], labels=texts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Score an experiment's rendered images against their targets.")
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    evaluate(read_configuration().experiment(name))


if __name__ == "__main__":
    run(main)
