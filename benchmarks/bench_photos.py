"""`prepare` of 5088 photos of Carvana's size: photos/s by cores, against decoding alone, and memory over time.
Thirty-two photos and masks are drawn; each copy carries a comment of its own, so that no two files are equal.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.bench_prepare import decode
from benchmarks.drawn_photos import draw_photos, numbered
from benchmarks.timing import REPO
from pix2pix.config.layouts import CarvanaLayout, HeldOutCars
from pix2pix.config.reader import read_configuration
from pix2pix.machine.resources import usable_cores
from pix2pix.pairs.carvana import MASK_FOLDER, PHOTO_FOLDER, find_photos, mask_path, photo_path

PHOTOS, VIEWS = 5088, 16
SAMPLED = 0.5  # s


def bench_photos() -> list[dict[str, str | float]]:
    """One row a count of cores: photos/s of one run of `python -m stages.prepare carvana`, its start included; the
    share of what as many cores decode, just before and after; and the memory of all its processes early and late."""
    layout = read_configuration().dataset("carvana").prepare
    assert isinstance(layout, CarvanaLayout) and isinstance(layout.hold_out, HeldOutCars)
    size, held_out = layout.size, layout.hold_out.val + layout.hold_out.test
    rows: list[dict[str, str | float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawn = draw_photos(folder / "drawn")
        _copy(drawn, folder / "data/raw/carvana", held_out)
        shutil.copy(REPO / "params.yaml", folder)
        shutil.copytree(REPO / "config", folder / "config")
        for cores in sorted({1, usable_cores()}):
            before = _decoded_a_second(drawn, size=size)
            seconds, early, late = _prepare(folder, cores)
            limit = (before + _decoded_a_second(drawn, size=size)) / 2
            rate = PHOTOS / seconds
            rows.append(
                {
                    "cores": str(cores),
                    "photos/s": rate,
                    "of one core": rate / float(rows[0]["photos/s"]) if rows else 1.0,
                    "of decoding alone": rate / cores / limit,
                    "MiB, first half": early,
                    "MiB, second half": late,
                }
            )
    return rows


def _decoded_a_second(drawn: Path, *, size: int) -> float:
    """Photos and masks that one core decodes a second, by its processor time."""
    photos = find_photos(drawn, hold_out=0, seed=0)
    seconds = []
    for _ in range(4):
        start = time.process_time()
        for photo in photos:
            decode(photo, drawn, size)
        seconds.append(time.process_time() - start)
    return len(photos) / statistics.median(seconds[1:])


def _copy(drawn: Path, raw: Path, held_out: list[str]) -> None:
    """PHOTOS photos with their masks, also of the cars `held_out`; a comment at each JPEG's head tells them apart."""
    cars = held_out + [f"{number:012x}" for number in range(PHOTOS // VIEWS - len(held_out))]
    photos = [[path.read_bytes() for path in photo.files] for photo in find_photos(drawn, hold_out=0, seed=0)]
    for folder in (PHOTO_FOLDER, MASK_FOLDER):
        (raw / folder).mkdir(parents=True)
    for number in range(PHOTOS):
        image, mask = photos[number % len(photos)]
        id = f"{cars[number // VIEWS]}_{number % VIEWS + 1:02}"
        (raw / photo_path(id)).write_bytes(numbered(image, number))
        (raw / mask_path(id)).write_bytes(mask)


def _prepare(folder: Path, cores: int) -> tuple[float, float, float]:
    """Seconds of the stage in `folder`, and the median MiB of all its processes in each half of that time."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.prepare", "carvana"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    psutil.Process(process.pid).cpu_affinity(allowed)  # before it has counted them
    memory: list[float] = []
    while process.poll() is None:
        memory.append(_private_mib(psutil.Process(process.pid)))
        time.sleep(SAMPLED)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise ChildProcessError(f"prepare ended with {process.returncode}")
    memory = memory[len(memory) // 10 : -1]  # without its start
    half = len(memory) // 2
    return seconds, statistics.median(memory[:half]), statistics.median(memory[half:])


def _private_mib(parent: psutil.Process) -> float:
    total = 0
    for process in [parent, *parent.children(recursive=True)]:
        try:
            total += process.memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20
