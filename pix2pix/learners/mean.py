"""The learner of the baseline that any table must be read against: the mean target of the training images."""

import torch
from torch import Tensor

from pix2pix.batches.augmentation import centre_draws
from pix2pix.batches.dataset import PairSet
from pix2pix.config.recipes import Recipe
from pix2pix.learners.losses import l1_loss
from pix2pix.learners.network_in_training import NetworkInTraining
from pix2pix.networks.mean_target import MeanTarget


def one_look(recipe: Recipe) -> Recipe:
    """Each whole image once, one at a time: no crop, no mirror, no scale, no rotation."""
    whole = {"load_size": recipe.size, "mirror": False, "scale": 0.0, "rotation": 0.0}
    return recipe.model_copy(update={**whole, "epochs": 1, "batch_size": 1, "keep_every": 0})


class Mean:
    """The mean of a set's targets, computed at once; its steps only measure how far the targets are from it."""

    losses = ("l1",)

    def __init__(self, training: PairSet) -> None:
        side, count = training.side, len(training.pairs)
        draws = [centre_draws([i], side=side, size=side) for i in range(count)]
        summed = torch.zeros(1, 3, side, side, dtype=torch.float64)  # exact, so that no order counts
        for _, target, _ in training.batches(draws, size=side):
            summed += target.cpu()
        self.generator = MeanTarget(side).to(training.device)
        self.generator.image.copy_(summed / count)
        self.networks, self.in_training = {"generator": self.generator}, dict[str, NetworkInTraining]()

    def step(self, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        return self.validate(source, target, None)

    def generate(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        image: Tensor = self.generator(source, None)
        return image

    def validate(self, source: Tensor, target: Tensor, seeds: Tensor | None) -> Tensor:
        return l1_loss(self.generate(source, None), target)[None]
