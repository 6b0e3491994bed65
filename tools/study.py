"""Run whole tables on a bare machine: no DVC, no Snakemake, no network; one command, run again to continue.

    python -m tools.study facades cars

For each named report it runs the verbs for all its experiments, leaving out what is there already (data/pairs/ may be
carried along prepared; else DATA_MIRROR must hold the archives). Then it packs tables, scores, grids, images, histories
and records into study.tar.gz; weights stay.
"""

import argparse
import subprocess
import sys
import tarfile
from pathlib import Path

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_file
from pix2pix.files.command_line import run

ARCHIVE = Path("study.tar.gz")


def run_studies(tables: list[str]) -> None:
    """Run every stage of `tables` whose last output is missing, then pack the results.

    Raises:
        ValueError: no such study, or a stage failed; what is there stays, and the same command continues.
    """
    configuration = read_configuration()
    packed: list[Path] = []
    for table in tables:
        study = configuration.study(table)
        for name in study.experiments:
            results = Path("results", table, name)
            _train(name, configuration.experiment(name).dataset_name)
            _stage("render", name, results / "images", after=_weights(name))
            _stage("evaluate", name, results / "best_and_worst.png", after=results / "images")
            if name in study.fcn_scores:
                _score(name, configuration)
            if name in study.robustness:
                _robustness(name, configuration)
            packed += [results, Path("models", name, "history.csv"), Path("logs/records", f"{name}.json")]
        _run("report", table)
        packed += [Path("results", f"{table}{suffix}") for suffix in (".md", ".png", ".html")]
    with whole_file(ARCHIVE) as partial, tarfile.open(partial, "w:gz") as archive:
        for path in packed:
            archive.add(path)
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size / 1e6:.1f} MB; unpack it in the repository's root, then `make readme`")


def _prepare(dataset: str) -> None:
    pairs = Path("data/pairs", dataset, "pairs.csv")
    if not pairs.exists():
        _stage("download", dataset, Path("data/raw", dataset))
    _stage("prepare", dataset, pairs)


def _train(name: str, dataset: str) -> None:
    _prepare(dataset)
    _stage("train", name, _weights(name))  # published last


def _weights(name: str) -> Path:
    return Path("models", name, "last.safetensors")


def _score(name: str, configuration: Configuration) -> None:
    """The segmenter may be of another table: its own stages come first."""
    segmenter = configuration.segmenter(name)
    _train(segmenter.name, segmenter.dataset_name)
    results = Path("results", configuration.experiment(name).study, name)
    _stage("fcn_score", name, results / "fcn_score.png", after=results / "images")


def _robustness(name: str, configuration: Configuration) -> None:
    """It needs both drawings of the photos, whichever the experiment learned from."""
    test = configuration.robustness(name)
    _prepare(test.canny)
    _prepare(test.doodle)
    _stage("robustness", name, Path("results", test.experiment.study, name, "sketches.png"), after=_weights(name))


def _stage(verb: str, name: str, last_output: Path, *, after: Path | None = None) -> None:
    """Run it unless its last output is there, and newer than `after`: a clone brings the results of other runs."""
    if not last_output.exists() or (after and after.stat().st_mtime_ns > last_output.stat().st_mtime_ns):
        _run(verb, name)


def _run(verb: str, name: str) -> None:
    print(f"{verb} {name}", flush=True)
    done = subprocess.run([sys.executable, "-m", f"stages.{verb}", name], check=False)
    if done.returncode:
        raise ValueError(f"{verb} {name} failed; mend it and run this command again to continue")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run whole tables on a bare machine and pack their results.")
    parser.add_argument("tables", nargs="+", help="names of config/studies/")
    run_studies(parser.parse_args().tables)


if __name__ == "__main__":
    run(main)
