"""The figure of docs/patchgan.md shows what it claims."""

import numpy as np

from tools.patchgan_figure import sensitivity


def test_the_gradient_fills_the_patch_and_nothing_else() -> None:
    rows, columns = np.nonzero(sensitivity(3, pixels=160, networks=1))
    assert np.ptp(rows) == np.ptp(columns) == 69
