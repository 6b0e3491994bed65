"""Laws of the scores of a whole set: blur, grey and noise show, order does not; equal to others' code."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage.color import rgb2lab

from pix2pix.evaluation.confidence_intervals import resampled, summarise, summarise_resampled
from pix2pix.evaluation.controls import missing_amplitude, with_noise
from pix2pix.evaluation.distributions import Distributions, blotches, distributions, joined, radial_power
from pix2pix.evaluation.metrics import Mask, foreground
from pix2pix.evaluation.set_scores import SET_SCORES, SetPair, paired_differences, read_sets, write_sets
from pix2pix.files.images import Uint8
from pix2pix.toydata.facades import draw_facade
from tests.support.tiny import random_image

SIZE = 64
HOUSES: list[Uint8] = [draw_facade(index=i, size=SIZE, seed=0)[0] for i in range(6)]
OTHERS: list[Uint8] = [draw_facade(index=i, size=SIZE, seed=1)[0] for i in range(6)]
GROUPS = list("aabbcd")
BLACK = np.zeros((SIZE, SIZE, 3), np.uint8)


def together(images: list[Uint8], masks: list[Mask | None] | None = None) -> Distributions:
    return joined([distributions(image, mask) for image, mask in zip(images, masks or [None] * 99, strict=False)])


def scores(images: list[Uint8], targets: list[Uint8]) -> dict[str, float]:
    return SetPair(together(images), together(targets)).scores()


def blurred(image: Uint8, sigma: float) -> Uint8:
    return image if sigma == 0 else np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def grey(image: Uint8, share: float) -> Uint8:
    """A share of its colour left out."""
    level = image.mean(2, keepdims=True)
    return np.asarray((image + share * (level - image)).round().astype(np.uint8))


def recomputed(images: list[Uint8], masks: list[Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Log10 radial power and Lab shares of a set, by loops, numpy.fft and scikit-image."""
    spectra, pixels = [], []
    for image, mask in zip(images, masks, strict=True):
        inside = np.ones((SIZE, SIZE), bool) if mask is None else mask
        x = np.sin(np.pi * np.arange(SIZE) / SIZE) ** 2
        window = x[:, None] * x * inside
        luma = 0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]
        power = np.abs(np.fft.fft2((luma - np.average(luma, weights=window)) * window)) ** 2 / (window**2).sum()
        rings: dict[int, list[float]] = {radius: [] for radius in range(2, SIZE // 2)}
        for i in range(SIZE):
            for j in range(SIZE):
                radius = round(np.hypot(min(i, SIZE - i), min(j, SIZE - j)))
                if radius in rings:
                    rings[radius].append(power[i, j])
        spectra.append([np.mean(ring) for ring in rings.values()])
        pixels.append(rgb2lab(image)[inside])
    counts = [np.histogram(channel, bins=np.arange(-128.5, 128))[0] for channel in np.concatenate(pixels).T]
    return np.log10(np.mean(spectra, axis=0)), np.array([count / count.sum() for count in counts])


@pytest.mark.parametrize("masked", [False, True])
def test_the_scores_are_those_of_an_independent_computation(masked: bool) -> None:
    """Both sets are masked alike: by the foreground of a target whose left and top lie on the backdrop."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[10:, 20:60] = True
    masks = [mask if masked else None] * 6
    found = SetPair(together(OTHERS, masks), together(HOUSES, masks)).scores()
    (log_a, shares_a), (log_b, shares_b) = (recomputed(images, masks) for images in (OTHERS, HOUSES))
    assert found["lsd"] == pytest.approx(np.sqrt(np.mean((log_a - log_b) ** 2)), abs=1e-6)
    intersections = np.minimum(shares_a, shares_b).sum(1)
    assert [found[key] for key in SET_SCORES[1:]] == pytest.approx(intersections, abs=1e-12)


def test_a_set_is_at_no_distance_from_itself_in_whatever_order() -> None:
    assert scores(HOUSES[::-1], HOUSES) == pytest.approx({"lsd": 0, "lab_l": 1, "lab_a": 1, "lab_b": 1}, abs=1e-12)
    pair, turned = (SetPair(together(a), together(b)) for a, b in ((OTHERS, HOUSES), (OTHERS[::-1], HOUSES[::-1])))
    for key, summary in pair.summaries(GROUPS).items():
        other = turned.summaries(GROUPS[::-1])[key]
        assert (summary.mean, summary.low, summary.high) == pytest.approx((other.mean, other.low, other.high))
    assert pair.in_order([5, 4, 3, 2, 1, 0]).summaries(GROUPS[::-1]) == turned.summaries(GROUPS[::-1])


def test_more_blur_is_farther_and_less_colour_shares_less() -> None:
    far = [scores([blurred(image, sigma) for image in HOUSES], HOUSES)["lsd"] for sigma in (0, 0.5, 1, 2)]
    assert far == sorted(far) and far[0] == 0 and far[1] > 0.05
    pale = [scores([grey(image, share) for image in HOUSES], HOUSES) for share in (0, 0.3, 0.6, 1)]
    for key in ("lab_a", "lab_b"):
        shared = [values[key] for values in pale]
        assert shared == sorted(shared, reverse=True) and shared[3] < 0.5, key
    assert pale[3]["lab_l"] > 0.5


def test_noise_of_the_missing_spectrum_brings_blurred_images_near_without_structure() -> None:
    """The known limit of the distance."""
    soft = [blurred(image, 1) for image in HOUSES]
    amplitude = missing_amplitude(SetPair(together(soft), together(HOUSES)))
    noisy = [with_noise(image, amplitude, seed=i) for i, image in enumerate(soft)]
    assert scores(noisy, HOUSES)["lsd"] < 0.25 * scores(soft, HOUSES)["lsd"]
    np.testing.assert_array_equal(noisy[1], with_noise(soft[1], amplitude, seed=1))


def test_white_noise_has_its_variance_as_power_at_every_radius_seen_through_a_mask_or_not() -> None:
    noise = [np.random.default_rng(i).normal(128, 20, (SIZE, SIZE, 1)).round().astype(np.uint8) for i in range(40)]
    mask = np.zeros((SIZE, SIZE), bool)
    mask[16:48, 16:48] = True
    for where in (None, mask):
        power = np.mean([radial_power(image.repeat(3, 2), where) for image in noise], axis=0)
        assert power == pytest.approx(np.full(SIZE // 2 - 2, 400), rel=0.25)
        assert power.mean() == pytest.approx(400, rel=0.05)


def test_degenerate_sets_have_finite_scores() -> None:
    """Black has the power of rounding; an image outside of its mask has neither power nor colours."""
    black = scores([BLACK] * 2, HOUSES)
    power = together(HOUSES).power.astype(np.float64).mean(0)
    assert black["lsd"] == pytest.approx(np.sqrt(np.square(np.log10(power * 12)).mean()))
    assert scores([BLACK], [BLACK]) == {"lsd": 0, "lab_l": 1, "lab_a": 1, "lab_b": 1}
    nowhere = np.zeros((SIZE, SIZE), bool)
    outside = SetPair(together(HOUSES[:1], [nowhere]), together(HOUSES[:1])).scores()
    assert outside["lsd"] == pytest.approx(scores([BLACK], HOUSES[:1])["lsd"])
    assert [outside[key] for key in SET_SCORES[1:]] == [0, 0, 0]
    one = SetPair(together(HOUSES[:1]), together(OTHERS[:1])).summaries(["a"])
    assert all(np.isfinite(summary.mean) and np.isnan([summary.low, summary.high]).all() for summary in one.values())
    with pytest.raises(ValueError, match="needs a square image, not 64 x 63"):
        distributions(random_image(0, 63, 64))


def test_resamples_hold_whole_groups_and_depend_on_their_names_alone() -> None:
    weights = resampled(GROUPS)
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 2] == weights[:, 3]).all()
    assert (weights[:, [0, 2, 4, 5]].sum(1) == 4).all()
    np.testing.assert_array_equal(resampled(GROUPS[::-1]), weights[:, ::-1])
    assert (resampled(GROUPS, seed=1) != weights).any()


@pytest.mark.parametrize("groups", [[f"{i}" for i in range(60)], [f"{i // 4}" for i in range(60)]])
def test_the_interval_of_a_mean_by_resamples_is_the_cluster_robust_one(groups: list[str]) -> None:
    values = np.random.default_rng(0).normal(0, 1, 60) + np.arange(60) // 4 % 3
    usual = summarise(values, groups)
    weights = resampled(groups)
    found = summarise_resampled(usual.mean, weights @ values / weights.sum(1), len({*groups}))
    assert (found.low, found.high) == pytest.approx((usual.low, usual.high), abs=0.08 * (usual.high - usual.low))
    assert summarise_resampled(0.5, np.array([0.0, 1.0]), 2, within=(0, 1)).low == 0


def test_differences_are_paired_and_over_seeds_those_of_the_means() -> None:
    targets = together(HOUSES)
    sharp, soft = (SetPair(together([blurred(i, s) for i in OTHERS]), targets) for s in (0, 0.7))
    none = paired_differences([sharp], [sharp], GROUPS)
    assert all((summary.mean, summary.low, summary.high) == (0, 0, 0) for summary in none.values())
    difference = paired_differences([soft], [sharp], GROUPS)["lsd"]
    assert difference.mean == pytest.approx(soft.scores()["lsd"] - sharp.scores()["lsd"])
    widths = [pair.summaries(GROUPS)["lsd"].high - pair.scores()["lsd"] for pair in (soft, sharp)]
    assert difference.high - difference.mean < sum(widths)
    half = paired_differences([soft, sharp], [sharp, sharp], GROUPS)["lsd"]
    assert (half.mean, half.high) == pytest.approx((difference.mean / 2, difference.high / 2))


def test_files_hold_what_was_written_and_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "distributions.npz"
    masks: list[Mask | None] = [foreground(image) for image in HOUSES]
    sets = {"": SetPair(together(OTHERS), together(HOUSES)), "fg_": SetPair(*[together(HOUSES, masks)] * 2)}
    write_sets(path, sets)
    before = path.read_bytes()
    found = read_sets(path, prefixes=["", "fg_"], images=6, made_by="evaluate")
    assert {key: pair.scores() for key, pair in found.items()} == {key: pair.scores() for key, pair in sets.items()}
    write_sets(path, sets)
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match=r"npz: not of the 5 images of per_image\.csv; run `evaluate` again"):
        read_sets(path, prefixes=[""], images=5, made_by="evaluate")
    for content in (b"", b"PK", before[:-9], b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"npz: not the distributions of a set of images; run `evaluate` again"):
            read_sets(path, prefixes=[""], images=6, made_by="evaluate")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"npz: there is no such file; run `evaluate` first"):
        read_sets(path, prefixes=[""], images=6, made_by="evaluate")


# ---- blotches --------------------------------------------------------------------------------------------------------


def test_blotches_are_the_share_of_colours_that_the_target_never_has() -> None:
    """By scikit-image's Lab, rounded to integers, and quantiles of pixels."""
    for image, target in ((random_image(0), HOUSES[0]), (HOUSES[1], OTHERS[0]), (random_image(1) // 4, HOUSES[3])):
        of_image, of_target = (np.rint(rgb2lab(one)).reshape(-1, 3) for one in (image, target))
        ordered, beyond = np.sort(of_target, axis=0), 0
        for channel in (1, 2):
            low, high = ordered[SIZE * SIZE * 5 // 1000, channel], ordered[SIZE * SIZE * 995 // 1000, channel]
            beyond += ((of_image[:, channel] > high + 15) | (of_image[:, channel] < low - 15)).sum()
        assert blotches(*together([image, target]).lab) == pytest.approx(beyond / SIZE**2, abs=1e-12)


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)])
def test_spots_of_any_colour_on_grey_are_counted_where_the_mask_holds(colour: tuple[int, int, int]) -> None:
    target = np.repeat(random_image(0)[..., :1], 3, axis=2)
    spotted, mask = target.copy(), np.zeros((SIZE, SIZE), bool)
    spotted[:8, :8] = colour
    mask[:16] = True
    share = blotches(*together([spotted, target]).lab)
    assert share in (pytest.approx(1 / 64), pytest.approx(2 / 64)), "of a, of b, or of both"
    assert blotches(*together([spotted, target], [mask, mask]).lab) == pytest.approx(4 * share)
    assert blotches(*together([target, target]).lab) == blotches(*together([255 - target, target]).lab) == 0
