"""Laws of the checkerboard score: patterns of strided decoders show, photos, noise and blur do not."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pix2pix.evaluation.checkerboard import checkerboard
from pix2pix.files.images import Uint8
from pix2pix.toydata.facades import draw_facade

SIZE = 128
HOUSES: list[Uint8] = [draw_facade(index=i, size=SIZE, seed=0)[0] for i in range(8)]
HOUSE = HOUSES[0]


def mean_score(images: list[Uint8]) -> float:
    return float(np.mean([checkerboard(image, house) for image, house in zip(images, HOUSES, strict=True)]))


def patterned(image: Uint8, period: int, strength: float) -> Uint8:
    """Every so many pixels of a row and of a column are stronger, as where a decoder's kernels overlap."""
    gain = 1 + strength * np.cos(2 * np.pi * np.arange(SIZE) / period)
    return np.asarray(
        ((image / 2.0 - 64) * (gain[:, None] * gain)[..., None] + 128).round().clip(0, 255).astype(np.uint8)
    )


def noisy(image: Uint8) -> Uint8:
    noise = np.random.default_rng(int(image.sum())).normal(0, 20, image.shape)
    return np.asarray((image / 2 + 64 + noise).round().clip(0, 255).astype(np.uint8))


def test_a_stronger_pattern_scores_higher() -> None:
    found = [mean_score([patterned(house, 4, amplitude) for house in HOUSES]) for amplitude in (0, 0.1, 0.2, 0.4)]
    assert found == sorted(found) and abs(found[0]) < 0.01 and found[3] > 0.3


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(noisy, id="noise"),
        pytest.param(lambda house: cv2.GaussianBlur(house, (0, 0), 0.5), id="slight blur"),
        pytest.param(lambda house: cv2.GaussianBlur(house, (0, 0), 1.0), id="blur"),
        pytest.param(lambda house: patterned(house, 3, 0.2), id="period of 3"),
        pytest.param(lambda house: patterned(house, 6, 0.2), id="period of 6"),
        pytest.param(lambda house: house[:, ::-1] // 2, id="mirrored and darker"),
    ],
)
def test_what_is_no_pattern_of_that_period_scores_near_nothing(image: Callable[[Uint8], Uint8]) -> None:
    assert abs(mean_score([image(house) for house in HOUSES])) < 0.1


def test_the_score_is_that_of_an_independent_computation() -> None:
    """By the whole spectrum of numpy.fft.fft2 and loops."""
    image, levels = patterned(HOUSE, 4, 0.2), []
    for one in (image, HOUSE):
        luma = one @ np.array([0.299, 0.587, 0.114])
        side = np.sin(np.pi * np.arange(SIZE) / SIZE) ** 2
        window = side[:, None] * side
        power = np.abs(np.fft.fft2((luma - np.average(luma, weights=window)) * window)) ** 2 / (window**2).sum()
        on, beside = [], []
        for i in range(SIZE):
            for j in range(SIZE // 2 + 1):
                nearest = min(abs(min(k, SIZE - k) - SIZE / 4) for k in (i, j))
                value = np.log10(max(power[i, j], 1 / 12))
                if nearest <= 1:
                    on.append(value)
                elif 3 <= nearest <= 6:
                    beside.append(value)
        levels.append(np.mean(on) - np.mean(beside))
    assert checkerboard(image, HOUSE) == pytest.approx(levels[0] - levels[1], abs=1e-9)


def test_a_pattern_outside_of_the_mask_does_not_count_and_black_is_finite() -> None:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[:, 8:64] = True
    image = np.where(mask[..., None], HOUSE, patterned(HOUSE, 4, 0.2))
    assert checkerboard(image, HOUSE, mask) == 0 != checkerboard(image, HOUSE)
    black = np.zeros_like(HOUSE)
    assert checkerboard(black, black) == checkerboard(HOUSE, HOUSE, np.zeros_like(mask)) == 0
