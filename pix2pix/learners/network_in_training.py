"""A network with its optimiser, and the copies of its weights that mixed precision computes with."""

import copy
from typing import Literal

import torch
from torch import Tensor, nn, optim
from torch.func import functional_call

from pix2pix.config.recipes import Recipe
from pix2pix.machine.distributed import average_gradients
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.cpu_conv import lay_out
from pix2pix.networks.layers import initialise


class NetworkInTraining:
    """A network whose weights are drawn from (name, seed), and its Adam. Call it as the network.

    In bf16, passes compute with copies of the convolutions' weights. They are made once an update, not at each use.
    The weights, gradients and moments that Adam sees are float32.

    With `ema` in the recipe, `averaged` is a generator of the exponential moving average of the weights, float32
    (Yazici et al. 2018).
    """

    def __init__(
        self,
        network: nn.Module,
        name: Literal["generator", "discriminator"],
        *,
        seed: int,
        recipe: Recipe,
        hardware: Hardware,
    ) -> None:
        initialise(network, seed_of(name, seed))
        self.network, generates = network, name == "generator"
        learning_rate = recipe.generator_lr if generates else recipe.discriminator_lr
        self.ema = recipe.ema if generates else 0.0
        self.averaged = copy.deepcopy(network).requires_grad_(False).eval() if self.ema else None
        for each in filter(None, (network, self.averaged)):
            lay_out(each, hardware)
        # a CUDA graph reads the rate from a tensor; it would keep a number as it was when it was recorded
        on_gpu = hardware.device.type == "cuda"
        rate = torch.tensor(learning_rate, device=hardware.device) if on_gpu else learning_rate
        betas = recipe.beta1, recipe.beta2
        self.adam = optim.Adam(network.parameters(), rate, betas, fused=True, capturable=on_gpu)
        self.learning_rate, self.rate_factor = learning_rate, 1.0
        weights = dict(network.named_parameters()) if hardware.precision == "bf16" else {}
        self._copied: dict[str, Tensor] = {
            f"{path}.{key}": weights[f"{path}.{key}"]
            for path, layer in network.named_modules()
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
            for key, _ in layer.named_parameters()
            if weights
        }
        self._copies = {key: weight.detach().bfloat16().requires_grad_() for key, weight in self._copied.items()}
        for weight in self._copied.values():
            weight.grad = torch.empty_like(weight)
        self._leaves = [self._copies.get(key, weight) for key, weight in network.named_parameters()]

    def __call__(self, *inputs: Tensor | list[Tensor] | None) -> Tensor:
        """The network's answer."""
        answer: Tensor = functional_call(self.network, self._copies, inputs) if self._copies else self.network(*inputs)
        return answer

    def generate(self, *inputs: Tensor | None) -> Tensor:
        """The answer as at inference, of the averaged weights where there are such."""
        self.network.eval()
        answer: Tensor = self.averaged(*inputs) if self.averaged else self(*inputs)
        return answer

    def update(self, loss: Tensor) -> None:
        """One step of Adam, by the gradient of `loss` (a scalar) over all processes."""
        for leaf in self._leaves:
            leaf.grad = None
        loss.backward(inputs=self._leaves)
        if self._copies:
            torch._foreach_copy_(_gradients(self._copied), _gradients(self._copies))
        average_gradients(self.network)
        self.adam.step()
        self.weights_changed()
        if self.averaged:
            self._average(self.averaged)

    @torch.no_grad()
    def _average(self, averaged: nn.Module) -> None:
        """The decay grows to `ema` as (1 + t) / (10 + t) in step t: initial weights are soon forgotten."""
        weights, means = (list[Tensor](network.parameters()) for network in (self.network, averaged))
        share = (9 / (10 + self.adam.state[weights[0]]["step"])).clamp(min=1 - self.ema)  # on the device
        changes = torch._foreach_sub(weights, means)
        torch._foreach_mul_(changes, share)
        torch._foreach_add_(means, changes)

    def scale_learning_rate(self, factor: float) -> None:
        """Set the learning rate to `factor` times the recipe's."""
        self.rate_factor = factor
        for group in self.adam.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(factor * self.learning_rate)
            else:
                group["lr"] = factor * self.learning_rate

    @torch.no_grad()
    def weights_changed(self) -> None:
        """Make the copies anew."""
        if self._copies:
            torch._foreach_copy_(list(self._copies.values()), list(self._copied.values()))


def networks_of(in_training: dict[str, NetworkInTraining]) -> dict[str, nn.Module]:
    """The networks by name, and as `averaged` the average of the one that has one."""
    networks = {name: trained.network for name, trained in in_training.items()}
    averaged = [trained.averaged for trained in in_training.values() if trained.averaged]
    return networks | dict(zip(["averaged"], averaged, strict=False))


def _gradients(tensors: dict[str, Tensor]) -> list[Tensor]:
    return [tensor.grad for tensor in tensors.values() if tensor.grad is not None]
