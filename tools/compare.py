"""The paired difference between any two rows, of one study or two, on the same images, with the seeds of both.

    python -m tools.compare facades facades_l1

Reads what `evaluate` left in results/<study>/<experiment>/ of both, and of the experiments of their studies that differ
from them in nothing but the seed. Prints a Markdown table: first minus second, mean [95 % interval], by metric.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.files.entry_point import run
from pix2pix.reporting.differences import seeds_compared
from pix2pix.reporting.experiment_result import ExperimentResult, read_result
from pix2pix.reporting.tables import markdown


def read_seeds(configuration: Configuration, name: str) -> list[ExperimentResult]:
    """The results of an experiment and, of its study, of those that differ in nothing but their seed.

    Raises:
        FileNotFoundError, ValueError: one of them is not evaluated.
    """
    wanted = configuration.row(name)
    study = configuration.study(wanted.study)
    others = [configuration.experiment(other) for other in study.experiments] + study.incumbents
    seeds = [wanted, *(other for other in others if other.name != name)]
    return [
        read_result(Path("results", seed.study, seed.name))
        for seed in seeds
        if replace(seed, name=name, seed=wanted.seed) == wanted
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="The paired difference between two experiments, with their seeds.")
    parser.add_argument("first")
    parser.add_argument("second")
    given = parser.parse_args()
    configuration = read_configuration()
    first, second = (read_seeds(configuration, name) for name in (given.first, given.second))
    print(markdown(seeds_compared(first, second)))


if __name__ == "__main__":
    run(main)
