"""What each ingredient of config/studies/ingredients.yaml adds to a step: `python -m benchmarks.bench_ingredients`

Others, with the first as 1: `python -m benchmarks.bench_ingredients facades facades_matching`. Of each row with seed 0:
processor time of one thread for cutting a batch and a step on it, for an image, over that of the first row, which has
none; the shortest of the rounds, since other work on the machine only adds to it. The epochs of the study are scaled by
these ratios where they are 1.03 or more. Pairs are drawn houses, since their content does not change the time. It
writes the rows into benchmarks/ingredients.csv.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pix2pix.batches.augmentation import draw_epoch
from pix2pix.batches.dataset import PairSet, load_splits
from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.files.entry_point import run
from pix2pix.files.images import write_png
from pix2pix.learners.learner import Learner, build_learner
from pix2pix.machine.hardware import use_hardware
from pix2pix.pairs.stitched import PairRecord, stitch, write_records
from pix2pix.toydata.facades import draw_facade

STUDY, OUT = "ingredients", Path("benchmarks/ingredients.csv")
PAIRS, STEPS, ROUNDS = 40, 10, 12


def bench_ingredients(names: Sequence[str]) -> pd.DataFrame:
    """A row an experiment: milliseconds of training for an image, and the ratio to the first."""
    configuration = read_configuration()
    experiments = [configuration.experiment(name) for name in names or configuration.study(STUDY).experiments]
    hardware = replace(use_hardware(training=True), pairs="memory")
    rows = [experiment for experiment in experiments if experiment.seed == 0 and experiment.learns]
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            _draw_pairs(Path("data/pairs", rows[0].dataset_name))
            sets = [load_splits(row, row.recipe, hardware)[0] for row in rows]
        finally:
            os.chdir(here)
    learners = [build_learner(row, hardware, pairs) for row, pairs in zip(rows, sets, strict=True)]
    rounds = [[_milliseconds(*row) for row in zip(learners, rows, sets, strict=True)] for _ in range(ROUNDS + 1)]
    rounds = rounds[1:]  # the first warms up
    shortest = [min(one[i] for one in rounds) for i in range(len(rows))]
    return pd.DataFrame(
        {
            "row": [row.name for row in rows],
            "ms": shortest,
            "ratio": [one / shortest[0] for one in shortest],
        }
    )


def _milliseconds(learner: Learner, experiment: Experiment, pairs: PairSet) -> float:
    """Processor time for an image."""
    recipe = experiment.recipe
    draws = draw_epoch(
        seed=0,
        epoch=0,
        pairs=PAIRS,
        batch_size=recipe.batch_size,
        load_size=recipe.load_size,
        size=recipe.size,
        mirror=recipe.mirror,
    )[:STEPS]
    start = time.process_time()
    for source, target, seeds in pairs.batches(draws, size=recipe.size, augment=True):
        learner.step(source, target, seeds)
    return 1000 * (time.process_time() - start) / (len(draws) * recipe.batch_size)


def _draw_pairs(root: Path) -> None:
    records = []
    for split, count in (("train", PAIRS), ("val", 1)):
        (root / split).mkdir(parents=True)
        for index in range(count):
            write_png(root / split / f"{index}.png", stitch(*draw_facade(index=index, size=256, seed=0)))
            records.append(PairRecord(str(index), split, f"{split}{index}", 256, 256, "drawn", f"{split}{index}"))
    write_records(root, records)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what each ingredient adds to a training step.")
    parser.add_argument("experiments", nargs="*", help="others than those of the study; the first is 1")
    table = bench_ingredients(parser.parse_args().experiments)
    kept = pd.read_csv(OUT)
    table = pd.concat([kept[~kept["row"].isin(table["row"])], table])
    table.to_csv(OUT, index=False, float_format="%.3f", lineterminator="\n")
    print(table.to_string(index=False))


if __name__ == "__main__":
    run(main)
