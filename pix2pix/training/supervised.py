"""The learner of a network without a discriminator: regression of images, or classes by cross-entropy."""

import torch
import torch.nn.functional as F
from torch import Tensor, optim

from pix2pix.config.models import FCN, Pix2Pix, UNetAlone
from pix2pix.config.recipes import Recipe
from pix2pix.machine.distributed import average, average_gradients
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.build import build_generator, class_colours
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.cpu_conv import lay_out
from pix2pix.networks.layers import initialise
from pix2pix.training.losses import l1_loss


class Supervised:
    """A network in training (a `Learner`). Losses: L1 of its images in [-1, 1]; of classes also their cross-entropy.

    Targets of a network of classes hold the colours of its palette alone.
    """

    def __init__(self, model: Pix2Pix | FCN | UNetAlone, recipe: Recipe, *, seed: int, hardware: Hardware) -> None:
        self.generator, colours = build_generator(model, size=recipe.size), class_colours(model)
        initialise(self.generator, seed_of("generator", seed))
        lay_out(self.generator, hardware.device)
        self.coloured = None if colours is None else Coloured(self.generator, colours).to(hardware.device)
        self.losses = ("l1",) if colours is None else ("l1", "ce")
        adam = optim.Adam(self.generator.parameters(), recipe.generator_lr, (recipe.beta1, recipe.beta2), fused=True)
        self.networks, self.optimizers = {"generator": self.generator}, {"generator": adam}
        self.hardware, self.weight = hardware, recipe.l1_weight

    def step(self, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        self.generator.train()
        with self.hardware.autocast():
            output = self.generator(source, seeds)
        losses = self._losses(output, target)
        adam = self.optimizers["generator"]
        adam.zero_grad()
        (self.weight * losses[-1]).backward()
        average_gradients(self.generator)
        adam.step()
        return average(losses.detach())

    @torch.no_grad()
    def generate(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        self.generator.eval()
        with self.hardware.autocast():
            generated: Tensor = (self.coloured or self.generator)(source, seeds)
        return generated.float()

    @torch.no_grad()
    def validate(self, source: Tensor, target: Tensor, seeds: Tensor | None) -> Tensor:
        self.generator.eval()
        with self.hardware.autocast():
            output = self.generator(source, seeds)
        return self._losses(output, target)

    def _losses(self, output: Tensor, target: Tensor) -> Tensor:
        if self.coloured is None:
            return l1_loss(output, target)[None]
        cross_entropy = F.cross_entropy(output.float(), self.coloured.classes(target))
        return torch.stack([l1_loss(self.coloured.paint(output), target), cross_entropy])
