from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2pix.config.models import Pix2Pix
from pix2pix.learners.gan import Gan
from pix2pix.learners.learner import learner_tensors, restore_learner
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.cpu_conv import PIXELS, WEIGHTS, double, halve, lay_out
from tests.support.kinds import experiment

CPU = torch.device("cpu")
Conv = nn.Conv2d | nn.ConvTranspose2d
LAYERS = [nn.Conv2d, nn.ConvTranspose2d]


def _layer(kind: type[Conv], *, bias: bool, channels: int = 256) -> Conv:
    torch.manual_seed(0)
    layer: Conv = kind(channels, channels, 4, 2, 1, bias=bias)
    lay_out(layer, Hardware(CPU, 1, "bf16"))
    return layer


def _results(layer: Conv, x: Tensor, *, direct: bool, precision: torch.dtype) -> list[Tensor]:
    """Output, and the gradients of the image and of the weights, of a loss in which no two pixels weigh the same."""
    x = x.clone().requires_grad_()
    layer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
        ours = partial(halve, layer) if isinstance(layer, nn.Conv2d) else partial(double, layer)
        out = layer(x) if direct else ours(x)
    out.float().backward(torch.linspace(-1, 1, out.numel()).view_as(out))
    return [out.detach().float(), *(tensor.grad for tensor in (x, *layer.parameters()) if tensor.grad is not None)]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which of the two ways to columns were taken."""
    taken: list[str] = []

    def spied(name: str, real: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def spy(*given: Any, **more: Any) -> Tensor:
            taken.append(name)
            return real(*given, **more)

        return spy

    for name in ("unfold", "fold"):
        monkeypatch.setattr(F, name, spied(name, getattr(F, name)))
    return taken


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("shape", [(1, 256, 2, 2), (1, 256, 4, 8), (3, 256, 4, 4)])
def test_a_matrix_product_is_the_convolution(
    kind: type[Conv], bias: bool, shape: tuple[int, ...], taken: list[str]
) -> None:
    layer, x = _layer(kind, bias=bias), torch.randn(shape).contiguous(memory_format=torch.channels_last)
    ours, wanted = (_results(layer, x, direct=direct, precision=torch.float32) for direct in (False, True))
    assert len(ours) == 3 + bias
    for one, other in zip(ours, wanted, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert taken == ["unfold" if kind is nn.Conv2d else "fold"]


@pytest.mark.parametrize("kind", LAYERS)
def test_in_bf16_it_errs_no_more_than_the_convolution(kind: type[Conv]) -> None:
    layer, x = _layer(kind, bias=True), torch.randn(1, 256, 4, 4)
    true = _results(layer, x, direct=True, precision=torch.float32)
    ours, theirs = (_results(layer, x, direct=direct, precision=torch.bfloat16) for direct in (False, True))
    for one, other, exact in zip(ours, theirs, true, strict=True):
        assert (one - exact).abs().mean() <= 1.3 * (other - exact).abs().mean()


@pytest.mark.parametrize("kind", LAYERS)
def test_of_many_pixels_few_weights_or_at_inference_it_is_the_convolution(kind: type[Conv], taken: list[str]) -> None:
    side = int(PIXELS**0.5) * (2 if kind is nn.Conv2d else 1)
    wide = torch.randn(1, 256, side, side + 2)
    large, small = _layer(kind, bias=False), _layer(kind, bias=False, channels=64)
    assert small.weight.numel() < WEIGHTS <= large.weight.numel()
    for layer, x in ((large, wide), (small, torch.randn(1, 64, 4, 4)), (large.eval(), torch.randn(1, 256, 4, 4))):
        ours, wanted = (_results(layer, x, direct=direct, precision=torch.bfloat16) for direct in (False, True))
        assert all(torch.equal(one, other) for one, other in zip(ours, wanted, strict=True))
    assert not taken


def test_few_weights_lie_as_images_do() -> None:
    network = nn.Sequential(_layer(nn.Conv2d, bias=False), _layer(nn.Conv2d, bias=False, channels=8))
    large, small = network.parameters()
    assert large.is_contiguous()
    assert small.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("direct", [True, False])
def test_the_fused_adam_reads_gradients_as_they_lie(kind: type[Conv], direct: bool) -> None:
    """On a CPU it goes through memory, blind to layouts: a gradient laid out otherwise would update other weights."""
    updated = []
    for fused in (True, False):
        layer = _layer(kind, bias=False)
        adam = torch.optim.Adam(layer.parameters(), 0.1, fused=fused)
        _results(layer, torch.randn(1, 256, 4, 4), direct=direct, precision=torch.float32)
        adam.step()
        updated.append(layer.weight.detach())
    torch.testing.assert_close(*updated)


def _gan(precision: Literal["bf16", "fp32"], seed: int) -> Gan:
    chosen = experiment()
    wide = chosen.model.model_copy(update={"generator_channels": 64, "discriminator_channels": 8})
    assert isinstance(wide, Pix2Pix)
    return Gan(wide, chosen.recipe, seed=seed, hardware=Hardware(CPU, torch.get_num_threads(), precision))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_stopped_training_continues_with_the_same_bits(precision: Literal["bf16", "fp32"]) -> None:
    draw = torch.Generator().manual_seed(0)
    images = 2 * torch.rand(3, 2, 2, 3, 64, 64, generator=draw) - 1
    batches = [(source, target, torch.tensor([i, i + 3])) for i, (source, target) in enumerate(images)]
    straight, stopped, continued = _gan(precision, 0), _gan(precision, 0), _gan(precision, 1)
    assert any(weight.numel() >= WEIGHTS for weight in straight.networks["generator"].parameters())
    losses = [straight.step(*batch) for batch in batches]
    assert torch.equal(stopped.step(*batches[0]), losses[0])
    stopped_tensors = learner_tensors(stopped)
    restore_learner(continued, {name: tensor.contiguous().clone() for name, tensor in stopped_tensors.items()})
    for batch, wanted_losses in zip(batches[1:], losses[1:], strict=True):
        assert torch.equal(continued.step(*batch), wanted_losses)
    wanted, found = learner_tensors(straight), learner_tensors(continued)
    assert wanted.keys() == found.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
