"""A stitched set of 50 000 pairs, from raw files to batches; and what other ways to keep its pixels would take.
Sixty-four pairs of 256 px are drawn; each copy carries a comment of its own, so that no two files are equal.
"""

import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks.drawn_photos import numbered
from benchmarks.timing import BIN, REPO, peak_gib
from pix2pix.batches.augmentation import draw_epoch
from pix2pix.batches.dataset import PairSet, load_pairs
from pix2pix.files.images import Uint8, read_image, write_png
from pix2pix.pairs.stitched import stitch
from pix2pix.toydata.facades import draw_facade

PAIRS, DRAWN, READ = 50_000, 64, 2_000
ROUNDS = 3
SIZE = 256
Row = dict[str, str | float]


def bench_pairs() -> list[Row]:
    """One row a step with PAIRS pairs: seconds, milliseconds a pair, and what there is to say of space and memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copy(_draw(), folder / "data/raw/edges2shoes/train")
        shutil.copy(REPO / "params.yaml", folder)
        shutil.copytree(REPO / "config", folder / "config")
        environment = os.environ | {"PYTHONPATH": str(REPO)}

        def timed(*command: str | Path) -> float:
            start = time.perf_counter()
            subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - start

        pairs = folder / "data/pairs/edges2shoes"
        rows = [
            _row("prepare: audit, copy", timed(sys.executable, "-m", "stages.prepare", "edges2shoes"), _weight(pairs))
        ]
        timed(BIN / "dvc", "init", "-q", "--no-scm")
        rows.append(_row("DVC: hash, put into the cache", timed(BIN / "dvc", "add", "-q", pairs), ""))
        rows.append(_row("DVC: see that nothing changed", timed(BIN / "dvc", "status", "-q"), ""))

        start, before = time.perf_counter(), peak_gib()
        loaded = load_pairs(pairs, "train", direction="AtoB", size=SIZE, device=torch.device("cpu"), where="disk")
        spent = time.perf_counter() - start
        rows.append(
            _row("training: list and digest, to read from disk", spent, f"{1024 * (peak_gib() - before):.0f} MiB")
        )
        spent = _read(loaded) * PAIRS / READ
        in_memory = f"{PAIRS * 6 * SIZE**2 / 2**30:.1f} GiB when held in memory"
        rows.append(_row(f"training: read an epoch at {SIZE} px, by {READ} pairs", spent, in_memory))
        return rows


def bench_storage() -> list[Row]:
    """One row a way to keep a pair of 256 px: KiB, GiB of PAIRS, and milliseconds of one core to read it."""
    cv2.setNumThreads(1)
    pairs = _draw()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, pair in enumerate(pairs):
            (folder / f"{number}.jpg").write_bytes(_jpeg(pair))
            write_png(folder / f"{number}.png", pair)
            np.save(folder / f"{number}.npy", pair)
        ways: dict[str, tuple[str, Callable[[Path], Uint8]]] = {
            "JPEG, as the archives have it": ("jpg", read_image),
            "PNG, as stages make it": ("png", read_image),
            "pixels, not compressed": ("npy", np.load),
        }
        rows: list[Row] = []
        for way, (suffix, read) in ways.items():
            seconds = []
            for _ in range(ROUNDS + 1):
                start = time.process_time()
                for number in range(DRAWN):
                    read(folder / f"{number}.{suffix}")
                seconds.append((time.process_time() - start) / DRAWN)
            kib = sum(path.stat().st_size for path in folder.glob(f"*.{suffix}")) / DRAWN / 1024
            space = f"{kib * PAIRS / 2**20:.1f}"
            rows.append({"a pair as": way, "KiB": kib, f"GiB of {PAIRS}": space, "read ms": 1000 * min(seconds[1:])})
        return rows


def _row(step: str, seconds: float, takes: str) -> Row:
    return {"step": step, "seconds": seconds, "ms a pair": 1000 * seconds / PAIRS, "takes": takes}


def _draw() -> list[Uint8]:
    """Pairs (256, 512, 3) with the grain of photos."""
    random = np.random.default_rng(0)
    pairs = []
    for index in range(DRAWN):
        photo, label = draw_facade(index=index, size=SIZE, seed=0)
        noise = np.asarray(random.normal(0, 16, photo.shape), np.float32)
        grain = cv2.GaussianBlur(noise, (0, 0), 1)
        pairs.append(stitch(label, (photo + grain).round().clip(0, 255).astype(np.uint8)))
    return pairs


def _jpeg(pair: Uint8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pair).save(file, "JPEG", quality=85)
    return file.getvalue()


def _copy(drawn: list[Uint8], folder: Path) -> None:
    folder.mkdir(parents=True)
    files = [_jpeg(pair) for pair in drawn]
    for number in range(PAIRS):
        image = files[number % DRAWN]
        (folder / f"{number}.jpg").write_bytes(numbered(image, number))


def _read(pairs: PairSet) -> float:
    """Seconds to read READ pairs ahead of nothing but their cutting."""
    draws = draw_epoch(seed=0, epoch=0, pairs=PAIRS, batch_size=4, load_size=SIZE, size=SIZE, mirror=True)
    seconds = []
    for turn in range(ROUNDS):
        start = time.perf_counter()
        for _ in pairs.batches(draws[turn * READ // 4 : (turn + 1) * READ // 4], size=SIZE):
            pass
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _weight(folder: Path) -> str:
    return f"{sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 2**30:.2f} GiB"
