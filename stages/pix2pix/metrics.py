"""PSNR, SSIM and L1 of uint8 images, as pure functions of two arrays, equal to scikit-image's to rounding.

SSIM: Gaussian window sigma 1.5, truncated at 3.5 sigma (11 taps), per RGB channel, population covariance, K1 0.01, K2
0.03, mean over the pixels whose window lies inside (Wang et al. 2004). PSNR is infinite for equal images, never capped.
All raise ValueError for arrays that are not uint8 of one shape, and for a mask that holds nowhere.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.pix2pix.images import Uint8

DATA_RANGE = 255.0
SIGMA = 1.5
RADIUS = int(3.5 * SIGMA + 0.5)

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


def psnr(image: Uint8, target: Uint8, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB over all channels, of the pixels where `mask` (H, W) holds."""
    _check(image, target)
    error = np.square(_inside(image, mask).astype(np.float64) - _inside(target, mask)).mean()
    return math.inf if error == 0 else float(10 * math.log10(DATA_RANGE**2 / error))


def l1(image: Uint8, target: Uint8, mask: Mask | None = None) -> float:
    """Mean absolute difference of 1 (0 equal, 1 black against white), of the pixels where `mask` (H, W) holds."""
    _check(image, target)
    return float(np.abs(_inside(image, mask).astype(np.float64) - _inside(target, mask)).mean() / DATA_RANGE)


def ssim(image: Uint8, target: Uint8, mask: Mask | None = None) -> float:
    """Mean structural similarity of RGB images, -1..1; with `mask` (H, W) the mean of the map where it holds.

    Raises:
        ValueError: a side is shorter than the window of 11 pixels.
    """
    values = ssim_map(image, target)
    inside = mask[RADIUS:-RADIUS, RADIUS:-RADIUS] if mask is not None else None
    return float(_inside(values, inside).mean())


def ssim_map(image: Uint8, target: Uint8) -> Float64:
    """SSIM of every window that lies inside: (H - 10, W - 10, 3)."""
    _check(image, target)
    if min(image.shape[:2]) <= 2 * RADIUS:
        raise ValueError(f"SSIM needs sides above {2 * RADIUS} pixels, not {image.shape[1]} x {image.shape[0]}")
    x, y = image.astype(np.float64), target.astype(np.float64)
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x * mean_x
    variance_y = _window(y * y) - mean_y * mean_y
    covariance = _window(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * DATA_RANGE) ** 2, (0.03 * DATA_RANGE) ** 2
    return ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )


def scores(image: Uint8, target: Uint8, *, masked_out: bool) -> dict[str, float]:
    """psnr, ssim and l1; where the target is `masked_out` on white, also of its foreground alone (fg_...)."""
    named = {"psnr": psnr, "ssim": ssim, "l1": l1}
    row = {name: score(image, target) for name, score in named.items()}
    if masked_out:
        mask = foreground(target)
        row |= {f"fg_{name}": score(image, target, mask) for name, score in named.items()}
    return row


def foreground(photo: Uint8) -> Mask:
    """(H, W), False on the white backdrop: the pure white that is connected to the border of a masked-out photo."""
    white = np.pad((photo == 255).all(2).astype(np.uint8), 1, constant_values=1)
    cv2.floodFill(white, None, (0, 0), 2)
    return np.asarray(white[1:-1, 1:-1] != 2)


def _window(x: Float64) -> Float64:
    taps = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    taps /= taps.sum()
    blurred = cv2.sepFilter2D(x, cv2.CV_64F, taps, taps)[RADIUS:-RADIUS, RADIUS:-RADIUS]
    return np.asarray(blurred, np.float64)


def _inside(values: NDArray[np.generic], mask: Mask | None) -> NDArray[np.float64]:
    inside = np.asarray(values if mask is None else values[mask], np.float64)
    if not inside.size:
        raise ValueError("the mask holds no pixel: nothing to score")
    return inside


def _check(image: Uint8, target: Uint8) -> None:
    if image.shape != target.shape or image.dtype != np.uint8 or target.dtype != np.uint8:
        raise ValueError(
            "metrics need two uint8 images of one shape, "
            f"not {image.dtype} {image.shape} and {target.dtype} {target.shape}"
        )
