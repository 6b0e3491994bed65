"""Laws of the metrics over images of any size and content: scikit-image's numbers, by value, masked or not."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pix2pix.evaluation.metrics import foreground, l1, psnr, scores, ssim, ssim_map
from pix2pix.files.images import Uint8
from pix2pix.toydata.facades import draw_facade
from tests.support.laws import image_pairs, images, of_any, seeds
from tests.support.soaks import Soak
from tests.support.tiny import random_image

WINDOW = 11
of_every_metric = pytest.mark.parametrize("metric", [psnr, ssim, l1])


def flat(value: int, height: int = 32, width: int = 32) -> Uint8:
    return np.full((height, width, 3), value, np.uint8)


def skimage_psnr(image: Uint8, target: Uint8) -> Any:
    return peak_signal_noise_ratio(target, image, data_range=255)  # type: ignore[no-untyped-call]


def skimage_ssim(image: Uint8, target: Uint8) -> tuple[float, NDArray[np.float64]]:
    mean, values = structural_similarity(  # type: ignore[no-untyped-call]
        image,
        target,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    return mean, values[5:-5, 5:-5]


@pytest.mark.soak
def test_any_images_score_as_by_scikit_image(soak: Soak) -> None:
    @of_any(soak, 150, 10_000, pair=image_pairs(least=WINDOW))
    def law(pair: tuple[Uint8, Uint8]) -> None:
        image, target = pair
        mean, values = skimage_ssim(image, target)
        assert ssim(image, target) == pytest.approx(mean, abs=1e-9)
        np.testing.assert_allclose(ssim_map(image, target), values, atol=1e-9)
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
        for metric in (psnr, l1, ssim):
            if metric is ssim and min(image.shape[:2]) < WINDOW:
                size = f"{image.shape[1]} x {image.shape[0]}"
                with pytest.raises(ValueError, match=f"SSIM needs sides above 10 pixels, not {size}$"):
                    ssim(image, target)
                continue
            value = metric(image, target)
            turned = others if metric is ssim else [*others, (255 - image, 255 - target)]
            assert [metric(*other) for other in turned] == pytest.approx([value] * len(turned), abs=1e-9)
            low, high = {psnr: (0, math.inf), l1: (0, 1), ssim: (-1, 1)}[metric]
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
        values = skimage_ssim(image, target)[1]
        assert ssim(image, target, mask) == pytest.approx(values[mask[5:-5, 5:-5]].mean(), abs=1e-9)


def test_images_scored_beside_others_score_as_alone() -> None:
    """In threads, and of several sizes: each thread has buffers of its own, for one size at a time."""
    pairs = [(random_image(i, 40 + i % 3, 64), random_image(i + 99, 40 + i % 3, 64)) for i in range(60)]
    alone = [ssim(*pair) for pair in pairs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda pair: ssim(*pair), pairs)) == alone
    kept = ssim_map(*pairs[0])
    before = kept.copy()
    ssim(*pairs[3])
    np.testing.assert_array_equal(kept, before)


def test_images_may_be_views_with_strides() -> None:
    image, target = random_image(0, 64, 80)[::2, ::-1], random_image(1, 64, 80)[1::2, :]
    for metric in (psnr, ssim, l1):
        assert metric(image, target) == metric(image.copy(), target.copy())


def test_more_noise_scores_worse() -> None:
    house = draw_facade(index=1, size=64, seed=0)[0]
    noise = np.random.default_rng(0).normal(0, 1, house.shape)
    copies = [(house + sigma * noise).round().clip(0, 255).astype(np.uint8) for sigma in (2, 5, 10, 20, 40)]
    for metric, order in ((psnr, -1), (ssim, -1), (l1, 1)):
        values = [metric(copy, house) for copy in copies]
        assert values == sorted(values, reverse=order < 0)


@pytest.mark.soak
def test_the_backdrop_is_the_white_that_a_walk_from_outside_reaches(soak: Soak) -> None:
    """Four neighbours, not eight: a line of the car one pixel wide, drawn aslant, holds the white inside."""
    sizes = st.tuples(st.integers(1, 24), st.integers(1, 24))

    @of_any(soak, 100, 5_000, photo=sizes.flatmap(lambda size: images(*size)))
    def law(photo: Uint8) -> None:
        white = np.pad((photo == 255).all(2), 1, constant_values=True)
        pieces, _ = ndimage.label(white)  # of four neighbours
        np.testing.assert_array_equal(foreground(photo), (pieces != pieces[0, 0])[1:-1, 1:-1])


def test_a_car_that_touches_the_border_leaves_backdrop_on_both_sides() -> None:
    photo = flat(255, 30, 40)
    photo[:, 15:25] = (200, 10, 10)
    photo[10:14, 18:22] = 255  # a white number plate
    photo[5, 30] = 254  # only pure white is backdrop
    expected = np.zeros((30, 40), np.bool_)
    expected[:, 15:25] = expected[5, 30] = True
    np.testing.assert_array_equal(foreground(photo), expected)


def test_equal_images_have_the_psnr_of_rounding_in_their_row_and_its_mean_is_finite() -> None:
    """An error of 1/12 level^2, over all and over the foreground."""
    target = flat(255)
    target[8:24, 8:30] = 90
    row = scores(target, target, masked_out=True)
    assert (
        row["psnr"] == row["fg_psnr"] == pytest.approx(10 * math.log10(255**2 * 12)) == pytest.approx(58.92, abs=0.01)
    )
    assert psnr(target, target) == math.inf


@pytest.mark.parametrize("masked_out", [False, True])
def test_the_row_of_an_image_names_each_metric(masked_out: bool) -> None:
    target = flat(255, 32, 40)
    target[8:24, 8:30] = 90
    image = target // 2
    mask = foreground(target)
    row = scores(image, target, masked_out=masked_out)
    whole = {"psnr": psnr(image, target), "ssim": ssim(image, target), "l1": l1(image, target)}
    alone = {f"fg_{metric.__name__}": metric(image, target, mask) for metric in (psnr, ssim, l1)}
    assert row == whole | (alone if masked_out else {})
    assert len({*whole.values(), *alone.values()}) == 6, "the case must tell them apart"


@of_every_metric
@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint16, np.int64, np.float32, np.float64])
def test_other_types_are_refused_on_either_side(metric: Callable[..., float], kind: type[np.generic]) -> None:
    image = np.ones((16, 16, 3), np.uint8)
    for pair in ((image.astype(kind), image), (image, image.astype(kind)), (image.astype(kind), image.astype(kind))):
        with pytest.raises(ValueError, match="metrics need two uint8 images of one shape"):
            metric(*pair)


@of_every_metric
@pytest.mark.parametrize("shape", [(16, 15, 3), (17, 16, 3), (16, 16, 1), (1, 16, 3), (1, 16, 16, 3), (0, 16, 3)])
def test_other_shapes_are_refused_on_either_side(metric: Callable[..., float], shape: tuple[int, ...]) -> None:
    """Also those that NumPy would stretch over the other image, and images without pixels."""
    image, other = np.ones((16, 16, 3), np.uint8), np.ones(shape, np.uint8)
    for pair in ((image, other), (other, image), (other[:0], other[:0])):
        with pytest.raises(ValueError, match="metrics need two uint8 images of one shape"):
            metric(*pair)


@of_every_metric
def test_a_mask_that_holds_nowhere_or_has_another_shape_or_type_is_refused(metric: Callable[..., float]) -> None:
    image, target = random_image(0), random_image(1)
    with pytest.raises(ValueError, match="the mask holds no pixel"):
        metric(image, target, np.zeros((64, 64), np.bool_))
    for shape in [(64, 63), (65, 64), (1, 64), (64, 64, 3), (64, 64, 1), (4096,)]:
        with pytest.raises(ValueError, match=r"^the mask of images \(64, 64\) must be of that shape and bool"):
            metric(image, target, np.ones(shape, np.bool_))
    with pytest.raises(ValueError, match="must be of that shape and bool, not uint8"):
        metric(image, target, np.ones((64, 64), np.uint8))
