"""The losses of pix2pix (Isola et al. 2017, section 3.1), GAN on patch logits and L1, and later ones beside them."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pix2pix.config.recipes import GanLoss


def gan_loss(logits: Tensor, *, real: bool, kind: GanLoss = "vanilla") -> Tensor:
    """Mean loss of patch logits (any shape) that should say "real" or "generated"; a scalar.

    vanilla: cross-entropy, log 2 at chance. lsgan: squared distance to 1 or 0 (Mao et al. 2017). hinge: what is missing
    to 1 or -1 (Lim and Ye 2017).
    """
    logits = logits.float()
    match kind:
        case "vanilla":
            return F.softplus(-logits if real else logits).mean()
        case "lsgan":
            return (logits - float(real)).square().mean()
        case "hinge":
            return F.relu(1 - logits if real else 1 + logits).mean()


def discriminator_loss(on_target: Tensor, on_generated: Tensor, *, kind: GanLoss = "vanilla") -> Tensor:
    """Half the sum of both sides, which slows the discriminator relative to the generator (section 3.3)."""
    return 0.5 * (gan_loss(on_target, real=True, kind=kind) + gan_loss(on_generated, real=False, kind=kind))


def generator_loss(on_generated: Tensor, *, kind: GanLoss = "vanilla") -> Tensor:
    """What the generator lowers: the loss of "real"; with hinge the negative mean logit, which has no end."""
    return -on_generated.float().mean() if kind == "hinge" else gan_loss(on_generated, real=True, kind=kind)


def l1_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of images in [-1, 1]; a scalar in 0..2 (twice the L1 "of 1" that tables show)."""
    return F.l1_loss(generated.float(), target.float())


def feature_matching_loss(on_generated: list[Tensor], on_target: list[Tensor]) -> Tensor:
    """L1 of the discriminator's activations, summed over its layers (Wang et al. 2018, section 3.3); a scalar."""
    layers = zip(on_generated, on_target, strict=True)
    return torch.stack([F.l1_loss(one.float(), other.float()) for one, other in layers]).sum()


def focal_frequency_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of the spectra of images (N, C, H, W), weighted (Jiang et al. 2021, equations 8 and 9).

    Each frequency's weight is its own difference over the largest in its image and channel (alpha 1); a scalar.
    """
    difference = torch.fft.fft2(generated.float() - target.float(), norm="ortho")
    squared: Tensor = difference.real.square() + difference.imag.square()
    weight = squared.detach().sqrt()
    return (weight / weight.amax((2, 3), keepdim=True).clamp(min=1e-12) * squared).mean()
