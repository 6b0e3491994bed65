"""Run whole studies on a bare machine: no DVC, no Snakemake, no network; the same command continues.

    python -m tools.run_studies facades cars

For each study it runs the verbs for all its experiments and leaves out what is there already. Prepared pairs may be
brought along in data/pairs/; else DATA_MIRROR must hold the archives. At the end it packs tables, scores, figures,
images, histories and records, without weights, into studies.tar.gz.
"""

import argparse
import subprocess
import sys
import tarfile
from pathlib import Path

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run

ARCHIVE = Path("studies.tar.gz")


def run_studies(names: list[str], configuration: Configuration) -> None:
    """Run every stage of these studies whose last output is missing, then pack the results.

    Raises:
        ValueError: no such study, or a stage failed; what is there stays.
    """
    packed: list[Path] = []
    for study in map(configuration.study, names):
        for name in study.experiments:
            results = Path("results", study.name, name)
            _train(configuration.experiment(name))
            _run_if_missing("render", name, results / "images", after=_weights(name))
            _run_if_missing("evaluate", name, results / "best_and_worst.png", after=results / "images")
            if name in study.robustness:
                test = configuration.robustness(name)
                _prepare(test.canny)
                _prepare(test.doodle)
                _run_if_missing("robustness", name, results / "sketches.png", after=_weights(name))
            packed += [results, Path("models", name, "history.csv"), Path("logs/records", f"{name}.json")]
        if study.fcn_scores:
            _train(configuration.fcn_scoring(study.name).segmenter)  # it may belong to another study
            _run("fcn_score", study.name)
            packed += [Path("results", study.name, f"fcn_scores{suffix}") for suffix in (".json", ".png")]
        _run("report", study.name)
        packed += [Path("results", f"{study.name}{suffix}") for suffix in (".md", ".png", ".html")]
    with whole_file(ARCHIVE) as partial, tarfile.open(partial, "w:gz") as archive:
        for path in packed:
            archive.add(path)
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size / 1e6:.1f} MB; unpack it in the repository's root, then `make readme`")


def _prepare(dataset: str) -> None:
    pairs = Path("data/pairs", dataset, "pairs.csv")
    if not pairs.exists():
        _run_if_missing("download", dataset, Path("data/raw", dataset))
        _run("prepare", dataset)


def _train(experiment: Experiment) -> None:
    _prepare(experiment.dataset_name)
    _run_if_missing("train", experiment.name, _weights(experiment.name))  # published last


def _weights(name: str) -> Path:
    return Path("models", name, "last.safetensors")


def _run_if_missing(verb: str, name: str, last_output: Path, *, after: Path | None = None) -> None:
    """Also where the last output is older than `after`: a clone brings the results of other runs."""
    if not last_output.exists() or (after and after.stat().st_mtime_ns > last_output.stat().st_mtime_ns):
        _run(verb, name)


def _run(verb: str, name: str) -> None:
    print(f"{verb} {name}", flush=True)
    if subprocess.run([sys.executable, "-m", f"stages.{verb}", name], check=False).returncode:
        raise ValueError(f"{verb} {name} failed; mend it and run this command again to continue")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run whole studies on a bare machine and pack their results.")
    parser.add_argument("studies", nargs="+", help="names of config/studies/")
    names = parser.parse_args().studies
    run_studies(names, read_configuration())


if __name__ == "__main__":
    run(main)
