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
from benchmarks.bench_threads import bench_threads
from benchmarks.bench_train import bench_train
from benchmarks.roofline import bench_budget
from pix2pix.files.atomic import whole_file
from pix2pix.machine.hardware import use_hardware

HEAD = """# Speed

Written by `make bench`, each table by a process of its own, on the machine named above it (`python -m benchmarks.bench
WORDS` measures those whose headings have the words again). Where a table has a lowest and a highest, both sides of its
ratio ran in turn, and the figure is the median of the rounds; the others are single runs. Seconds depend on the
machine; ratios less so. With PIX2PIX_THREADS=1 the seconds of the training step are CPU time."""

Rows = list[dict[str, str | float]]
Bench = Callable[[], Rows]

PLAIN, INCUMBENT = "a plain one (eager, fp32, NCHW, unfused Adam)", "pytorch-CycleGAN-and-pix2pix's"
RESULTS = Path("benchmarks/RESULTS.md")
STEP = "Training step, against {rivals}"
STEP_WITHOUT_BF16 = "Training step without bf16, against {rivals}"
WITHOUT_BF16 = {  # this CPU as one of AVX2 alone, as in most laptops
    "PIX2PIX_PRECISION": "fp32",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}
BENCHES: dict[str, Bench] = {
    "Engines with nothing to do": bench_engines,
    STEP: bench_train,
    STEP_WITHOUT_BF16: bench_train,
    "Training beside other work, by threads": bench_threads,
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
    rivals = f"{PLAIN} and {INCUMBENT}" if "INCUMBENT" in os.environ else PLAIN
    kept = _kept() if only else {}
    tables = []
    for form, bench in BENCHES.items():
        title = form.format(rivals=rivals)
        table = kept.get(title)
        if table is None or any(word in title for word in only):
            print(title, flush=True)
            machine, rows = _alone(bench, WITHOUT_BF16 if form == STEP_WITHOUT_BF16 else {})
            table = f"{machine}\n\n{pd.DataFrame(rows).to_markdown(index=False, floatfmt='.2f')}"
            print(table, flush=True)
        tables += [f"## {title}", table]
    with whole_file(RESULTS) as partial:
        partial.write_text("\n\n".join([HEAD, *tables]) + "\n", encoding="utf-8")


def _alone(bench: Bench, environment: dict[str, str]) -> tuple[str, Rows]:
    """The machine, and what `bench` returns in a process whose memory and threads are its own."""
    before = dict(os.environ)
    os.environ |= environment
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            return alone.submit(_machine).result(), alone.submit(bench).result()
    finally:
        os.environ.clear()
        os.environ |= before


def _machine() -> str:
    found = use_hardware(training=True).describe()
    del found["processes"]
    return ", ".join(f"{key} {value}" if isinstance(value, int) else str(value) for key, value in found.items())


def _kept() -> dict[str, str]:
    """The tables of RESULTS.md, each with its machine, by their headings."""
    text = RESULTS.read_text(encoding="utf-8")
    parts = (part.split("\n\n", 1) for part in text.split("\n## ")[1:])
    return {title: table.strip() for title, table in parts}


if __name__ == "__main__":
    main()
