"""A network with its optimiser, and the copies of its weights that mixed precision computes with."""

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
    """

    def __init__(
        self, network: nn.Module, name: str, *, seed: int, learning_rate: float, recipe: Recipe, hardware: Hardware
    ) -> None:
        initialise(network, seed_of(name, seed))
        lay_out(network, hardware)
        self.network = network
        self.adam = optim.Adam(network.parameters(), learning_rate, (recipe.beta1, recipe.beta2), fused=True)
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

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        """The network's answer."""
        answer: Tensor = functional_call(self.network, self._copies, inputs) if self._copies else self.network(*inputs)
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

    @torch.no_grad()
    def weights_changed(self) -> None:
        """Make the copies anew."""
        if self._copies:
            torch._foreach_copy_(list(self._copies.values()), list(self._copied.values()))


def _gradients(tensors: dict[str, Tensor]) -> list[Tensor]:
    return [tensor.grad for tensor in tensors.values() if tensor.grad is not None]
