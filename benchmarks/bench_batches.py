"""Training by batch and size: images/s and memory; and what it costs to read pairs from disk instead of memory.

Each batch and size trains in a process of its own, for its memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.bench_train import our_gan
from benchmarks.timing import peak_gib, wait
from pix2pix.batches.augmentation import draw_epoch
from pix2pix.batches.dataset import PairSet, load_pairs
from pix2pix.files.images import write_png
from pix2pix.learners.gan import Gan
from pix2pix.machine.hardware import Hardware, use_hardware
from pix2pix.pairs.stitched import PairRecord, stitch, write_records
from pix2pix.toydata.facades import draw_facade

CASES = [(256, 1), (256, 4), (256, 16), (256, 64), (512, 1), (512, 4)]  # pixels, images a step
SECONDS = 12  # at least, of each case
ROUNDS = 5
PAIRS = 96
STREAMED = {  # name: size, load size, channels, batch, steps a round, palette of label maps
    "256 px, load size 286, 64 channels, batch 1": (256, 286, 64, 1, 8, None),
    "256 px, the same, targets decoded to label colours": (256, 286, 64, 1, 8, "facades"),
    "128 px, load size 143, 16 channels, batch 4": (128, 143, 16, 4, 24, None),
}


def bench_batches() -> list[dict[str, str | float]]:
    """One row a size and batch: images/s, their ratio to those of batch 1 at that size, and the peak memory in GiB."""
    rows: list[dict[str, str | float]] = []
    alone: dict[int, float] = {}
    for size, batch in CASES:
        command = [sys.executable, "-m", "benchmarks.bench_batches", str(size), str(batch)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        row: dict[str, str | float] = {"size": f"{size} px", "batch": str(batch)}
        if ended.returncode:
            rows.append(row | {"images/s": "does not fit", "of batch 1": "–", "GiB": "–"})
            continue
        found = json.loads(ended.stdout)
        alone.setdefault(size, found["images/s"])
        rows.append(
            row | {"images/s": found["images/s"], "of batch 1": found["images/s"] / alone[size], "GiB": found["GiB"]}
        )
    return rows


def bench_streaming() -> list[dict[str, str | float]]:
    """One row a case: images/s of training with pairs in memory and on disk, and the share that the disk costs."""
    hardware = use_hardware(training=True)
    rows: list[dict[str, str | float]] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        _draw_pairs(root)
        for case, (size, load_size, channels, batch, steps, labels) in STREAMED.items():
            sets = [
                load_pairs(
                    root, "train", direction="AtoB", size=load_size, device=hardware.device, where=where, labels=labels
                )
                for where in ("memory", "disk")
            ]
            gan = our_gan(size, channels, hardware)
            seconds: list[list[float]] = [[], []]
            for turn in range(ROUNDS + 1):
                for which in ((0, 1), (1, 0))[turn % 2]:
                    _forget(root)
                    spent = _train(gan, sets[which], hardware, size=size, load_size=load_size, batch=batch, steps=steps)
                    seconds[which].append(spent)
            held, read = (way[1:] for way in seconds)  # the first round warms up
            losses = [1 - fast / slow for fast, slow in zip(held, read, strict=True)]
            rates = [batch * steps / statistics.median(way) for way in (held, read)]
            rows.append(
                {
                    "training": case,
                    "from memory images/s": rates[0],
                    "from disk images/s": rates[1],
                    "loss %": 100 * statistics.median(losses),
                    "lowest": 100 * min(losses),
                    "highest": 100 * max(losses),
                }
            )
    return rows


def _train(gan: Gan, pairs: PairSet, hardware: Hardware, *, size: int, load_size: int, batch: int, steps: int) -> float:
    draws = draw_epoch(seed=0, epoch=0, pairs=PAIRS, batch_size=batch, load_size=load_size, size=size, mirror=True)
    start = time.perf_counter()
    for source, target, seeds in pairs.batches(draws[:steps], size=size):
        gan.step(source, target, seeds)
    wait(hardware.device)
    return time.perf_counter() - start


def _forget(root: Path) -> None:
    """Let the files be read from the disk again, not from what Linux keeps of it in memory."""
    for path in (root / "train").iterdir():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _draw_pairs(root: Path) -> None:
    (root / "train").mkdir()
    rows = []
    for index in range(PAIRS):
        write_png(root / f"train/{index}.png", stitch(*draw_facade(index=index, size=256, seed=0)))
        rows.append(PairRecord(str(index), "train", str(index), 256, 256, f"{index}.png", str(index)))
    write_records(root, rows)
    os.sync()  # what is not on the disk yet cannot be forgotten


def _case(size: int, batch: int) -> dict[str, float]:
    """Images/s of the paper's networks and the peak of this process's memory, or the GPU's, in GiB."""
    hardware = use_hardware(training=True)
    gan = our_gan(size, 64, hardware)
    source, target = torch.rand(2, batch, 3, size, size, device=hardware.device) * 2 - 1
    source, target = (side.contiguous(memory_format=torch.channels_last) for side in (source, target))
    seeds = torch.arange(batch, device=hardware.device)
    gan.step(source, target, seeds)
    wait(hardware.device)
    seconds: list[float] = []
    while sum(seconds) < SECONDS or len(seconds) < 2:
        start = time.perf_counter()
        gan.step(source, target, seeds)
        wait(hardware.device)
        seconds.append(time.perf_counter() - start)
    return {"images/s": batch / statistics.median(seconds), "GiB": peak_gib(hardware.device)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Images/s and memory of training, by size and batch.")
    parser.add_argument("size", type=int)
    parser.add_argument("batch", type=int)
    given = parser.parse_args()
    print(json.dumps(_case(given.size, given.batch)))


if __name__ == "__main__":
    main()
