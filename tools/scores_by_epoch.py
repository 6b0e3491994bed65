"""How the scores develop in a training: python -m tools.scores_by_epoch facades

Translates and scores the validation images with each of the weights that the training kept (`keep_every` of its
recipe); `make fetch` brings them. Writes results/<study>/<experiment>/scores_by_epoch.csv; the study's page shows it
as curves when `report` writes it the next time.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.config.weights_metadata import WeightsMetadata
from pix2pix.evaluation.scored_set import ScoredImage, score_image, summarise_set
from pix2pix.files.entry_point import run
from pix2pix.files.json_csv import write_rows
from pix2pix.machine.hardware import use_hardware
from pix2pix.machine.resources import usable_cores
from pix2pix.networks.inference import load_trained
from pix2pix.pairs.stitched import Pair, read_pairs, read_sides

SCORES = ("lsd", "lab_l", "lab_a", "lab_b", "ssim", "l1")
SPLIT = "val"  # an epoch may be chosen by these scores, so they are never those of the test images


def scores_by_epoch(experiment: Experiment) -> Path:
    """Write scores_by_epoch.csv of an experiment that generates photos; its path.

    Raises:
        FileNotFoundError, ValueError: no weights are kept, or they are of another configuration; label maps.
    """
    if experiment.direction == "AtoB" and experiment.dataset.labels:
        raise ValueError(f"{experiment.name}: it generates label maps, and these are the scores of photos")
    files = sorted(Path("models", experiment.name, "kept").glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"models/{experiment.name}/kept: no weights in it; its recipe needs a keep_every")
    pairs = read_pairs(Path("data/pairs", experiment.dataset_name), SPLIT)
    rows = []
    for file in tqdm(files, desc=experiment.name, unit=" epochs"):
        metadata, scored = _score(file, pairs, experiment)
        means, _ = summarise_set(scored)
        rows.append({"epoch": metadata.epoch} | {key: means[key] for key in SCORES})
    path = Path("results", experiment.study, experiment.name, "scores_by_epoch.csv")
    write_rows(path, rows, decimals=6)
    return path


def _score(file: Path, pairs: Sequence[Pair], experiment: Experiment) -> tuple[WeightsMetadata, list[ScoredImage]]:
    """The metadata of a weights file, and the scores of what it makes of the pairs."""
    trained = load_trained(file, use_hardware().device)
    masked_out = experiment.dataset.prepare.layout == "carvana" and experiment.direction == "AtoB"
    last = trained.metadata.model_copy(update={"epoch": experiment.recipe.epochs})
    experiment.check_weights(last)  # all but the epoch is that of the configuration

    def score(pair: Pair) -> ScoredImage:
        source, target = read_sides(pair, direction=experiment.direction, size=experiment.recipe.size)
        generated = trained.generate(source, id=pair.id)
        return score_image(pair, generated, target, masked_out=masked_out)

    with ThreadPoolExecutor(usable_cores()) as pool:
        return trained.metadata, list(pool.map(score, pairs))


def main() -> None:
    parser = argparse.ArgumentParser(description="Score an experiment's validation images by each of its kept weights.")
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    path = scores_by_epoch(read_configuration().experiment(name))
    print(f"{path}: run `dvc repro report` of the study for its curves")


if __name__ == "__main__":
    run(main)
