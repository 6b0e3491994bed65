"""What a photo, a frame and a file cost on one core, for docs/scale.md: `python -m benchmarks.bench_rates`

Photos and frames are drawn in the real sizes, since the real ones are not at hand. Files go into DVC's cache in two
sizes, less what one small file takes, which is DVC's start. Processor time, the lower median of the rounds. It writes
benchmarks/rates.csv.
"""

import argparse
import hashlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pandas as pd

from benchmarks.bench_prepare import BLUR_SIGMA, HIGH, LOW
from benchmarks.drawn_photos import draw_photos
from benchmarks.timing import BIN
from pix2pix.files.images import write_png
from pix2pix.machine.resources import keep_memory
from pix2pix.pairs.carvana import cut_out, find_photos
from pix2pix.pairs.edges import canny
from pix2pix.pairs.gta5 import resize_frame
from pix2pix.pairs.raw_pairs import RawPair
from pix2pix.pairs.stitched import stitch

T = TypeVar("T")
Row = dict[str, str | float]
ROUNDS = 3
PHOTOS, FRAMES = 8, 4
FILES = {30: 2000, 270: 1000}  # by their KiB: as pairs of 256 px, and of 1024 px
OUT = Path("benchmarks/rates.csv")


def bench_rates() -> list[Row]:
    """One row a rate: milliseconds of one core, and the KiB that were read and that are kept."""
    cv2.setNumThreads(1)
    keep_memory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = find_photos(draw_photos(folder / "raw"), hold_out=0, seed=0)[:PHOTOS]
        frames = [_draw_frame(folder, number) for number in range(1, FRAMES + 1)]
        rows = [_row(f"carvana_{size}", photos, partial(_cut, size=size), folder, _bytes) for size in (256, 1024)]
        rows.append(_row("gta5_256", frames, _resize, folder, _bytes))
        return [*rows, *_hashing(folder)]


def _row(name: str, items: list[T], work: Callable[[T, Path], None], folder: Path, read: Callable[[T], int]) -> Row:
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for number, item in enumerate(items):
            work(item, folder / f"{name}_{number}.png")
        seconds.append((time.process_time() - start) / len(items))
    kept = sum((folder / f"{name}_{number}.png").stat().st_size for number in range(len(items)))
    kib = {"read_kib": sum(map(read, items)) / 1024 / len(items), "kept_kib": kept / 1024 / len(items)}
    return {"rate": name, "ms": 1000 * statistics.median_low(seconds), **kib}


def _bytes(pair: RawPair) -> int:
    return sum(path.stat().st_size for path in pair.files)


def _cut(photo: RawPair, out: Path, *, size: int) -> None:
    image, _ = cut_out(*photo.files, size=size)
    write_png(out, stitch(canny(image, blur_sigma=BLUR_SIGMA, low=LOW, high=HIGH), image))


def _resize(frame: RawPair, out: Path) -> None:
    write_png(out, stitch(*resize_frame(*frame.files, size=256)))


def _draw_frame(folder: Path, number: int) -> RawPair:
    """A grainy street in 30 colours of classes."""
    random = np.random.default_rng(number)
    colours = random.integers(0, 256, (30, 3), np.uint8)
    label = np.kron(colours[random.integers(0, 30, (13, 22))], np.ones((81, 87, 1), np.uint8))[:1052, :1914]
    grain = cv2.GaussianBlur(random.normal(0, 24, label.shape).astype(np.float32), (0, 0), 1)
    files = (folder / f"{number:05}.png", folder / f"{number:05}_label.png")
    write_png(files[0], (label * 0.5 + 60 + grain).clip(0, 255).astype(np.uint8))
    write_png(files[1], label)
    return RawPair(f"{number:05}", "train", "0", files)


def _hashing(folder: Path) -> list[Row]:
    """DVC's start with one small file, then a file of a large folder in each size: read, hashed, put into the cache."""
    rounds = [_added(folder / f"start_{turn}", 1, 1) for turn in range(ROUNDS)]
    start = statistics.median_low(rounds)
    rows: list[Row] = [{"rate": "dvc_start", "ms": 1000 * start, "read_kib": 1.0, "kept_kib": 1.0}]
    for kib, count in FILES.items():
        seconds = statistics.median_low(_added(folder / f"{kib}_{turn}", count, kib) for turn in range(ROUNDS))
        ms = 1000 * (seconds - start) / (count - 1)
        rows.append({"rate": f"dvc_file_{kib}", "ms": ms, "read_kib": float(kib), "kept_kib": float(kib)})
    return rows


def _added(folder: Path, count: int, kib: int) -> float:
    """Processor seconds of `dvc add` of a folder of so many files, in a new repository."""
    (folder / "files").mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        (folder / f"files/{number}").write_bytes(random.bytes(kib * 1024))
    subprocess.run([BIN / "dvc", "init", "-q", "--no-scm"], cwd=folder, check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([BIN / "dvc", "add", "-q", "files"], cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    md5 = hashlib.md5((folder / "files/0").read_bytes()).hexdigest()
    assert (folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).exists()
    shutil.rmtree(folder)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    argparse.ArgumentParser(description="Measure the rates of docs/scale.md, into rates.csv.").parse_args()
    rows = pd.DataFrame(bench_rates())
    rows.to_csv(OUT, index=False, float_format="%.2f")
    print(rows)


if __name__ == "__main__":
    main()
