"""fcn_score: does a segmenter, trained on real photos, find in the generated photos what their label maps say?
`python -m stages.fcn_score <study>`

Isola et al. 2017, section 4.1, with a segmenter of this pipeline: an experiment that turns photos into label maps. It
scores all experiments of a study that make photos from the labels of one data set.

Reads   data/pairs/<dataset>/, models/<segmenter>/last.safetensors and, of results/<study>/<experiment>/, images/ and
        card.json
Writes  results/<study>/
            fcn_scores.json  for each experiment: pixel_accuracy, class_accuracy and mean_iou of its photos; with the
                             prefix real_ those of the real photos of the same pairs, the upper bound
            fcn_scores.png   two photos of each experiment, and the classes that the segmenter sees in them
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment, FcnScoring
from pix2pix.evaluation.rendered_images import is_current, read_rendered
from pix2pix.evaluation.result_files import FcnScore, finite
from pix2pix.evaluation.segmentation import confusion, label_scores
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.image_grid import grid, spread
from pix2pix.files.images import Uint8, write_png
from pix2pix.files.json_csv import write_json
from pix2pix.pairs.palettes import PALETTES, decode, palette
from pix2pix.pairs.stitched import read_pairs

if TYPE_CHECKING:
    from pix2pix.networks.inference import Trained

SHOWN = 2
COLUMNS = ["generated", "read in it", "label map", "read in the real", "real photo"]


def fcn_score(scoring: FcnScoring) -> None:
    """Score the rendered photos of a study by its segmenter and publish the numbers.

    The segmenter sees images at their rendered size, under its own inference policy. Its answer, an image, is decoded
    by nearest colour: exact where it answers in colours of the palette.

    Raises:
        ValueError, FileNotFoundError: nothing rendered, no segmenter, or weights of another configuration.
    """
    from pix2pix.machine.hardware import use_hardware  # torch is slow to import: names are checked first
    from pix2pix.networks.inference import load_trained

    segmenter, out = scoring.segmenter, Path("results", scoring.study)
    trained = load_trained(Path("models", segmenter.name, "last.safetensors"), use_hardware().device)
    segmenter.check_weights(trained.metadata)
    scores, rows, texts = dict[str, FcnScore](), list[list[Uint8]](), list[str]()
    for experiment in filter(_is_here, scoring.experiments):
        scores[experiment.name], shown = _score(experiment, segmenter.name, trained)
        rows += shown
        texts += [experiment.name] * len(shown)
    write_json(out / "fcn_scores.json", scores)
    with whole_file(out / "fcn_scores.png") as partial:
        write_png(partial, grid(rows, columns=COLUMNS, labels=texts))
    accuracies = {name: score.values["pixel_accuracy"] or 0.0 for name, score in scores.items()}
    best = max(accuracies, key=lambda name: accuracies[name])
    print(f"{out}/fcn_scores.json: {len(scores)} experiments, pixel accuracy at most {accuracies[best]:.3f} ({best})")


def _is_here(experiment: Experiment) -> bool:
    """Whether it can be scored: no stage makes the images of the incumbent, and git keeps a few of them only."""
    if not experiment.incumbent:
        return True
    images = Path("results", experiment.study, experiment.name, "images", experiment.split)
    pairs = read_pairs(Path("data/pairs", experiment.dataset_name), experiment.split)
    return is_current(experiment) and all((images / f"{pair.id}.png").exists() for pair in pairs)


def _score(experiment: Experiment, segmenter: str, trained: "Trained") -> tuple[FcnScore, list[list[Uint8]]]:
    """The score of one experiment, and its rows of the figure."""
    rendered = read_rendered(
        Path("results", experiment.study, experiment.name), Path("data/pairs", experiment.dataset_name)
    )
    experiment.check_weights(rendered.card)
    labels = experiment.dataset.labels
    assert labels is not None, "Configuration.fcn_scoring refuses others"
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
    return FcnScore(n=len(rendered.pairs), segmenter=segmenter, **values), rows


def main() -> None:
    parser = argparse.ArgumentParser(description="FCN-scores of a study's rendered photos.")
    parser.add_argument("study")
    name = parser.parse_args().study
    fcn_score(read_configuration().fcn_scoring(name))


if __name__ == "__main__":
    run(main)
