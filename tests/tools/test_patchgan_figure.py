"""The figure of docs/patchgan.md proves what it claims: no gradient outside the patch that the arithmetic gives."""

import pytest

from tools.patchgan_figure import discriminator, map_side, patch, sensitivity


@pytest.mark.parametrize(("layers", "side", "logits"), [(0, 1, 256), (1, 16, 126), (3, 70, 30), (5, 286, 6)])
def test_patches_and_maps_are_those_of_the_page(layers: int, side: int, logits: int) -> None:
    network = discriminator(layers)
    assert patch(network, 0)[1] == side
    assert map_side(network, 256) == logits


@pytest.mark.parametrize(("layers", "pixels"), [(0, 64), (1, 64), (3, 160)])
def test_the_gradient_fills_the_patch_and_nothing_else(layers: int, pixels: int) -> None:
    network = discriminator(layers)
    first, side = patch(network, map_side(network, pixels) // 2)
    touched = sensitivity(layers, pixels=pixels, networks=1) > 0
    inside = touched[first : first + side, first : first + side]
    assert inside.shape == (side, side)
    assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
    assert inside.sum() == touched.sum()
