"""PSNR, SSIM and L1 of an image pair on one thread, against scikit-image's

Each way reads the same PNG files and scores them in a process of its own, as one would run it, in turn with the other:
in one process the arrays of one way would decide how long the other waits for memory. Processor time is compared, of
the scores alone; and the scores too.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pix2pix.evaluation.metrics import scores
from pix2pix.files.images import Uint8, read_image, write_png
from pix2pix.toydata.facades import draw_facade

SIZES = (128, 256, 512)
ROUNDS = 5
IMAGES, TIMES = 16, 6


def bench_metrics() -> list[dict[str, str | float]]:
    """One row a size: milliseconds a pair of both ways, and the median ratio with its range over the rounds.

    Raises:
        ValueError: the scores are not equal, to 1e-9.
    """
    with tempfile.TemporaryDirectory() as name:
        return [_compare(Path(name, str(size)), size) for size in SIZES]


def _compare(folder: Path, size: int) -> dict[str, str | float]:
    _draw(folder, size)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    scored: dict[str, list[list[float]]] = {}
    for turn in range(ROUNDS):
        for way in list(WAYS)[:: 1 if turn % 2 else -1]:
            command = [sys.executable, "-m", "benchmarks.bench_metrics", way, str(folder)]
            found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
            seconds[way].append(found["seconds"])
            scored[way] = found["scores"]
    if not np.allclose(scored["ours"], scored["scikit-image"], rtol=0, atol=1e-9):
        raise ValueError(f"{size} px: our scores differ from scikit-image's")
    ratios = [theirs / ours for theirs, ours in zip(seconds["scikit-image"], seconds["ours"], strict=True)]
    return {
        "size": f"{size} px",
        "scikit-image ms": 1000 * statistics.median(seconds["scikit-image"]),
        "ours ms": 1000 * statistics.median(seconds["ours"]),
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
    }


def _draw(folder: Path, size: int) -> None:
    """Facades, and noisy copies of them."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    for index in range(IMAGES):
        photo, _ = draw_facade(index=index, size=size, seed=0)
        write_png(folder / f"{index}_target.png", photo)
        copy = (photo + noise.normal(0, 20, photo.shape)).round().clip(0, 255).astype(np.uint8)
        write_png(folder / f"{index}_image.png", copy)


def _score(way: str, folder: Path) -> dict[str, float | list[list[float]]]:
    """Median seconds of a pair by one way, the first time left out, and all scores."""
    cv2.setNumThreads(1)
    seconds, scored = [], []
    for turn in range(TIMES):
        for index in range(IMAGES):
            image, target = (read_image(folder / f"{index}_{side}.png") for side in ("image", "target"))
            start = time.process_time()
            found = WAYS[way](image, target)
            if turn:
                seconds.append(time.process_time() - start)
            else:
                scored.append(found)
    return {"seconds": statistics.median(seconds), "scores": scored}


def _ours(image: Uint8, target: Uint8) -> list[float]:
    row = scores(image, target, masked_out=False)
    return [row["psnr"], row["ssim"], row["l1"]]


def _scikit_image(image: Uint8, target: Uint8) -> list[float]:
    """As one would write it by its documentation, to the definitions of Wang et al. 2004."""
    ssim = structural_similarity(  # type: ignore[no-untyped-call]
        image,
        target,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    psnr = peak_signal_noise_ratio(target, image, data_range=255)  # type: ignore[no-untyped-call]
    return [psnr, ssim, float(np.abs(image / 255 - target / 255).mean())]


WAYS = {"ours": _ours, "scikit-image": _scikit_image}


def main() -> None:
    parser = argparse.ArgumentParser(description="PSNR, SSIM and L1 on one thread, against scikit-image's.")
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("folder", type=Path, help="with the images to score, once")
    given = parser.parse_args()
    print(json.dumps(_score(given.way, given.folder)))


if __name__ == "__main__":
    main()
