"""The pix2pix learner: both networks, both optimisers, and the training step (Isola et al. 2017, section 3.3)."""

import torch
from torch import Tensor, optim

from pix2pix.config.models import Pix2Pix
from pix2pix.config.recipes import Recipe
from pix2pix.machine.distributed import average, average_gradients
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.build import build_discriminator, build_generator
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.cpu_conv import lay_out
from pix2pix.networks.layers import initialise
from pix2pix.training.losses import discriminator_loss, gan_loss, l1_loss


class Gan:
    """Generator and discriminator in training (a `Learner`).

    Losses: L1 of images in [-1, 1], the generator's GAN loss, the discriminator's loss.
    """

    losses = ("l1", "gan", "d")

    def __init__(self, model: Pix2Pix, recipe: Recipe, *, seed: int, hardware: Hardware) -> None:
        self.generator = build_generator(model, size=recipe.size)
        self.discriminator = build_discriminator(model)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        for name, network in self.networks.items():
            initialise(network, seed_of(name, seed))
            lay_out(network, hardware.device)
        betas = (recipe.beta1, recipe.beta2)
        self.generator_adam = optim.Adam(self.generator.parameters(), recipe.generator_lr, betas, fused=True)
        self.discriminator_adam = optim.Adam(
            self.discriminator.parameters(), recipe.discriminator_lr, betas, fused=True
        )
        self.optimizers = {"generator": self.generator_adam, "discriminator": self.discriminator_adam}
        self.hardware, self.gan_weight, self.l1_weight = hardware, recipe.gan_weight, recipe.l1_weight

    def step(self, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        """One update of the discriminator, then one of the generator; one forward pass of the generator serves both."""
        self.generator.train()
        with self.hardware.autocast():
            generated = self.generator(source, seeds)
            on_target = self.discriminator(source, target)
            on_generated = self.discriminator(source, generated.detach())
        discriminator = discriminator_loss(on_target, on_generated)
        self.discriminator_adam.zero_grad()
        discriminator.backward()
        average_gradients(self.discriminator)
        self.discriminator_adam.step()

        self.discriminator.requires_grad_(False)  # its gradients are not wanted in the generator's update
        with self.hardware.autocast():
            gan = gan_loss(self.discriminator(source, generated), real=True)
        self.discriminator.requires_grad_(True)
        l1 = l1_loss(generated, target)
        self.generator_adam.zero_grad()
        (self.l1_weight * l1 + self.gan_weight * gan).backward()
        average_gradients(self.generator)
        self.generator_adam.step()
        return average(torch.stack([l1, gan, discriminator]).detach())

    @torch.no_grad()
    def generate(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        self.generator.eval()
        with self.hardware.autocast():
            generated: Tensor = self.generator(source, seeds)
        return generated.float()

    @torch.no_grad()
    def validate(self, source: Tensor, target: Tensor, seeds: Tensor | None) -> Tensor:
        generated = self.generate(source, seeds)
        with self.hardware.autocast():
            on_target, on_generated = (self.discriminator(source, image) for image in (target, generated))
        gan = gan_loss(on_generated, real=True)
        return torch.stack([l1_loss(generated, target), gan, discriminator_loss(on_target, on_generated)])
