"""Drawn data as files, in the layouts of the real archives, so that what follows cannot tell them apart.

    cars       train/<car>_<nn>.jpg and train_masks/<car>_<nn>_mask.gif, as Kaggle's Carvana; an id is 12 hex digits
    facades    train/<n>.jpg and val/<n>.jpg, photo | label side by side, as the pix2pix archive of the CMP facades

The same arguments give the same bytes, on any number of cores.
"""

import hashlib
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from pix2pix.machine.cpu import end_with_parent, usable_cores
from pix2pix.toydata.cars import draw_car
from pix2pix.toydata.facades import draw_facade

Job = TypeVar("Job")

JPEG_QUALITY = 95  # Pillow's; halves the colour's resolution, so that label colours bleed as in the real archive
VAL_FIRST = 1_000_000  # index of the first held-out house: more training houses leave the others as they are


def write_cars(folder: Path, *, cars: int, views: int, size: int, seed: int) -> None:
    """Draw `cars` cars from `views` (at most 99) sides, `size` pixels square, with masks of 0 and 1, into `folder`."""
    for name in ("train", "train_masks"):
        (folder / name).mkdir()
    _in_parallel(partial(_write_car, folder, views, size, seed), range(cars), "drawing cars")


def write_facades(folder: Path, *, train: int, val: int, size: int, seed: int) -> None:
    """Draw `train` and `val` houses, photo and label each `size` pixels square, into `folder`."""
    jobs = [("train", n, n) for n in range(train)] + [("val", n, VAL_FIRST + n) for n in range(val)]
    for split in ("train", "val"):
        (folder / split).mkdir()
    _in_parallel(partial(_write_facade, folder, size, seed), jobs, "drawing houses")


def car_id(*, car: int, seed: int) -> str:
    """12 hex digits, as Carvana's ids."""
    return hashlib.sha256(f"{seed}:{car}".encode()).hexdigest()[:12]


def _write_car(folder: Path, views: int, size: int, seed: int, car: int) -> None:
    for view in range(views):
        photo, mask = draw_car(car=car, view=view, views=views, size=size, seed=seed)
        name = f"{car_id(car=car, seed=seed)}_{view + 1:02d}"
        _write_jpeg(folder / "train" / f"{name}.jpg", Image.fromarray(photo))
        palette = Image.fromarray(mask.astype(np.uint8), mode="P")
        palette.putpalette([0, 0, 0, 255, 255, 255])
        palette.save(folder / "train_masks" / f"{name}_mask.gif", optimize=False)


def _write_facade(folder: Path, size: int, seed: int, job: tuple[str, int, int]) -> None:
    split, number, index = job
    photo, label = draw_facade(index=index, size=size, seed=seed)
    stitched = Image.fromarray(np.concatenate([photo, label], axis=1))
    _write_jpeg(folder / split / f"{number + 1}.jpg", stitched)


def _write_jpeg(path: Path, image: Image.Image) -> None:
    encoded = BytesIO()  # since Pillow, writing to a file, takes a JPEG that a full disk cut short for written
    image.save(encoded, "JPEG", quality=JPEG_QUALITY)
    path.write_bytes(encoded.getvalue())


def _in_parallel(draw: Callable[[Job], None], jobs: Sequence[Job], title: str) -> None:
    bar = tqdm(desc=title, total=len(jobs), unit="", mininterval=0.1 if sys.stderr.isatty() else 30.0)
    # spawn: forking a process that has threads (OpenCV's, NumPy's) may hang
    workers = ProcessPoolExecutor(
        min(usable_cores(), len(jobs)), mp_context=get_context("spawn"), initializer=_start_worker
    )
    with bar, workers:
        for _ in workers.map(draw, jobs):
            bar.update()


def _start_worker() -> None:
    end_with_parent()
    cv2.setNumThreads(1)
