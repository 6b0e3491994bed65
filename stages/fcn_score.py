"""fcn_score: does a segmenter, trained on real photos, find in the generated photos what their label maps say?
`python -m stages.fcn_score <experiment>`

Isola et al. 2017, section 4.1, with a segmenter of this pipeline: an experiment that turns photos into label maps.

Reads   data/pairs/<dataset>/, models/<segmenter>/last.safetensors and, of results/<study>/<experiment>/, images/ and
        card.json
Writes  results/<study>/<experiment>/
            fcn_score.json  pixel_accuracy, class_accuracy and mean_iou of the generated photos; with the prefix real_
                            those of the real photos of the same pairs, the upper bound
            fcn_score.png   four photos, and the classes that the segmenter sees in them
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.evaluation.rendered_images import read_rendered
from pix2pix.evaluation.result_files import FcnScore, finite
from pix2pix.evaluation.segmentation import confusion, label_scores
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.image_grid import grid, spread
from pix2pix.files.images import write_png
from pix2pix.files.json_csv import write_json
from pix2pix.pairs.palettes import PALETTES, decode, palette

SHOWN = 4
COLUMNS = ["generated", "read in it", "label map", "read in the real", "real photo"]


def fcn_score(experiment: Experiment, segmenter: Experiment) -> None:
    """Score the rendered photos of an experiment by its segmenter and publish the numbers.

    The segmenter sees images at their rendered size, under its own inference policy. Its answer, an image, is decoded
    by nearest colour: exact where it answers in colours of the palette.

    Raises:
        ValueError, FileNotFoundError: nothing rendered, no segmenter, or weights of another configuration.
    """
    from pix2pix.machine.hardware import use_hardware  # torch is slow to import: names are checked first
    from pix2pix.networks.inference import load_trained

    out = Path("results", experiment.study, experiment.name)
    rendered = read_rendered(out, Path("data/pairs", experiment.dataset_name))
    experiment.check_weights(rendered.card)
    trained = load_trained(Path("models", segmenter.name, "last.safetensors"), use_hardware().device)
    segmenter.check_weights(trained.metadata)
    labels = experiment.dataset.labels
    assert labels is not None, "Configuration.segmenter refuses others"
    classes, colours = list(PALETTES[labels]), palette(labels)

    shown, rows = spread(SHOWN, of=len(rendered.pairs)), []
    in_generated = in_real = np.zeros((len(classes), len(classes)), np.int64)
    for i, pair in enumerate(tqdm(rendered.pairs, desc=experiment.name, unit=" images")):
        generated, (label_map, real) = rendered.image(pair), rendered.sides(pair)
        truth = rendered.classes(pair, labels)
        of_generated, of_real = (decode(trained.generate(photo, id=pair.id), labels) for photo in (generated, real))
        in_generated = in_generated + confusion(of_generated, truth, classes=classes)
        in_real = in_real + confusion(of_real, truth, classes=classes)
        if i in shown:
            rows.append([generated, colours[of_generated], label_map, colours[of_real], real])

    values = {key: finite(value) for key, value in label_scores(in_generated, classes=classes).items()}
    values |= {f"real_{key}": finite(value) for key, value in label_scores(in_real, classes=classes).items()}
    write_json(out / "fcn_score.json", FcnScore(n=len(rendered.pairs), segmenter=segmenter.name, **values))
    with whole_file(out / "fcn_score.png") as partial:
        write_png(partial, grid(rows, columns=COLUMNS))


def main() -> None:
    parser = argparse.ArgumentParser(description="FCN-score of an experiment's rendered photos.")
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    configuration = read_configuration()
    fcn_score(configuration.experiment(name), configuration.segmenter(name))


if __name__ == "__main__":
    run(main)
