"""Run whole tables on a bare machine: no DVC, no Snakemake, no network; one command, run again to continue.

    python -m tools.study facades cars_28

For each named report it runs the verbs for all its experiments, leaving out what is there already (data/pairs/ may be
carried along prepared; else DATA_MIRROR must hold the archives). Then it packs tables, scores, grids, images, histories
and records into study.tar.gz; weights stay.
"""

import argparse
import subprocess
import sys
import tarfile
from pathlib import Path

from pix2pix.config.configuration import Params, entry, read_params
from pix2pix.files.atomic import whole_file
from pix2pix.files.command_line import run

ARCHIVE = Path("study.tar.gz")


def study(tables: list[str]) -> None:
    """Run every stage of `tables` whose last output is missing, then pack the results.

    Raises:
        ValueError: no such report, or a stage failed; what is there stays, and the same command continues.
    """
    params = read_params()
    packed: list[Path] = []
    for table in tables:
        entry(params.reports, table, "reports")
        for name, experiment in params.experiments.items():
            if experiment.table != table:
                continue
            results = Path("results", table, name)
            _train(name, experiment.dataset)
            _stage("render", name, results / "images", after=_weights(name))
            _stage("evaluate", name, results / "strip.png", after=results / "images")
            if name in params.scores:
                _score(name, params)
            if name in params.probes:
                _probe(name, params)
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


def _score(name: str, params: Params) -> None:
    """The segmenter may be of another table: its own stages come first."""
    score = params.scores[name]
    _train(score.segmenter, params.experiments[score.segmenter].dataset)
    results = Path("results", score.table, name)
    _stage("fcn_score", name, results / "fcn_score.png", after=results / "images")


def _probe(name: str, params: Params) -> None:
    """It needs both drawings of the photos, whichever the experiment learned from."""
    probe = params.probes[name]
    _prepare(probe.canny)
    _prepare(probe.doodle)
    _stage("robustness", name, Path("results", probe.table, name, "sketches.png"), after=_weights(name))


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
    parser.add_argument("tables", nargs="+", help="names under reports: in params.yaml")
    study(parser.parse_args().tables)


if __name__ == "__main__":
    run(main)
