"""Training beside other work: images/s with the threads that a training takes by itself, and with a fixed count.

Other work is processes that never wait. On n cores the fair share of a training beside k of them is that of one
process, n / (k + 1) cores, at most all.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from multiprocessing import get_context

import torch

from benchmarks.bench_train import CASES, our_gan
from pix2pix.learners.learner import LEAST_FOR_TWO_THREADS
from pix2pix.machine.hardware import use_hardware
from pix2pix.machine.resources import usable_cores
from pix2pix.machine.threads import SECONDS, TrainingThreads

OTHERS = 0, 1, 5
TIMED = 20.0  # seconds


def bench_threads() -> list[dict[str, str | float]]:
    """A row a size and number of other processes."""
    rows: list[dict[str, str | float]] = []
    for name, others in product(CASES, OTHERS):
        with _other_work(others):
            speeds = {f"{count} threads": _images_per_second(name, count) for count in sorted({1, usable_cores()})}
            chosen = _images_per_second(name, None)
        rows.append(
            {"step": name, "other processes": str(others)}
            | {f"{key}, images/s": speed for key, speed in speeds.items()}
            | {"chosen, images/s": chosen, "of the best": chosen / max(speeds.values())}
        )
    return rows


def _images_per_second(name: str, count: int | None) -> float:
    """Of steps with `count` threads, or with as many as a training takes."""
    size, channels, batch, _ = CASES[name]
    os.environ.pop("PIX2PIX_THREADS", None)
    if count:
        os.environ["PIX2PIX_THREADS"] = str(count)
    hardware = use_hardware(training=True, small=channels**2 * size**2 * batch < LEAST_FOR_TWO_THREADS)
    gan, threads = our_gan(size, channels, hardware), TrainingThreads(hardware, print)
    source, target = torch.rand(2, batch, 3, size, size) * 2 - 1
    seeds, steps = torch.arange(batch), 0
    start = time.monotonic()
    begin = start + (2 * SECONDS if count is None else 2)  # until the threads have settled
    while (now := time.monotonic()) < begin + TIMED:
        if now < begin:
            start, steps = now, 0
        gan.step(source, target, seeds)
        threads.look()
        steps += 1
    return batch * steps / (time.monotonic() - start)


@contextmanager
def _other_work(count: int) -> Iterator[None]:
    busy = [get_context("spawn").Process(target=_never_wait, daemon=True) for _ in range(count)]
    for process in busy:
        process.start()
    time.sleep(2 if busy else 0)
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.join()


def _never_wait() -> None:
    while True:
        pass
