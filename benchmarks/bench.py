"""`make bench`: every speed claim of the README as a ratio measured in one run, written to benchmarks/RESULTS.md."""

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from benchmarks.bench_batches import bench_batches, bench_streaming
from benchmarks.bench_engines import bench_engines
from benchmarks.bench_metrics import bench_metrics
from benchmarks.bench_pairs import bench_pairs, bench_storage
from benchmarks.bench_photos import bench_photos
from benchmarks.bench_prepare import bench_prepare
from benchmarks.bench_train import bench_train
from benchmarks.roofline import bench_budget
from pix2pix.files.atomic import whole_file
from pix2pix.machine.hardware import use_hardware

HEAD = """# Speed

Written by `make bench`, each table by a process of its own, on the machine below (`python -m benchmarks.bench WORDS`
measures those whose headings have the words again). Where a table has a lowest and a highest, both sides of its ratio
ran in turn, and the figure is the median of the rounds; the others are single runs. Seconds depend on the machine;
ratios less so."""

PLAIN, INCUMBENT = "a plain one (eager, fp32, NCHW, unfused Adam)", "pytorch-CycleGAN-and-pix2pix's"
RESULTS = Path("benchmarks/RESULTS.md")
BENCHES: dict[str, Callable[[], list[dict[str, str | float]]]] = {
    "Engines with nothing to do": bench_engines,
    "Training step, against {rivals}": bench_train,
    "The step of 256 px, 64 channels, batch 1: what bounds it, and where its time goes": bench_budget,
    "Training by size and batch, 64 channels": bench_batches,
    "Training with pairs on disk, not in Linux's memory either, against pairs in memory": bench_streaming,
    "Carvana photo and mask to a stitched pair, one core, against a plain Pillow loop": bench_prepare,
    "`python -m stages.prepare carvana`: 5 088 photos of its size": bench_photos,
    "50 000 stitched pairs": bench_pairs,
    "Ways to keep a stitched pair": bench_storage,
    "PSNR, SSIM and L1 of an image pair, one thread, against scikit-image": bench_metrics,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure every speed claim into benchmarks/RESULTS.md.")
    parser.add_argument("only", nargs="*", help="words of headings: measure these tables again, keep the others")
    only = parser.parse_args().only
    machine = pd.DataFrame([use_hardware().describe()]).to_markdown(index=False, disable_numparse=True)
    rivals = f"{PLAIN} and {INCUMBENT}" if "INCUMBENT" in os.environ else PLAIN
    benches = {title.format(rivals=rivals): bench for title, bench in BENCHES.items()}
    kept = _kept(machine) if only else {}
    tables = []
    for title, bench in benches.items():
        table = kept.get(title)
        if table is None or any(word in title for word in only):
            print(title, flush=True)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:  # its memory and threads are its own
                rows = alone.submit(bench).result()
            table = pd.DataFrame(rows).to_markdown(index=False, floatfmt=".2f")
            print(table, flush=True)
        tables += [f"## {title}", table]
    with whole_file(RESULTS) as partial:
        partial.write_text("\n\n".join([HEAD, machine, *tables]) + "\n", encoding="utf-8")


def _kept(machine: str) -> dict[str, str]:
    """The tables of RESULTS.md by their headings.

    Raises:
        ValueError: they are of another machine.
    """
    text = RESULTS.read_text(encoding="utf-8")
    if machine not in text:
        raise ValueError(f"{RESULTS}: of another machine or other versions; measure all tables")
    parts = (part.split("\n\n", 1) for part in text.split("\n## ")[1:])
    return {title: table.strip() for title, table in parts}


if __name__ == "__main__":
    main()
