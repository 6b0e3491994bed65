"""What an image adds to two distributions of its set: the power at each spatial frequency, and the colours.

All functions are pure. With a mask (H, W) other pixels do not count; an image without any that count has neither power
nor colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pix2pix.files.images import Uint8

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST_RADIUS = 2  # a Hann window spreads the mean over the radii below
ROUNDING = 1 / 12  # level^2, the power of rounding to 8 bits
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
BINS = 256  # of width 1, around -128 … 127
XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
BLOCK = 4096  # pixels at a time, so that no array is allocated anew: that would take longer than the arithmetic
WHITE = np.array([0.95047, 1.0, 1.08883])  # D65, 2 degrees


APART = 15  # of a and b: farther beyond its target's colours a pixel is a blotch
RARE = 0.005  # the share of the target's pixels at either end that do not count as its colours


@dataclass(frozen=True)
class Distributions:
    """Of N images, one by one; those of a set are their sums."""

    power: NDArray[np.float32]
    """(N, radii): mean power at each radius, level^2; sigma^2 for white noise of that standard deviation"""
    lab: NDArray[np.uint32]
    """(N, 3, BINS): pixels by L, a and b, rounded to the nearest integer, plus 128"""


def distributions(image: Uint8, mask: Mask | None = None) -> Distributions:
    """Those of one image (size, size, 3).

    Raises:
        ValueError: not square.
    """
    if image.shape[0] != image.shape[1]:
        raise ValueError(f"a radial spectrum needs a square image, not {image.shape[1]} x {image.shape[0]}")
    return Distributions(radial_power(image, mask)[None].astype(np.float32), lab_histograms(image, mask)[None])


def joined(parts: Sequence[Distributions]) -> Distributions:
    return Distributions(np.concatenate([part.power for part in parts]), np.concatenate([part.lab for part in parts]))


def radial_power(image: Uint8, mask: Mask | None = None) -> Float64:
    """Mean power of the luma at each radius, level^2: (size, size, 3) -> (size / 2 - 2,)."""
    size = len(image)
    radius, times = rings(size)
    total = np.bincount(radius.ravel(), (times * power_spectrum(image, mask)).ravel())
    power: Float64 = total / np.bincount(radius.ravel(), times.ravel())
    return power[LEAST_RADIUS : size // 2]


def power_spectrum(image: Uint8, mask: Mask | None = None) -> Float64:
    """Power of the luma at each frequency of `numpy.fft.rfft2`, level^2: (size, size, 3) -> (size, size / 2 + 1).

    The luma less its mean is seen through a Hann window, which is 0 outside of the mask.
    """
    window = hann(len(image)) if mask is None else hann(len(image)) * mask
    energy = np.square(window).sum() or 1
    luma = image @ LUMA
    spectrum = np.fft.rfft2((luma - (luma * window).sum() / (window.sum() or 1)) * window)
    power: Float64 = (spectrum.real**2 + spectrum.imag**2) / energy
    return power


@cache
def hann(size: int) -> Float64:
    """The two-dimensional Hann window, periodic: (size, size)."""
    side = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    return np.outer(side, side)


@cache
def rings(size: int) -> tuple[NDArray[np.int64], Float64]:
    """Of each place of `numpy.fft.rfft2`: its radius to the nearest integer, and how often the full spectrum has it."""
    x, y = np.fft.rfftfreq(size, 1 / size), np.fft.fftfreq(size, 1 / size)
    times = np.where((x == 0) | (2 * x == size), 1.0, 2.0)
    return np.rint(np.hypot(x, y[:, None])).astype(np.int64), np.broadcast_to(times, (size, len(x)))


@cache
def _linear() -> Float64:
    """Linear light, 0..1, of the 256 levels of sRGB."""
    level = np.arange(256) / 255
    return np.where(level > 0.04045, ((level + 0.055) / 1.055) ** 2.4, level / 12.92)


def lab_histograms(image: Uint8, mask: Mask | None = None) -> NDArray[np.uint32]:
    """Pixels by L, a and b of CIELAB, rounded to the nearest integer: (H, W, 3) -> (3, BINS)."""
    pixels = image.reshape(-1, 3) if mask is None else image[mask]
    counts = np.zeros((3, BINS), np.int64)
    for start in range(0, len(pixels), BLOCK):
        for channel, values in enumerate(_lab(pixels[start : start + BLOCK])):
            counts[channel] += np.bincount(np.rint(values).astype(np.int64) + BINS // 2, minlength=BINS)
    return counts.astype(np.uint32)


def blotches(image: NDArray[np.uint32], target: NDArray[np.uint32]) -> float:
    """Share of an image's pixels that are redder, greener, yellower or bluer than its target ever is: Lab histograms.

    By more than APART, than all but RARE of the target's pixels; a pixel may count for a and for b.
    """
    beyond = 0
    for of_image, of_target in zip(image[1:], target[1:], strict=True):
        up_to = np.cumsum(of_target) / of_target.sum()
        lowest, highest = np.searchsorted(up_to, RARE, side="right"), np.searchsorted(up_to, 1 - RARE)
        beyond += of_image[: max(lowest - APART, 0)].sum() + of_image[highest + APART + 1 :].sum()
    return float(beyond / image[0].sum())


def _lab(pixels: Uint8) -> tuple[Float64, Float64, Float64]:
    """L 0..100, a and b of pixels (N, 3), (N,) each: those of scikit-image's rgb2lab."""
    xyz = (XYZ / WHITE[:, None]) @ _linear()[np.ascontiguousarray(pixels.T)]
    dark = xyz <= 0.008856
    roots = np.cbrt(xyz)
    roots[dark] = 7.787 * xyz[dark] + 16 / 116
    x, y, z = roots
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
