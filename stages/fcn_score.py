"""FCN-score: does a segmenter, trained on real photos, find in the generated photos what their label maps say?

Isola et al. 2017, section 4.1, with a segmenter of this pipeline: an experiment that turns photos into label maps.
*Reads* data/pairs/<dataset>/, results/<study>/<experiment>/{images/, card.json}, models/<segmenter>/last.safetensors.
*Writes* results/<study>/<experiment>/: fcn_score.png and fcn_score.json (n; pixel_accuracy, class_accuracy, mean_iou of
the generated photos; with the prefix real_ those of the real photos of the same images, the ceiling; the segmenter).
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pix2pix.config.experiment import Experiment
from pix2pix.config.reader import read_configuration
from pix2pix.evaluation.rendered import read_rendered
from pix2pix.evaluation.segmentation import confusion, label_scores
from pix2pix.files.atomic import whole_file
from pix2pix.files.command_line import run
from pix2pix.files.image_grid import grid, spread
from pix2pix.files.images import write_png
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.inference import load_trained
from pix2pix.pairs.palettes import PALETTES, decode, palette

SHOWN = 4
COLUMNS = ["generated", "read in it", "label map", "read in the real", "real photo"]


def fcn_score(experiment: Experiment, segmenter: Experiment) -> None:
    """Score the rendered photos of an experiment by its segmenter and publish the numbers.

    The segmenter works on images at their rendered size, under its own inference policy, and its picture is decoded by
    nearest colour: exact where it answers in colours of the palette.

    Raises:
        ValueError, FileNotFoundError: nothing rendered, no segmenter, or one of other parameters.
    """
    out = Path("results", experiment.study, experiment.name)
    rendered = read_rendered(out, Path("data/pairs", experiment.dataset_name))
    experiment.check_weights(rendered.card)
    trained = load_trained(Path("models", segmenter.name, "last.safetensors"), use_hardware().device)
    segmenter.check_weights(trained.about)
    labels = experiment.dataset.labels
    assert labels is not None, "the configuration sees to it"
    classes, colours = list(PALETTES[labels]), palette(labels)

    shown, rows = spread(SHOWN, of=len(rendered.pairs)), []
    generated = real = np.zeros((len(classes), len(classes)), np.int64)
    for i, pair in enumerate(tqdm(rendered.pairs, desc=experiment.name, unit=" images")):
        photo, (label, target) = rendered.image(pair), rendered.sides(pair)
        truth = rendered.classes(pair, labels)
        maps = [decode(trained.generate(image, id=pair.id), labels) for image in (photo, target)]
        generated = generated + confusion(maps[0], truth, classes=classes)
        real = real + confusion(maps[1], truth, classes=classes)
        if i in shown:
            rows.append([photo, colours[maps[0]], label, colours[maps[1]], target])

    numbers = label_scores(generated, classes=classes)
    numbers |= {f"real_{key}": value for key, value in label_scores(real, classes=classes).items()}
    flat = {key: round(value, 8) if math.isfinite(value) else None for key, value in numbers.items()}
    with whole_file(out / "fcn_score.json") as partial:
        text = json.dumps({"n": len(rendered.pairs), "segmenter": segmenter.name, **flat}, indent=2, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
    with whole_file(out / "fcn_score.png") as partial:
        write_png(partial, grid(rows, columns=COLUMNS))


def main() -> None:
    parser = argparse.ArgumentParser(description="FCN-score of an experiment's rendered photos.")
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    configuration = read_configuration()
    segmenter = configuration.segmenter(name)
    fcn_score(configuration.experiment(name), segmenter)


if __name__ == "__main__":
    run(main)
