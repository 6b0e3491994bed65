"""Laws of the scores: equal to scikit-image's, symmetric, and over a mask equal to the masked pixels' own."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pix2pix.evaluation.metrics import foreground, l1, psnr, ssim, ssim_map
from pix2pix.toydata.facades import draw_facade
from tests.support.tiny import random_image

Image = NDArray[np.uint8]


def flat(value: int, height: int = 32, width: int = 32) -> Image:
    return np.full((height, width, 3), value, np.uint8)


def noisy(image: Image, sigma: float, seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return (image + noise).round().clip(0, 255).astype(np.uint8)


HOUSE = draw_facade(index=1, size=64, seed=0)[0]
SATURATED: Image = np.where(random_image(3) > 127, 255, 0).astype(np.uint8)
PAIRS = {
    "noise against noise": (random_image(0), random_image(1)),
    "a house and its noisy copy": (HOUSE, noisy(HOUSE, 10)),
    "one step of one pixel": (HOUSE, np.where(np.arange(64)[:, None, None] == 5, HOUSE ^ 1, HOUSE)),
    "wide": (random_image(0, 20, 131), random_image(1, 20, 131)),
    "tall": (random_image(0, 97, 11), random_image(1, 97, 11)),
    "as small as the window": (random_image(0, 11, 11), random_image(1, 11, 11)),
    "two flat greys": (flat(100), flat(101)),
    "black and white": (flat(0), flat(255)),
    "flat and noise": (flat(128, 64, 64), random_image(2)),
    "saturated": (SATURATED, 255 - SATURATED),
    "a view with strides": (random_image(0, 64, 80)[::2, ::-1], random_image(1, 64, 80)[1::2, :]),
}
of_every_pair = pytest.mark.parametrize(("image", "target"), PAIRS.values(), ids=PAIRS.keys())


def skimage_psnr(image: Image, target: Image) -> Any:
    return peak_signal_noise_ratio(target, image, data_range=255)  # type: ignore[no-untyped-call]


def skimage_ssim(image: Image, target: Image, **more: Any) -> Any:
    return structural_similarity(  # type: ignore[no-untyped-call]
        image,
        target,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        **more,
    )


@of_every_pair
def test_scores_equal_scikit_image(image: Image, target: Image) -> None:
    assert psnr(image, target) == pytest.approx(skimage_psnr(image, target), abs=1e-9)
    assert ssim(image, target) == pytest.approx(skimage_ssim(image, target), abs=1e-9)
    assert l1(image, target) == pytest.approx(np.abs(image / 255 - target / 255).mean(), abs=1e-12)


@of_every_pair
def test_scores_are_symmetric(image: Image, target: Image) -> None:
    for score in (psnr, ssim, l1):
        assert score(image, target) == pytest.approx(score(target, image), abs=1e-12)


@of_every_pair
def test_an_image_is_identical_to_itself(image: Image, target: Image) -> None:
    for same in (image, target):
        assert psnr(same, same.copy()) == math.inf
        assert ssim(same, same.copy()) == pytest.approx(1, abs=1e-12)
        assert l1(same, same.copy()) == 0


@of_every_pair
def test_ssim_is_the_mean_of_its_map(image: Image, target: Image) -> None:
    values = ssim_map(image, target)
    assert values.shape == (image.shape[0] - 10, image.shape[1] - 10, 3)
    assert np.abs(values).max() <= 1 + 1e-12
    full = skimage_ssim(image, target, full=True)[1]
    np.testing.assert_allclose(values, full[5:-5, 5:-5], atol=1e-9)


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


@pytest.mark.parametrize(("dark", "bright"), [(0, 255), (10, 250), (127, 128), (0, 1)])
def test_uint8_does_not_wrap_around(dark: int, bright: int) -> None:
    assert l1(flat(dark), flat(bright)) == pytest.approx((bright - dark) / 255)
    assert psnr(flat(dark), flat(bright)) == pytest.approx(20 * math.log10(255 / (bright - dark)))


def test_more_noise_scores_worse() -> None:
    copies = [noisy(HOUSE, sigma) for sigma in (2, 5, 10, 20, 40)]
    for score, order in ((psnr, -1), (ssim, -1), (l1, 1)):
        scores = [score(copy, HOUSE) for copy in copies]
        assert scores == sorted(scores, reverse=order < 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_mask_means_its_pixels_alone(seed: int) -> None:
    image, target = random_image(seed), noisy(random_image(seed), 30)
    mask = np.zeros((64, 64), np.bool_)
    mask[10 * seed : 40, 5:50] = True
    mask[50:, seed:12] = True
    change = np.where(mask[..., None], image, 255 - image)  # whatever lies outside
    inside, its_target = image[mask][None], target[mask][None]
    assert psnr(image, target, mask) == pytest.approx(skimage_psnr(inside, its_target))
    assert psnr(change, target, mask) == psnr(image, target, mask)
    assert l1(image, target, mask) == pytest.approx(np.abs(inside / 255 - its_target / 255).mean())
    assert l1(change, target, mask) == l1(image, target, mask)
    windows = skimage_ssim(image, target, full=True)[1][5:-5, 5:-5]
    assert ssim(image, target, mask) == pytest.approx(windows[mask[5:-5, 5:-5]].mean(), abs=1e-9)


def test_a_mask_of_everything_changes_nothing() -> None:
    image, target = random_image(0), random_image(1)
    for score in (psnr, ssim, l1):
        assert score(image, target, np.ones((64, 64), np.bool_)) == pytest.approx(score(image, target), abs=1e-12)


def blobs(seed: int) -> Image:
    """White with coloured blobs: some touch the border, some enclose white, some are near white."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(60, 83)), 3 + seed % 3)
    photo = flat(255, 60, 83)
    photo[np.abs(field) < field.std() / 2] = (255, 254, 255) if seed % 2 else (30, 60, 90)
    return photo


@pytest.mark.parametrize("seed", range(6))
def test_foreground_is_all_but_the_white_that_reaches_the_border(seed: int) -> None:
    photo = blobs(seed)
    white = (photo == 255).all(2)
    labels, _ = ndimage.label(white)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    outside = white & np.isin(labels, border[border > 0])
    np.testing.assert_array_equal(foreground(photo), ~outside)
    assert (white & ~outside).any(), "an inner white patch is part of the test"


def test_a_car_that_touches_the_border_leaves_backdrop_on_both_sides() -> None:
    photo = flat(255, 30, 40)
    photo[:, 15:25] = (200, 10, 10)
    photo[10:14, 18:22] = 255  # a white number plate
    expected = np.zeros((30, 40), np.bool_)
    expected[:, 15:25] = True
    np.testing.assert_array_equal(foreground(photo), expected)


@pytest.mark.parametrize(("value", "inside"), [(255, False), (254, True), (0, True)])
def test_only_pure_white_is_backdrop(value: int, inside: bool) -> None:
    mask = foreground(flat(value))
    assert mask.shape == (32, 32)
    assert (mask == inside).all()


@pytest.mark.parametrize("score", [psnr, ssim, l1])
@pytest.mark.parametrize(
    ("image", "target"),
    [
        (random_image(0), random_image(0, 64, 63)),
        (random_image(0), random_image(0)[..., :1]),
        (random_image(0), random_image(0)[None]),
        (random_image(0), random_image(0).astype(np.float64)),
        (random_image(0) / 255, random_image(0) / 255),
    ],
    ids=["another width", "one channel", "a batch", "a float", "two floats"],
)
def test_images_that_cannot_be_compared_are_refused(score: Any, image: Any, target: Any) -> None:
    with pytest.raises(ValueError, match="metrics need two uint8 images of one shape"):
        score(image, target)


@pytest.mark.parametrize("score", [psnr, ssim, l1])
def test_an_empty_mask_is_refused(score: Any) -> None:
    with pytest.raises(ValueError, match="the mask holds no pixel"):
        score(random_image(0), random_image(1), np.zeros((64, 64), np.bool_))


@pytest.mark.parametrize("score", [psnr, ssim, l1])
@pytest.mark.parametrize("shape", [(64, 63), (32, 64), (65, 64), (1, 64), (64, 64, 3), (64, 64, 1), (4096,)])
def test_a_mask_of_another_shape_is_refused(score: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^the mask of images \(64, 64\) must be of that shape and bool"):
        score(random_image(0), random_image(1), np.ones(shape, np.bool_))
    with pytest.raises(ValueError, match="must be of that shape and bool, not uint8"):
        score(random_image(0), random_image(1), np.ones((64, 64), np.uint8))


@pytest.mark.parametrize("score", [psnr, ssim, l1])
def test_images_without_pixels_are_refused(score: Any) -> None:
    with pytest.raises(ValueError, match="two uint8 images"):
        score(np.zeros((0, 64, 3), np.uint8), np.zeros((0, 64, 3), np.uint8))


@pytest.mark.parametrize(("height", "width"), [(10, 64), (64, 10), (1, 1)])
def test_ssim_needs_its_window(height: int, width: int) -> None:
    image = random_image(0, height, width)
    with pytest.raises(ValueError, match=f"sides above 10 pixels, not {width} x {height}"):
        ssim(image, image)
