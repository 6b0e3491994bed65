"""The losses agree with their definitions in the paper (section 3.1)."""

import math

import numpy as np
import pytest
import torch

from pix2pix.learners.losses import (
    discriminator_loss,
    feature_matching_loss,
    focal_frequency_loss,
    gan_loss,
    generator_loss,
    l1_loss,
)


def test_gan_loss_is_the_mean_log_of_the_probability() -> None:
    logits = torch.tensor([[-2.0, 0.0], [1.0, 3.0]])
    probability = 1 / (1 + torch.exp(-logits))
    assert gan_loss(logits, real=True).item() == pytest.approx(-probability.log().mean().item(), rel=1e-6)
    assert gan_loss(logits, real=False).item() == pytest.approx(-(1 - probability).log().mean().item(), rel=1e-5)


def test_at_chance_both_losses_are_log_2() -> None:
    chance = torch.zeros(1, 1, 30, 30)
    assert gan_loss(chance, real=True).item() == pytest.approx(math.log(2))
    assert discriminator_loss(chance, chance).item() == pytest.approx(math.log(2))


def test_discriminator_loss_is_half_the_sum_and_low_when_right() -> None:
    sure = torch.full((1, 1, 4, 4), 10.0)
    assert discriminator_loss(sure, -sure).item() < 1e-4
    assert discriminator_loss(-sure, sure).item() == pytest.approx(10, rel=1e-3)


def test_least_squares_are_zero_where_the_logit_is_the_label() -> None:
    logits = torch.tensor([0.0, 1.0, 3.0])
    assert gan_loss(logits, real=True, kind="lsgan").item() == pytest.approx((1 + 0 + 4) / 3)
    assert gan_loss(logits, real=False, kind="lsgan").item() == pytest.approx((0 + 1 + 9) / 3)
    assert generator_loss(logits, kind="lsgan") == gan_loss(logits, real=True, kind="lsgan")


def test_hinge_asks_for_a_margin_of_the_discriminator_and_for_more_of_the_generator() -> None:
    logits = torch.tensor([-3.0, 0.0, 5.0])
    assert gan_loss(logits, real=True, kind="hinge").item() == pytest.approx((4 + 1 + 0) / 3)
    assert gan_loss(logits, real=False, kind="hinge").item() == pytest.approx((0 + 1 + 6) / 3)
    assert discriminator_loss(logits, logits, kind="hinge").item() == pytest.approx((5 + 7) / 6)
    assert generator_loss(logits, kind="hinge").item() == pytest.approx(-2 / 3)


def test_feature_matching_sums_the_l1_of_all_layers() -> None:
    ones, twos = torch.ones(1, 4, 8, 8), 2 * torch.ones(1, 8, 4, 4)
    assert feature_matching_loss([ones, twos], [ones, twos]).item() == 0
    assert feature_matching_loss([ones, twos], [3 * ones, -twos]).item() == pytest.approx(2 + 4)


def test_focal_frequency_loss_is_the_papers_sum_over_frequencies() -> None:
    generated, target = torch.randn(2, 2, 3, 6, 8)
    total = 0.0
    for image, other in zip(generated.flatten(0, 1).numpy(), target.flatten(0, 1).numpy(), strict=True):
        apart = np.abs(np.fft.fft2(image) - np.fft.fft2(other)) / np.sqrt(image.size)
        total += float((apart / apart.max() * apart**2).mean())
    assert focal_frequency_loss(generated, target).item() == pytest.approx(total / 6, rel=1e-5)
    assert focal_frequency_loss(target, target).item() == 0


def test_l1_of_opposite_images_is_2() -> None:
    white = torch.ones(1, 3, 8, 8)
    assert l1_loss(white, -white).item() == 2
    assert l1_loss(white, white).item() == 0


def test_extreme_logits_stay_finite() -> None:
    assert gan_loss(torch.tensor([1e4, -1e4]), real=True).isfinite()
