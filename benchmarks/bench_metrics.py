"""PSNR, SSIM and L1 of an image pair on one thread, against scikit-image's: `python -m benchmarks.bench_metrics`

Both score the same drawn facades and their noisy copies, in turn; processor time is compared, and the scores too.
"""

import statistics
import time

import cv2
import numpy as np
import pandas as pd
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from stages.pix2pix.drawn_facades import draw_facade
from stages.pix2pix.images import Uint8
from stages.pix2pix.metrics import scores

SIZES = (128, 256, 512)
ROUNDS = 15
IMAGES = 16


def bench_metrics() -> list[dict[str, str | float]]:
    """One row a size: milliseconds a pair of both ways, the median ratio with its range over the rounds, and the
    largest difference of any score (SSIM and L1 of 1, PSNR in dB)."""
    cv2.setNumThreads(1)
    return [_compare(size) for size in SIZES]


def _compare(size: int) -> dict[str, str | float]:
    noise = np.random.default_rng(0)
    photos = [draw_facade(index=index, size=size, seed=0)[0] for index in range(IMAGES)]
    copies = [(photo + noise.normal(0, 20, photo.shape)).round().clip(0, 255).astype(np.uint8) for photo in photos]
    seconds: dict[bool, list[float]] = {True: [], False: []}
    found: dict[bool, list[list[float]]] = {}
    for turn in range(ROUNDS + 1):
        for ours in (True, False) if turn % 2 else (False, True):
            start = time.process_time()
            score = _ours if ours else _scikit_image
            found[ours] = [score(copy, photo) for copy, photo in zip(copies, photos, strict=True)]
            seconds[ours].append((time.process_time() - start) / IMAGES)
    fast, slow = seconds[True][1:], seconds[False][1:]  # the first round warms up
    ratios = [theirs / ours for theirs, ours in zip(slow, fast, strict=True)]
    return {
        "size": f"{size} px",
        "scikit-image ms": 1000 * statistics.median(slow),
        "ours ms": 1000 * statistics.median(fast),
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "largest difference": f"{np.abs(np.subtract(found[True], found[False])).max():.0e}",
    }


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


def main() -> None:
    print(pd.DataFrame(bench_metrics()).to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    main()
