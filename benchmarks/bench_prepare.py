"""Carvana photos to pairs on one core, against a plain Pillow loop.

Both ways read the same JPEG photos and GIF masks (1918 x 1280) and write edges | car on white as PNG, with Canny's
edges. They take turns on one thread; processor time is compared, so that neighbours on the machine count for little.
The photos are drawn on the spot.
"""

import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.drawn_photos import draw_photos
from pix2pix.files.images import write_png
from pix2pix.machine.resources import keep_memory
from pix2pix.pairs.carvana import cut_out, find_photos
from pix2pix.pairs.edges import canny
from pix2pix.pairs.raw_pairs import RawPair
from pix2pix.pairs.stitched import stitch

SIZES = (256, 128)
ROUNDS = 7
BLUR_SIGMA, LOW, HIGH = 1.0, 40, 110


def bench_prepare() -> list[dict[str, str | float]]:
    """One row a size: milliseconds a photo of both ways and of reading the files alone, the median ratio with its range
    over the rounds, and the weight of a pair in KiB."""
    cv2.setNumThreads(1)
    keep_memory()  # as the stage does; the plain loop gains from it too
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = find_photos(draw_photos(folder / "raw"), hold_out=0, seed=0)
        return [_compare(photos, size=size, folder=folder) for size in SIZES]


def _compare(photos: list[RawPair], *, size: int, folder: Path) -> dict[str, str | float]:
    ways = [_plain, _ours, decode]
    seconds: list[list[float]] = [[], [], []]
    for turn in range(ROUNDS + 1):
        for which in sorted(range(3), key=lambda way: (way + turn) % 3):
            start = time.process_time()
            for number, photo in enumerate(photos):
                ways[which](photo, folder / f"{which}_{number}.png", size)
            seconds[which].append((time.process_time() - start) / len(photos))
    plain, ours, read = (way[1:] for way in seconds)  # the first round warms up
    ratios = [slow / fast for slow, fast in zip(plain, ours, strict=True)]
    weights = [sum(path.stat().st_size for path in folder.glob(f"{way}_*.png")) / 1024 / len(photos) for way in (0, 1)]
    return {
        "size": f"{size} px",
        "plain ms": 1000 * statistics.median(plain),
        "ours ms": 1000 * statistics.median(ours),
        "reading alone ms": 1000 * statistics.median(read),
        "reading of ours": statistics.median(limit / fast for limit, fast in zip(read, ours, strict=True)),
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "plain KiB": weights[0],
        "ours KiB": weights[1],
    }


def _plain(photo: RawPair, out: Path, size: int) -> None:
    """As one would write it with Pillow: everything at full scale, then resized."""
    image_file, mask_file = photo.files
    with Image.open(image_file) as opened:
        image = opened.convert("RGB")
    with Image.open(mask_file) as opened:
        mask = opened.convert("L")
    car = Image.composite(image, Image.new("RGB", image.size, "white"), mask)
    side = np.asarray(car.resize((size, size)))
    lines = cv2.Canny(cv2.GaussianBlur(cv2.cvtColor(side, cv2.COLOR_RGB2GRAY), (0, 0), BLUR_SIGMA), LOW, HIGH)
    edges = np.repeat(255 - np.asarray(lines, np.uint8)[..., None], 3, axis=2)
    Image.fromarray(np.concatenate([edges, side], axis=1)).save(out)


def _ours(photo: RawPair, out: Path, size: int) -> None:
    image, _ = cut_out(*photo.files, size=size)
    write_png(out, stitch(canny(image, blur_sigma=BLUR_SIGMA, low=LOW, high=HIGH), image))


def decode(photo: RawPair, _: Path, size: int) -> None:
    """What nobody can do without: the photo at reduced scale, and its mask."""
    image_file, mask_file = photo.files
    with Image.open(image_file) as image:
        image.draft("RGB", (size, size))
        image.load()
    with Image.open(mask_file) as mask:
        mask.load()
