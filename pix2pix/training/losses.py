"""The losses of pix2pix (Isola et al. 2017, section 3.1): vanilla GAN on patch logits, and L1."""

import torch.nn.functional as F
from torch import Tensor


def gan_loss(logits: Tensor, *, real: bool) -> Tensor:
    """Mean cross-entropy of patch logits (any shape) against "real" or "generated"; a scalar, log 2 at chance."""
    return F.softplus(-logits.float() if real else logits.float()).mean()


def discriminator_loss(on_target: Tensor, on_generated: Tensor) -> Tensor:
    """Half the sum of both sides, which slows the discriminator relative to the generator (section 3.3)."""
    return 0.5 * (gan_loss(on_target, real=True) + gan_loss(on_generated, real=False))


def l1_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of images in [-1, 1]; a scalar in 0..2 (twice the L1 "of 1" that tables show)."""
    return F.l1_loss(generated.float(), target.float())
