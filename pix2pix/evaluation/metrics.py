"""PSNR, SSIM and L1 of uint8 images, as pure functions of two arrays, equal to scikit-image's to rounding.

SSIM: Gaussian window sigma 1.5, truncated at 3.5 sigma (11 taps), per RGB channel, population covariance, K1 0.01, K2
0.03, mean over the pixels whose window lies inside (Wang et al. 2004). PSNR is infinite for equal images; in
the row of an image (`scores`), of which means are taken, it is at most that of rounding to 8 bits.
All raise ValueError for arrays that are not uint8 of one shape, and for a mask of another shape or without a pixel.
"""

import math
import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2pix.files.images import Uint8

DATA_RANGE = 255.0
MOST_PSNR = 10 * math.log10(DATA_RANGE**2 * 12)  # 58.9 dB: rounding to 8 bits has an error of 1/12 level^2
SIGMA = 1.5
RADIUS = int(3.5 * SIGMA + 0.5)
TAPS = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
TAPS /= TAPS.sum()

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


def psnr(image: Uint8, target: Uint8, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB over all channels, of the pixels where `mask` (H, W) holds."""
    error = _mean(image, target, cv2.NORM_L2SQR, mask)
    return math.inf if error == 0 else 10 * math.log10(DATA_RANGE**2 / error)


def l1(image: Uint8, target: Uint8, mask: Mask | None = None) -> float:
    """Mean absolute difference of 1 (0 equal, 1 black against white), of the pixels where `mask` (H, W) holds."""
    return _mean(image, target, cv2.NORM_L1, mask) / DATA_RANGE


def ssim(image: Uint8, target: Uint8, mask: Mask | None = None) -> float:
    """Mean structural similarity of RGB images, -1..1; with `mask` (H, W) the mean of the map where it holds.

    Raises:
        ValueError: a side is shorter than the window of 11 pixels.
    """
    _check(image, target, mask)
    return _mean_inside(_ssim_map(image, target), mask)


def ssim_map(image: Uint8, target: Uint8) -> Float64:
    """SSIM of every window that lies inside: (H - 10, W - 10, 3)."""
    return _ssim_map(image, target).copy()


def scores(image: Uint8, target: Uint8, *, masked_out: bool) -> dict[str, float]:
    """psnr, ssim and l1; where the target is `masked_out` on white, also of its foreground alone (fg_...).

    PSNR is at most MOST_PSNR, so that the mean over images is finite where one is equal to its target.
    """
    values = _ssim_map(image, target)
    masks = {"": None, "fg_": foreground(target)} if masked_out else {"": None}
    row: dict[str, float] = {}
    for of, mask in masks.items():
        row[f"{of}psnr"] = min(psnr(image, target, mask), MOST_PSNR)
        row[f"{of}ssim"] = _mean_inside(values, mask)
        row[f"{of}l1"] = l1(image, target, mask)
    return row


def foreground(photo: Uint8) -> Mask:
    """(H, W), False on the white backdrop: the pure white that is connected to the border of a masked-out photo."""
    white = np.pad((photo == 255).all(2).astype(np.uint8), 1, constant_values=1)
    cv2.floodFill(white, None, (0, 0), 2)
    return np.asarray(white[1:-1, 1:-1] != 2)


class _Buffers(threading.local):
    """Six arrays of one shape for each thread: allocating them for each image would take longer than the arithmetic."""

    arrays: tuple[Float64, ...] = (np.empty(0),)

    def of(self, shape: tuple[int, ...]) -> tuple[Float64, ...]:
        if self.arrays[0].shape != shape:
            self.arrays = tuple(np.empty(shape) for _ in range(6))
        return self.arrays


_buffers = _Buffers()


def _ssim_map(image: Uint8, target: Uint8) -> Float64:
    """As `ssim_map`, in a buffer that the next call in this thread overwrites.

    Four windowed means suffice, those of the sum s and the difference d of both images and of their squares: with
    x = (s + d) / 2 and y = (s - d) / 2, 4 xy = s^2 - d^2 and 2 (x^2 + y^2) = s^2 + d^2. The same holds of the means,
    and of variances and covariance.
    """
    _check(image, target)
    if min(image.shape[:2]) <= 2 * RADIUS:
        raise ValueError(f"SSIM needs sides above {2 * RADIUS} pixels, not {image.shape[1]} x {image.shape[0]}")
    s, d, mean_s, mean_d, variance_s, variance_d = _buffers.of(image.shape)
    np.add(image, target, out=s, dtype=np.float64)
    np.subtract(image, target, out=d, dtype=np.float64)
    _square_moments(s, mean_s, variance_s)
    _square_moments(d, mean_d, variance_d)
    mean_s += 2 * (0.01 * DATA_RANGE) ** 2
    variance_s += 2 * (0.03 * DATA_RANGE) ** 2
    numerator, denominator = np.subtract(mean_s, mean_d, out=s), np.add(mean_s, mean_d, out=mean_s)
    numerator *= np.subtract(variance_s, variance_d, out=d)
    denominator *= np.add(variance_s, variance_d, out=variance_s)
    numerator /= denominator
    return numerator[RADIUS:-RADIUS, RADIUS:-RADIUS]


def _square_moments(values: Float64, mean: Float64, variance: Float64) -> None:
    """Write the square of each window's mean, and its variance, to the other two arrays; `values` is overwritten."""
    cv2.sepFilter2D(values, cv2.CV_64F, TAPS, TAPS, dst=mean)
    values *= values
    cv2.sepFilter2D(values, cv2.CV_64F, TAPS, TAPS, dst=variance)
    mean *= mean
    variance -= mean


def _mean(image: Uint8, target: Uint8, norm: int, mask: Mask | None) -> float:
    """Mean over pixels and channels of the absolute (NORM_L1) or the squared (NORM_L2SQR) difference; exact sums."""
    _check(image, target, mask)
    if mask is None:
        return float(cv2.norm(image, target, norm) / image.size)
    return float(cv2.norm(image, target, norm, mask.astype(np.uint8)) / (_count(mask) * image.shape[2]))


def _mean_inside(values: Float64, mask: Mask | None) -> float:
    if mask is None:
        return float(values.mean())
    inside = mask[RADIUS:-RADIUS, RADIUS:-RADIUS]
    _count(inside)
    return float(values[inside].mean())


def _count(mask: Mask) -> int:
    count = int(np.count_nonzero(mask))
    if not count:
        raise ValueError("the mask holds no pixel: nothing to score")
    return count


def _check(image: Uint8, target: Uint8, mask: Mask | None = None) -> None:
    if image.shape != target.shape or image.dtype != np.uint8 or target.dtype != np.uint8 or not image.size:
        raise ValueError(
            "metrics need two uint8 images of one shape, "
            f"not {image.dtype} {image.shape} and {target.dtype} {target.shape}"
        )
    if mask is not None and (mask.shape != image.shape[:2] or mask.dtype != np.bool_):
        raise ValueError(
            f"the mask of images {image.shape[:2]} must be of that shape and bool, not {mask.dtype} {mask.shape}"
        )
