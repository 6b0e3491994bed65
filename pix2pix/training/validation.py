"""What is seen at the end of an epoch: the losses of the validation split, and a grid of samples."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pix2pix.batches.augmentation import centre_draws
from pix2pix.batches.dataset import PairSet
from pix2pix.config.resolved import Experiment
from pix2pix.files.image_grid import grid, spread
from pix2pix.files.images import Uint8
from pix2pix.learners.learner import Learner
from pix2pix.machine.distributed import processes, rank, total
from pix2pix.networks.inference import inference_seeds
from pix2pix.networks.layers import from_network

BATCH = 16
LEAST, SHARE = 16, 0.1  # pairs of the validation split after each epoch: at least 16, a tenth of its training images
SAMPLES = 4  # pairs of each split in a grid


def validate(learner: Learner, pairs: PairSet, experiment: Experiment, *, most: int) -> list[float]:
    """Mean losses as at inference of `most` pairs, evenly spread; shared by the processes that train together."""
    chosen, size = spread(most, of=len(pairs.pairs)), experiment.recipe.size
    count = len(chosen)
    starts = range(rank() * BATCH, count, processes() * BATCH)
    draws = [_centre(pairs, chosen[start : start + BATCH], experiment) for start in starts]
    sums = torch.zeros(len(learner.losses), dtype=torch.float64, device=pairs.device)
    for source, target, seeds in pairs.batches(draws, size=size):
        sums += learner.validate(source, target, seeds if experiment.inference_dropout else None) * len(source)
    means: list[float] = (total(sums) / count).tolist()
    return means


def sample_grid(learner: Learner, sets: Sequence[PairSet], experiment: Experiment) -> Uint8:
    """A picture (H, W, 3) of the same pairs of each set in every epoch: input, generated image, target."""
    rows: list[list[Uint8]] = []
    for pairs in sets:
        draws = _centre(pairs, spread(SAMPLES, of=len(pairs.pairs)), experiment)
        [(source, target, seeds)] = pairs.batches([draws], size=experiment.recipe.size)
        generated = learner.generate(source, seeds if experiment.inference_dropout else None)
        rows += [list(row) for row in zip(*map(_pixels, (source, generated, target)), strict=True)]
    return grid(rows, columns=["input", "generated", "target"], across=2)


def _centre(pairs: PairSet, index: Sequence[int], experiment: Experiment) -> Tensor:
    """Draws of pairs, cropped at the centre, with the dropout seeds of inference."""
    seeds = inference_seeds(experiment.seed, [pairs.pairs[i].id for i in index])
    return centre_draws(index, side=pairs.side, size=experiment.recipe.size, seeds=seeds)


def _pixels(images: Tensor) -> Sequence[Uint8]:
    """(N, 3, H, W) in [-1, 1] -> N images (H, W, 3)."""
    pixels: Sequence[Uint8] = list(from_network(images).permute(0, 2, 3, 1).cpu().numpy())
    return pixels
