"""What a photo, a frame and a file cost on one core, for docs/scale.md: `python -m benchmarks.bench_rates`

Photos and frames are drawn in the real sizes, since the real ones are not at hand. Processor time, the lower median of
the rounds. It writes benchmarks/rates.csv.
"""

import hashlib
import resource
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

from benchmarks.bench_prepare import BLUR_SIGMA, HIGH, LOW, _draw_photos
from stages.pix2pix.carvana import Photo, cut_out, find_photos
from stages.pix2pix.edges import canny
from stages.pix2pix.frames import Frame, squeeze
from stages.pix2pix.images import write_png
from stages.pix2pix.pairs import stitch
from tests.clones import BIN

T = TypeVar("T")
ROUNDS = 3
PHOTOS, FRAMES, FILES = 8, 4, 2000
FRAME_SIZE = (1052, 1914)
OUT = Path("benchmarks/rates.csv")


def bench_rates() -> list[dict[str, str | float]]:
    """One row a rate: milliseconds of one core, and the KiB that were read and that are kept."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = find_photos(_draw_photos(folder / "raw"))[:PHOTOS]
        frames = [_draw_frame(folder, number) for number in range(1, FRAMES + 1)]
        rows = [_row(f"carvana_{size}", photos, partial(_cut, size=size), folder, _photo) for size in (256, 1024)]
        rows.append(_row("gta5_256", frames, _squeeze, folder, _frame))
        return [*rows, _hashing(folder / "dvc")]


def _row(name: str, items: list[T], work: Callable[[T, Path], None], folder: Path, read: Callable[[T], int]
            ) -> dict[str, str | float]:  # fmt: skip
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for number, item in enumerate(items):
            work(item, folder / f"{name}_{number}.png")
        seconds.append((time.process_time() - start) / len(items))
    kept = sum((folder / f"{name}_{number}.png").stat().st_size for number in range(len(items)))
    kib = {"read_kib": sum(map(read, items)) / 1024 / len(items), "kept_kib": kept / 1024 / len(items)}
    return {"rate": name, "ms": 1000 * statistics.median_low(seconds), **kib}


def _photo(photo: Photo) -> int:
    return photo.image.stat().st_size + photo.mask.stat().st_size


def _cut(photo: Photo, out: Path, *, size: int) -> None:
    image, _ = cut_out(photo, size=size)
    write_png(out, stitch(canny(image, blur_sigma=BLUR_SIGMA, low=LOW, high=HIGH), image))


def _frame(frame: Frame) -> int:
    return frame.image.stat().st_size + frame.label.stat().st_size


def _squeeze(frame: Frame, out: Path) -> None:
    photo, label = squeeze(frame, size=256)
    write_png(out, stitch(photo, label))


def _draw_frame(folder: Path, number: int) -> Frame:
    """A grainy street in 30 colours of classes."""
    random = np.random.default_rng(number)
    colours = random.integers(0, 256, (30, 3), np.uint8)
    label = np.kron(colours[random.integers(0, 30, (13, 22))], np.ones((81, 87, 1), np.uint8))[:1052, :1914]
    grain = cv2.GaussianBlur(random.normal(0, 24, label.shape).astype(np.float32), (0, 0), 1)
    frame = Frame(f"{number:05}", folder / f"{number:05}.png", folder / f"{number:05}_label.png")
    write_png(frame.image, (label * 0.5 + 60 + grain).clip(0, 255).astype(np.uint8))
    write_png(frame.label, label)
    return frame


def _hashing(folder: Path) -> dict[str, str | float]:
    """A file of a large folder, through DVC: read, hashed, and put into the cache."""
    (folder / "files").mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(FILES):
        (folder / f"files/{number}").write_bytes(random.bytes(30 * 1024))
    subprocess.run([BIN / "dvc", "init", "-q", "--no-scm"], cwd=folder, check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([BIN / "dvc", "add", "-q", "files"], cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    digest = folder / ".dvc/cache/files/md5"
    some = (folder / "files/0").read_bytes()
    assert (digest / (md5 := hashlib.md5(some).hexdigest())[:2] / md5[2:]).exists()
    return {"rate": "dvc_file", "ms": 1000 * seconds / FILES, "read_kib": 30.0, "kept_kib": 30.0}


def main() -> None:
    rows = pd.DataFrame(bench_rates())
    rows.to_csv(OUT, index=False, float_format="%.2f")
    print(rows)


if __name__ == "__main__":
    main()
