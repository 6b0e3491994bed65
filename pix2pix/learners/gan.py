"""The pix2pix learner: both networks, both optimisers, and the training step (Isola et al. 2017, section 3.3)."""

from functools import partial

import torch
from torch import Tensor

from pix2pix.config.models import Pix2Pix
from pix2pix.config.recipes import Recipe
from pix2pix.learners.losses import (
    discriminator_loss,
    feature_matching_loss,
    focal_frequency_loss,
    generator_loss,
    l1_loss,
)
from pix2pix.learners.network_in_training import NetworkInTraining, networks_of
from pix2pix.machine.distributed import average
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.build import build_discriminator, build_generator


class Gan:
    """Generator and discriminator in training (a `Learner`).

    Losses: L1 of images in [-1, 1], the generator's GAN loss, the discriminator's loss.
    """

    losses = ("l1", "gan", "d")

    def __init__(self, model: Pix2Pix, recipe: Recipe, *, seed: int, hardware: Hardware) -> None:
        in_training = partial(NetworkInTraining, seed=seed, recipe=recipe, hardware=hardware)
        discriminator = build_discriminator(model)
        self.generator = in_training(build_generator(model, size=recipe.size), "generator")
        self.discriminator = in_training(discriminator, "discriminator")
        self.in_training = {"generator": self.generator, "discriminator": self.discriminator}
        self.networks = networks_of(self.in_training)
        self.hardware, self.recipe, self.labels = hardware, recipe, discriminator.labels

    def step(self, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        """One update of the discriminator, then one of the generator; one forward pass of the generator serves both."""
        self.generator.network.train()
        self.discriminator.network.train()
        given, wanted = self.hardware.laid_out(source), self.hardware.laid_out(target)
        given = self.labels(given) if self.labels else given
        with self.hardware.autocast():
            generated = self.generator(given, seeds)
            shown = torch.cat([wanted, generated.detach()])  # norms are of each image: one pass is as two
            on_target, on_generated = self.discriminator(torch.cat([given, given]), shown).chunk(2)
        discriminator = discriminator_loss(on_target, on_generated, kind=self.recipe.gan_loss)
        self.discriminator.update(discriminator)

        with self.hardware.autocast():
            activations: list[Tensor] = []
            gan = generator_loss(self.discriminator(given, generated, activations), kind=self.recipe.gan_loss)
        l1 = l1_loss(generated, target)
        loss = self.recipe.l1_weight * l1 + self.recipe.gan_weight * gan
        if weight := self.recipe.feature_matching:
            loss = loss + weight * feature_matching_loss(activations, self._activations(given, wanted))
        if weight := self.recipe.focal_frequency:
            loss = loss + weight * focal_frequency_loss(generated, target)
        self.generator.update(loss)
        return average(torch.stack([l1, gan, discriminator]).detach())

    @torch.no_grad()
    def _activations(self, given: Tensor, wanted: Tensor) -> list[Tensor]:
        """The discriminator's on targets."""
        activations: list[Tensor] = []
        with self.hardware.autocast():
            self.discriminator(given, wanted, activations)
        return activations

    @torch.no_grad()
    def generate(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        with self.hardware.autocast():
            return self.generator.generate(source, seeds).float()

    @torch.no_grad()
    def validate(self, source: Tensor, target: Tensor, seeds: Tensor | None) -> Tensor:
        generated = self.generate(source, seeds)
        self.discriminator.network.eval()
        with self.hardware.autocast():
            on_target, on_generated = (self.discriminator(source, image) for image in (target, generated))
        gan = generator_loss(on_generated, kind=self.recipe.gan_loss)
        discriminator = discriminator_loss(on_target, on_generated, kind=self.recipe.gan_loss)
        return torch.stack([l1_loss(generated, target), gan, discriminator])
