"""What both engines take before and after a stage's own work, by the number of experiments.

`python -m benchmarks.bench_sweep` makes a repository of tiny data, trains one mean photo through DVC, gives its outputs
and its entries of dvc.lock to 10, 100 and 1000 experiments, so that all of them are up to date, and times the commands
below. It writes benchmarks/sweep.csv. Processor time is what counts: neighbours on the machine lengthen the other more.
Beside what it was measured, say in SWEPT of scale.py.
"""

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from pix2pix.files.atomic import whole_file
from tests.support.clones import BIN, call, clone
from tests.support.tiny import TINY, write_configuration

COUNTS = (10, 100, 1000)
FIRST = "sweep0000"
COMMANDS = {
    "status": "dvc status",
    "stage": f"dvc repro --single-item evaluate@{FIRST}",  # what a Snakemake job runs; nothing to do
    "record": f"dvc commit -f evaluate@{FIRST}",  # the same, and an entry of dvc.lock written
    "plan": "snakemake --cores 1 --dry-run",
    "job": f"snakemake --cores 1 --dry-run evaluate_{FIRST}",  # what a cluster's job reads before it starts
}
OUT = Path("benchmarks/sweep.csv")


def bench_sweep(count: int, *, folder: Path) -> list[dict[str, str | float]]:
    """One row a command, in a repository of `count` experiments made in `folder`."""
    repo = _sweep(folder, count)
    rows: list[dict[str, str | float]] = []
    for name, command in COMMANDS.items():
        seconds, cpu_seconds = _time(command.split(), repo)
        kib = (repo / "dvc.lock").stat().st_size / 1024
        stages = 4 + 3 * count  # the fingerprint, a data set's two and a report; train, render and evaluate
        rows.append({"experiments": count, "stages": stages, "lock_kib": kib, "step": name})
        rows[-1] |= {"seconds": seconds, "cpu_seconds": cpu_seconds}
        print(rows[-1], flush=True)
    return rows


def _time(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([BIN / command[0], *command[1:]], cwd=folder, env=os.environ | path, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


def _sweep(folder: Path, count: int) -> Path:
    """A repository of `count` experiments in which nothing is to do but the report."""
    mean = TINY["experiments"]["first_mean"]
    names = [f"sweep{number:04}" for number in range(count)]
    one = TINY | {"experiments": {FIRST: mean}, "studies": {"tiny": TINY["studies"]["tiny"] | {"baselines": []}}}
    repo = clone(folder / str(count), one)
    call(repo, "dvc", "repro", f"evaluate@{FIRST}")
    for name in names[1:]:
        shutil.copytree(repo / "models" / FIRST, repo / "models" / name)
        shutil.copytree(repo / "results/tiny" / FIRST, repo / "results/tiny" / name)
    yaml = YAML(typ="safe")
    lock: dict[str, Any] = yaml.load(repo / "dvc.lock")
    text = {key: entry for key, entry in lock["stages"].items() if FIRST in key}
    for name in names[1:]:
        lock["stages"] |= {key.replace(FIRST, name): _renamed(entry, name) for key, entry in text.items()}
    yaml.default_flow_style = False
    yaml.dump(lock, repo / "dvc.lock")
    write_configuration(one | {"experiments": dict.fromkeys(names, mean)}, repo)
    return repo


def _renamed(entry: Any, name: str) -> Any:
    match entry:
        case dict():
            return {_renamed(key, name): _renamed(value, name) for key, value in entry.items()}
        case list():
            return [_renamed(value, name) for value in entry]
        case str():
            return entry.replace(FIRST, name)
    return entry


def main() -> None:
    argparse.ArgumentParser(description="Time both engines with up to 1000 experiments.").parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for count in COUNTS:
            rows += bench_sweep(count, folder=Path(name))
            with whole_file(OUT) as partial:
                pd.DataFrame(rows).to_csv(partial, index=False, float_format="%.2f")


if __name__ == "__main__":
    main()
