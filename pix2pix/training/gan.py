"""The pix2pix learner: both networks, both optimisers, and the training step (Isola et al. 2017, section 3.3)."""

import torch
from torch import Tensor, optim

from pix2pix.machine.distributed import average, average_gradients
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.cpu_conv import lay_out
from pix2pix.networks.layers import initialise
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.unet import UNet
from pix2pix.networks.weights import network_tensors, optimizer_tensors, restore_network, restore_optimizer
from pix2pix.training.losses import discriminator_loss, gan_loss, l1_loss


class Gan:
    """Generator and discriminator in training (a `Learner`).

    Losses: L1 of images in [-1, 1], the generator's GAN loss, the discriminator's loss; with `gan_weight` 0 L1 alone.
    """

    def __init__(
        self,
        generator: UNet,
        discriminator: PatchGAN,
        *,
        hardware: Hardware,
        seed: int,
        learning_rates: tuple[float, float],
        betas: tuple[float, float],
        gan_weight: float,
        l1_weight: float,
    ) -> None:
        initialise(generator, seed_of("generator", seed))
        initialise(discriminator, seed_of("discriminator", seed))
        for network in (generator, discriminator):
            lay_out(network, hardware.device)
        self.generator, self.discriminator = generator, discriminator
        self.learning_rates = learning_rates
        self.generator_adam = optim.Adam(generator.parameters(), learning_rates[0], betas, fused=True)
        self.discriminator_adam = optim.Adam(discriminator.parameters(), learning_rates[1], betas, fused=True)
        self.hardware, self.gan_weight, self.l1_weight = hardware, gan_weight, l1_weight
        self.losses: tuple[str, ...] = ("l1", "gan", "d") if gan_weight else ("l1",)

    def step(self, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        """One update of D, then one of G; one forward pass of the generator serves both."""
        self.generator.train()
        with self.hardware.autocast():
            generated = self.generator(source, seeds)
        l1 = l1_loss(generated, target)
        loss, losses = self.l1_weight * l1, [l1]

        if self.gan_weight:
            with self.hardware.autocast():
                on_target = self.discriminator(source, target)
                on_generated = self.discriminator(source, generated.detach())
            discriminator = discriminator_loss(on_target, on_generated)
            self.discriminator_adam.zero_grad()
            discriminator.backward()
            average_gradients(self.discriminator)
            self.discriminator_adam.step()

            self.discriminator.requires_grad_(False)  # its gradients are not wanted in G's update
            with self.hardware.autocast():
                gan = gan_loss(self.discriminator(source, generated), real=True)
            self.discriminator.requires_grad_(True)
            loss, losses = loss + self.gan_weight * gan, [l1, gan, discriminator]

        self.generator_adam.zero_grad()
        loss.backward()
        average_gradients(self.generator)
        self.generator_adam.step()
        return average(torch.stack(losses).detach())

    @torch.no_grad()
    def generate(self, source: Tensor, seeds: Tensor | None) -> Tensor:
        self.generator.eval()
        with self.hardware.autocast():
            generated: Tensor = self.generator(source, seeds)
        return generated.float()

    @torch.no_grad()
    def validate(self, source: Tensor, target: Tensor, seeds: Tensor | None) -> Tensor:
        generated = self.generate(source, seeds)
        losses = [l1_loss(generated, target)]
        if self.gan_weight:
            with self.hardware.autocast():
                on_target, on_generated = (self.discriminator(source, image) for image in (target, generated))
            losses += [gan_loss(on_generated, real=True), discriminator_loss(on_target, on_generated)]
        return torch.stack(losses)

    def scale_learning_rates(self, factor: float) -> None:
        for adam, rate in zip((self.generator_adam, self.discriminator_adam), self.learning_rates, strict=True):
            for group in adam.param_groups:
                group["lr"] = factor * rate

    def tensors(self) -> dict[str, Tensor]:
        return {
            **network_tensors("generator", self.generator),
            **network_tensors("discriminator", self.discriminator),
            **optimizer_tensors("generator_adam", self.generator_adam),
            **optimizer_tensors("discriminator_adam", self.discriminator_adam),
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        restore_network("generator", self.generator, tensors)
        restore_network("discriminator", self.discriminator, tensors)
        restore_optimizer("generator_adam", self.generator_adam, tensors)
        restore_optimizer("discriminator_adam", self.discriminator_adam, tensors)
