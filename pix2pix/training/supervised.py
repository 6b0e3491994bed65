"""The learner of networks without a discriminator: regression of images, or classes by cross-entropy."""

import torch
import torch.nn.functional as F
from torch import Tensor, optim

from pix2pix.files.images import Uint8
from pix2pix.machine.distributed import average, average_gradients
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.cpu_conv import lay_out
from pix2pix.networks.fcn import FCN, initialise_fcn
from pix2pix.networks.layers import initialise
from pix2pix.networks.unet import UNet
from pix2pix.networks.weights import network_tensors, optimizer_tensors, restore_network, restore_optimizer
from pix2pix.training.losses import l1_loss


class Supervised:
    """A network in training (a `Learner`). Losses: L1 of its images in [-1, 1]; of classes also their cross-entropy."""

    def __init__(
        self,
        generator: UNet | FCN,
        *,
        hardware: Hardware,
        seed: int,
        learning_rate: float,
        betas: tuple[float, float],
        colours: Uint8 | None,
    ) -> None:
        """`colours` (K, 3): palette of a network of K class logits; targets then hold these colours alone."""
        if isinstance(generator, FCN):
            initialise_fcn(generator, seed_of("generator", seed))
        else:
            initialise(generator, seed_of("generator", seed))
        lay_out(generator, hardware.device)
        self.generator = generator
        self.coloured = None if colours is None else Coloured(generator, colours).to(hardware.device)
        self.losses: tuple[str, ...] = ("l1",) if colours is None else ("l1", "ce")
        self.learning_rate, self.hardware = learning_rate, hardware
        self.adam = optim.Adam(generator.parameters(), learning_rate, betas, fused=True)

    def step(self, source: Tensor, target: Tensor, seeds: Tensor) -> Tensor:
        self.generator.train()
        with self.hardware.autocast():
            output = self.generator(source, seeds)
        losses = self._losses(output, target)
        self.adam.zero_grad()
        losses[-1].backward()
        average_gradients(self.generator)
        self.adam.step()
        return average(losses.detach())

    def _losses(self, output: Tensor, target: Tensor) -> Tensor:
        if self.coloured is None:
            return l1_loss(output, target)[None]
        cross_entropy = F.cross_entropy(output.float(), self.coloured.classes(target))
        return torch.stack([l1_loss(self.coloured.paint(output), target), cross_entropy])

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

    def scale_learning_rates(self, factor: float) -> None:
        for group in self.adam.param_groups:
            group["lr"] = factor * self.learning_rate

    def tensors(self) -> dict[str, Tensor]:
        return {**network_tensors("generator", self.generator), **optimizer_tensors("adam", self.adam)}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        restore_network("generator", self.generator, tensors)
        restore_optimizer("adam", self.adam, tensors)
