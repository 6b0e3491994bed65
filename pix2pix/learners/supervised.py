"""The learner of a network without a discriminator: regression of images, or classes by cross-entropy."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pix2pix.config.models import FCN, Pix2Pix, UNetAlone
from pix2pix.config.recipes import Recipe
from pix2pix.learners.losses import focal_frequency_loss, l1_loss
from pix2pix.learners.network_in_training import NetworkInTraining, networks_of
from pix2pix.machine.distributed import average
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.build import build_generator, class_colours
from pix2pix.networks.class_colours import Coloured


class Supervised:
    """A network in training (a `Learner`). Losses: L1 of its images in [-1, 1]; of classes also their cross-entropy.

    Targets of a network of classes hold the colours of its palette alone.
    """

    def __init__(self, model: Pix2Pix | FCN | UNetAlone, recipe: Recipe, *, seed: int, hardware: Hardware) -> None:
        network, colours = build_generator(model, size=recipe.size), class_colours(model)
        self.generator = NetworkInTraining(network, "generator", seed=seed, recipe=recipe, hardware=hardware)
        self.coloured = None if colours is None else Coloured(network, colours).to(hardware.device)
        self.losses = ("l1",) if colours is None else ("l1", "ce")
        self.in_training = {"generator": self.generator}
        self.networks = networks_of(self.in_training)
        self.hardware, self.recipe = hardware, recipe

    def step(self, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        self.generator.network.train()
        with self.hardware.autocast():
            output = self.generator(self.hardware.laid_out(source), seeds)
        losses = self._losses(output, target)
        loss = self.recipe.l1_weight * losses[-1]
        if weight := self.recipe.focal_frequency:
            loss = loss + weight * focal_frequency_loss(output, target)
        self.generator.update(loss)
        return average(losses.detach())

    @torch.no_grad()
    def generate(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        output = self._output(source, seeds)
        return output.float() if self.coloured is None else self.coloured.paint(output)

    @torch.no_grad()
    def validate(self, source: Tensor, target: Tensor, seeds: Tensor | None) -> Tensor:
        return self._losses(self._output(source, seeds), target)

    def _output(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        with self.hardware.autocast():
            return self.generator.generate(source, seeds)

    def _losses(self, output: Tensor, target: Tensor) -> Tensor:
        if self.coloured is None:
            return l1_loss(output, target)[None]
        cross_entropy = F.cross_entropy(output.float(), self.coloured.classes(target))
        return torch.stack([l1_loss(self.coloured.paint(output), target), cross_entropy])
