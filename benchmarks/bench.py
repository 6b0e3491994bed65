"""`make bench`: every speed claim of the README as a ratio measured in one run, written to benchmarks/RESULTS.md."""

import os
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
from benchmarks.budget import bench_budget
from stages.pix2pix.hardware import use_hardware
from stages.pix2pix.publish import whole_file

HEAD = """# Speed

Written by `make bench`, each table by a process of its own, on the machine below. Where a table has a lowest and a
highest, both sides of its ratio ran in turn, and the figure is the median of the rounds; the others are single runs.
Seconds depend on the machine; ratios less so.
"""

PLAIN, INCUMBENT = "a plain one (eager, fp32, NCHW, unfused Adam)", "pytorch-CycleGAN-and-pix2pix's"


def main() -> None:
    machine = pd.DataFrame([use_hardware().describe()]).to_markdown(index=False, disable_numparse=True)
    parts = [HEAD, machine]
    rivals = f"{PLAIN} and {INCUMBENT}" if "INCUMBENT" in os.environ else PLAIN
    for title, bench in [
        (f"Training step, against {rivals}", bench_train),
        ("The step of 256 px, 64 channels, batch 1: what bounds it, and where its time goes", bench_budget),
        ("Training by size and batch, 64 channels", bench_batches),
        ("Training with pairs on disk, not in Linux's memory either, against pairs in memory", bench_streaming),
        ("Carvana photo and mask to a stitched pair, one core, against a plain Pillow loop", bench_prepare),
        ("`python -m stages.prepare carvana`: 5 088 photos of its size", bench_photos),
        ("50 000 stitched pairs", bench_pairs),
        ("Ways to keep a stitched pair", bench_storage),
        ("PSNR, SSIM and L1 of an image pair, one thread, against scikit-image", bench_metrics),
        ("Engines with nothing to do", bench_engines),
    ]:
        print(title, flush=True)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:  # its memory and threads are its own
            rows = alone.submit(bench).result()
        table = pd.DataFrame(rows).to_markdown(index=False, floatfmt=".2f")
        print(table, flush=True)
        parts += [f"## {title}", table]
    with whole_file(Path("benchmarks/RESULTS.md")) as partial:
        partial.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
