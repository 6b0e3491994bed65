"""Carvana photos to pairs on one core, against a plain Pillow loop. `python -m benchmarks.bench_prepare [--raw DIR]`

Both ways read the same JPEG photos and GIF masks (1918 x 1280) and write edges | car on white as PNG, with Canny's
edges. They take turns on one thread; processor time is compared, so that neighbours on the machine count for little.
The photos are drawn on the spot, or read from a folder with Carvana's train/ and train_masks/.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from stages.pix2pix.carvana import Photo, cut_out, find_photos
from stages.pix2pix.cores import keep_memory
from stages.pix2pix.edges import canny
from stages.pix2pix.images import write_png
from stages.pix2pix.pairs import stitch

SIZES = (256, 128)
ROUNDS = 7
PHOTOS = 32
BLUR_SIGMA, LOW, HIGH = 1.0, 40, 110


def bench_prepare(*, raw: Path | None = None) -> list[dict[str, str | float]]:
    """One row a size: milliseconds a photo of both ways and of reading the files alone, the median ratio with its range
    over the rounds, and the weight of a pair in KiB."""
    cv2.setNumThreads(1)
    keep_memory()  # as the stage does; the plain loop gains from it too
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = find_photos(raw or _draw_photos(folder / "raw"))
        photos = [found[i * len(found) // PHOTOS] for i in range(PHOTOS)]
        return [_compare(photos, size=size, folder=folder) for size in SIZES]


def _compare(photos: list[Photo], *, size: int, folder: Path) -> dict[str, str | float]:
    ways = [_plain, _ours, _read]
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


def _plain(photo: Photo, out: Path, size: int) -> None:
    """As one would write it with Pillow: everything at full scale, then resized."""
    with Image.open(photo.image) as opened:
        image = opened.convert("RGB")
    with Image.open(photo.mask) as opened:
        mask = opened.convert("L")
    car = Image.composite(image, Image.new("RGB", image.size, "white"), mask)
    side = np.asarray(car.resize((size, size)))
    lines = cv2.Canny(cv2.GaussianBlur(cv2.cvtColor(side, cv2.COLOR_RGB2GRAY), (0, 0), BLUR_SIGMA), LOW, HIGH)
    edges = np.repeat(255 - np.asarray(lines, np.uint8)[..., None], 3, axis=2)
    Image.fromarray(np.concatenate([edges, side], axis=1)).save(out)


def _ours(photo: Photo, out: Path, size: int) -> None:
    image, _ = cut_out(photo, size=size)
    write_png(out, stitch(canny(image, blur_sigma=BLUR_SIGMA, low=LOW, high=HIGH), image))


def _read(photo: Photo, _: Path, size: int) -> None:
    with Image.open(photo.image) as image:
        image.draft("RGB", (size, size))
        image.load()
    with Image.open(photo.mask) as mask:
        mask.load()


def _draw_photos(root: Path) -> Path:
    """Photos of Carvana's size and about its weight (100 KiB): a grainy backdrop and a car-sized, striped body."""
    (root / "train").mkdir(parents=True)
    (root / "train_masks").mkdir()
    random = np.random.default_rng(0)
    for number in range(PHOTOS):
        photo = np.full((1280, 1918, 3), 225, np.float32) + np.linspace(-25, 25, 1280)[:, None, None]
        photo += cv2.GaussianBlur(random.normal(0, 24, photo.shape).astype(np.float32), (0, 0), 4)
        mask = np.zeros((1280, 1918), np.uint8)
        centre = (959 + 4 * number, 720)
        cv2.ellipse(mask, centre, (620, 270), 0, 0, 360, 1, -1)
        cv2.ellipse(mask, (centre[0], 520), (380, 200), 0, 0, 360, 1, -1)
        photo[mask > 0] -= random.uniform(40, 180, 3)
        for x in range(500, 1400, 60):
            cv2.rectangle(photo, (x, 640), (x + 30, 760), random.uniform(0, 255, 3).tolist(), -1)
        name = f"{number // 16:012x}_{number % 16 + 1:02}"
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(root / f"train/{name}.jpg", quality=85)
        gif = Image.fromarray(mask).convert("P")
        gif.putpalette([0, 0, 0, 255, 255, 255])
        gif.save(root / f"train_masks/{name}_mask.gif")
    return root


def main() -> None:
    parser = argparse.ArgumentParser(description="Carvana photos to pairs on one core, against a plain Pillow loop.")
    parser.add_argument("--raw", type=Path, help="folder with train/ and train_masks/ (default: drawn photos)")
    rows = bench_prepare(raw=parser.parse_args().raw)
    print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    main()
