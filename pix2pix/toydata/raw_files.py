"""Drawn data as raw files, in the layouts of the real archives, so that `prepare` treats them alike.

    cars       photos and masks named as Carvana's (pix2pix/pairs/carvana.py); a car's name is 12 hex digits
    facades    train/<n>.jpg and val/<n>.jpg, photo | label side by side, as in the pix2pix archive of the CMP facades

The same arguments give the same bytes, on any number of cores.
"""

import hashlib
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix.files.images import Uint8
from pix2pix.machine.worker_pool import map_in_processes
from pix2pix.pairs import carvana
from pix2pix.toydata.cars import draw_car
from pix2pix.toydata.facades import draw_facade

JPEG_QUALITY = 95  # with Pillow's chroma subsampling 4:2:0, so that label colours bleed as in the real archive
FIRST_VAL_INDEX = 1_000_000  # of the held-out houses: more training houses leave them as they are


House = tuple[str, int, int]  # split, number of its file, index that decides how it looks


def write_cars(folder: Path, *, cars: int, views: int, size: int, seed: int) -> None:
    """Draw `cars` cars from `views` (at most 99) sides, `size` pixels square, with masks of 0 and 1, into `folder`."""
    for name in (carvana.PHOTO_FOLDER, carvana.MASK_FOLDER):
        (folder / name).mkdir()
    draw = partial(_write_car, folder=folder, views=views, size=size, seed=seed)
    map_in_processes(draw, range(cars), description="drawing cars", items_per_worker=25)


def write_facades(folder: Path, *, train: int, val: int, size: int, seed: int) -> None:
    """Draw `train` and `val` houses, photo and label each `size` pixels square, into `folder`."""
    for split in ("train", "val"):
        (folder / split).mkdir()
    houses: list[House] = [("train", n + 1, n) for n in range(train)]
    houses += [("val", n + 1, FIRST_VAL_INDEX + n) for n in range(val)]
    draw = partial(_write_facade, folder=folder, size=size, seed=seed)
    map_in_processes(draw, houses, description="drawing houses", items_per_worker=25)


def car_name(*, car: int, seed: int) -> str:
    """12 hex digits, as Carvana names its cars."""
    return hashlib.sha256(f"{seed}:{car}".encode()).hexdigest()[:12]


def _write_car(car: int, *, folder: Path, views: int, size: int, seed: int) -> None:
    for view in range(views):
        photo, mask = draw_car(car=car, view=view, views=views, size=size, seed=seed)
        id = f"{car_name(car=car, seed=seed)}_{view + 1:02d}"
        _write_jpeg(folder / carvana.photo_path(id), photo)
        image = Image.fromarray(mask, mode="P")
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.save(folder / carvana.mask_path(id), optimize=False)


def _write_facade(house: House, *, folder: Path, size: int, seed: int) -> None:
    split, number, index = house
    photo, label = draw_facade(index=index, size=size, seed=seed)
    _write_jpeg(folder / split / f"{number}.jpg", np.concatenate([photo, label], axis=1))


def _write_jpeg(path: Path, image: Uint8) -> None:
    encoded = BytesIO()  # not the file itself: Pillow reports no error when a full disk cuts a JPEG short
    Image.fromarray(image).save(encoded, "JPEG", quality=JPEG_QUALITY)
    path.write_bytes(encoded.getvalue())
