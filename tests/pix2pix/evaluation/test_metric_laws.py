"""Laws of the scores over images of any size and content: scikit-image's numbers, by value, masked or not."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from scipy import ndimage

from pix2pix.evaluation.metrics import foreground, l1, psnr, scores, ssim, ssim_map
from pix2pix.files.images import Uint8
from tests.pix2pix.evaluation.test_metrics import skimage_psnr, skimage_ssim
from tests.support.laws import image_pairs, images, of_any, seeds
from tests.support.soaks import Soak

WINDOW = 11


@pytest.mark.soak
def test_any_images_score_as_by_scikit_image(soak: Soak) -> None:
    @of_any(soak, 150, 10_000, pair=image_pairs(least=WINDOW))
    def law(pair: tuple[Uint8, Uint8]) -> None:
        image, target = pair
        mean, full = skimage_ssim(image, target, full=True)
        assert ssim(image, target) == pytest.approx(mean, abs=1e-9)
        np.testing.assert_allclose(ssim_map(image, target), full[5:-5, 5:-5], atol=1e-9)
        assert l1(image, target) == pytest.approx(np.abs(image / 255 - target / 255).mean(), abs=1e-12)
        if (image == target).all():
            assert (psnr(image, target), l1(image, target)) == (math.inf, 0)
            assert ssim(image, target) == pytest.approx(1, abs=1e-12)
        else:
            assert psnr(image, target) == pytest.approx(skimage_psnr(image, target), abs=1e-9)


@pytest.mark.soak
def test_any_images_score_the_same_turned_swapped_or_negative(soak: Soak) -> None:
    """Of PSNR and L1 also below the window's size; SSIM, which knows dark from bright, only turned and swapped."""

    @of_any(soak, 60, 3_000, pair=image_pairs())
    def law(pair: tuple[Uint8, Uint8]) -> None:
        image, target = pair
        others = [(target, image), (image[::-1, ::-1], target[::-1, ::-1]), (np.rot90(image), np.rot90(target))]
        for score in (psnr, l1, ssim):
            if score is ssim and min(image.shape[:2]) < WINDOW:
                with pytest.raises(ValueError, match="SSIM needs sides above 10 pixels"):
                    ssim(image, target)
                continue
            value = score(image, target)
            turned = others if score is ssim else [*others, (255 - image, 255 - target)]
            assert [score(*other) for other in turned] == pytest.approx([value] * len(turned), abs=1e-9)
            low, high = {psnr: (0, math.inf), l1: (0, 1), ssim: (-1, 1)}[score]
            assert low - 1e-12 <= value <= high + 1e-12


@pytest.mark.soak
def test_any_mask_means_its_pixels_alone(soak: Soak) -> None:
    @of_any(soak, 60, 3_000, pair=image_pairs(least=WINDOW), seed=seeds, share=st.floats(0.01, 1))
    def law(pair: tuple[Uint8, Uint8], seed: int, share: float) -> None:
        image, target = pair
        mask = np.random.default_rng(seed).random(image.shape[:2]) < share
        assume(mask[5:-5, 5:-5].any())
        error = image[mask].astype(np.int64) - target[mask]
        mean = np.square(error).mean()
        expected = 10 * math.log10(255 * 255 / mean) if mean else math.inf
        assert psnr(image, target, mask) == pytest.approx(expected, abs=1e-9)
        assert l1(image, target, mask) == pytest.approx(np.abs(error).mean() / 255, abs=1e-12)
        values = skimage_ssim(image, target, full=True)[1]
        assert ssim(image, target, mask) == pytest.approx(values[5:-5, 5:-5][mask[5:-5, 5:-5]].mean(), abs=1e-9)


@pytest.mark.soak
def test_the_backdrop_is_the_white_that_a_walk_from_outside_reaches(soak: Soak) -> None:
    """Four neighbours, not eight: a line of the car one pixel wide, drawn aslant, holds the white inside."""
    sizes = st.tuples(st.integers(1, 24), st.integers(1, 24))

    @of_any(soak, 100, 5_000, photo=sizes.flatmap(lambda size: images(*size)))
    def law(photo: Uint8) -> None:
        white = np.pad((photo == 255).all(2), 1, constant_values=True)
        pieces, _ = ndimage.label(white)  # of four neighbours
        np.testing.assert_array_equal(foreground(photo), (pieces != pieces[0, 0])[1:-1, 1:-1])


@pytest.mark.parametrize("masked_out", [False, True])
def test_the_row_of_an_image_names_each_score(masked_out: bool) -> None:
    target = np.full((32, 40, 3), 255, np.uint8)
    target[8:24, 8:30] = 90
    image = target // 2
    row = scores(image, target, masked_out=masked_out)
    mask = foreground(target)
    expected = {"psnr": psnr(image, target), "ssim": ssim(image, target), "l1": l1(image, target)}
    alone = {
        "fg_psnr": psnr(image, target, mask),
        "fg_ssim": ssim(image, target, mask),
        "fg_l1": l1(image, target, mask),
    }
    assert row == expected | (alone if masked_out else {})
    assert len({*expected.values(), *alone.values()}) == 6, "the case must tell them apart"


@pytest.mark.parametrize("score", [psnr, l1, ssim])
@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint16, np.int64, np.float32])
def test_other_types_are_refused_on_either_side(score: Callable[..., float], kind: type[np.generic]) -> None:
    image = np.ones((16, 16, 3), np.uint8)
    for pair in ((image.astype(kind), image), (image, image.astype(kind)), (image.astype(kind), image.astype(kind))):
        with pytest.raises(ValueError, match="metrics need two uint8 images of one shape"):
            score(*pair)


@pytest.mark.parametrize("score", [psnr, l1, ssim])
@pytest.mark.parametrize("shape", [(16, 15, 3), (16, 17, 3), (15, 16, 3), (17, 16, 3), (16, 16, 1), (1, 16, 3)])
def test_other_shapes_are_refused_on_either_side(score: Callable[..., float], shape: tuple[int, ...]) -> None:
    """Also those that NumPy would stretch over the other image."""
    image, other = np.ones((16, 16, 3), np.uint8), np.ones(shape, np.uint8)
    for pair in ((image, other), (other, image)):
        with pytest.raises(ValueError, match="metrics need two uint8 images of one shape"):
            score(*pair)
