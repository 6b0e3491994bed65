"""Checkerboard artefacts: a regular pattern with a period of 4 pixels, as strided decoders leave (Odena et al. 2016).

The log-spectrum distance can't see them: the pattern adds power at radii that lack it, and the distance falls. The
pattern with a period of 2 pixels, which goes with it, lies at the end of the spectrum, where a comparison with both
neighbours is not possible.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pix2pix.evaluation.distributions import ROUNDING, Mask, power_spectrum
from pix2pix.files.images import Uint8

PERIOD = 4  # pixels
ON = 1  # bins: no farther than this from the lines of the period lies its pattern
BESIDE = (3, 6)  # bins: at these distances from the lines lies what the power is compared with


def checkerboard(image: Uint8, target: Uint8, mask: Mask | None = None) -> float:
    """Orders of magnitude by which the pattern stands out of an image (size, size, 3), less those of its target.

    0: as in the target; 0.3: twice the power; below 0: less than in the target.
    """
    return _excess(image, mask) - _excess(target, mask)


def _excess(image: Uint8, mask: Mask | None) -> float:
    """Mean log10 power of the frequencies with that period along an axis, less that beside them on either side."""
    on, beside = _frequencies(len(image))
    level = np.log10(np.maximum(power_spectrum(image, mask), ROUNDING))
    return float(level[on].mean() - level[beside].mean())


@cache
def _frequencies(size: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which places of `numpy.fft.rfft2` lie on a line of the period, and which beside one and on none."""
    x, y = np.fft.rfftfreq(size, 1 / size), np.fft.fftfreq(size, 1 / size)[:, None]
    nearest = np.minimum(abs(x - size / PERIOD), abs(abs(y) - size / PERIOD))
    return nearest <= ON, (nearest >= BESIDE[0]) & (nearest <= BESIDE[1])
