"""Laws of the networks: the paper's sizes, receptive fields, and independence of what else is in the batch."""

import numpy as np
import pytest
import torch

from pix2pix.config.models import Pix2Pix
from pix2pix.networks.build import build_discriminator
from pix2pix.networks.counter_rng import seed_of, uniform
from pix2pix.networks.layers import Norm, SpectralConv, from_network, initialise, to_network
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.unet import UNet
from pix2pix.pairs.palettes import decode, palette
from tests.support.tiny import TINY


def unet(size: int = 64, channels: int = 4) -> UNet:
    network = UNet(size=size, channels=channels, dropout=0.5, dropout_blocks=3)
    initialise(network, 0)
    return network


def test_paper_generator_has_54_414_531_weights() -> None:
    assert sum(p.numel() for p in unet(256, 64).parameters()) == 54_414_531


def test_paper_discriminator_has_2_768_705_weights_and_a_30_by_30_map() -> None:
    network = PatchGAN(channels=64, layers=3)
    assert sum(p.numel() for p in network.parameters()) == 2_768_705
    pair = torch.zeros(1, 3, 256, 256)
    assert network(pair, pair).shape == (1, 1, 30, 30)


@pytest.mark.parametrize(("layers", "field"), [(0, 1), (1, 16), (3, 70), (5, 286)])
def test_receptive_field(layers: int, field: int) -> None:
    network = PatchGAN(channels=2, layers=layers).eval()
    for module in network.modules():
        if isinstance(module, Norm):
            module.forward = lambda x: x  # type: ignore[method-assign]  # statistics would connect all pixels
        elif isinstance(module, torch.nn.Conv2d):
            torch.nn.init.constant_(module.weight, 0.1)
    side = field + 150
    image = torch.ones(1, 3, side, side, requires_grad=True)
    logits = network(image, image)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    assert image.grad is not None
    touched = image.grad[0].abs().sum(0).nonzero()
    assert (touched.amax(0) - touched.amin(0) + 1).tolist() == [field, field]


def test_a_discriminator_without_condition_never_sees_the_source() -> None:
    network = PatchGAN(channels=2, layers=1, conditional=False)
    image, source = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    assert torch.equal(network(source, image), network(1 - source, image))


def test_only_skips_carry_detail_around_the_bottleneck() -> None:
    """Without skips all images that agree at 1x1 come out alike; with skips they do not."""
    for skips in (True, False):
        network = UNet(size=64, channels=4, skips=skips).eval()
        initialise(network, 0)
        torch.nn.init.zeros_(network.get_parameter("down.5.conv.weight"))
        first, second = (network(torch.rand(1, 3, 64, 64), None) for _ in range(2))
        assert torch.equal(first, second) is not skips


def test_a_network_of_classes_gives_logits() -> None:
    network = UNet(size=64, channels=4, classes=12)
    initialise(network, 0)
    assert network(torch.rand(2, 3, 64, 64), None).shape == (2, 12, 64, 64)


@pytest.mark.parametrize(("head", "bound"), [("tanh", 1.0), ("tanh_1.1", 1.1), ("clipped", 50.0)])
def test_a_head_bounds_images_in_training_and_all_are_clipped_at_inference(head: str, bound: float) -> None:
    network = UNet(size=64, channels=4, head=head)
    initialise(network, 0)
    with torch.no_grad():
        network.get_parameter("up.5.conv.weight").mul_(200)
    source = torch.rand(1, 3, 64, 64)
    free, clipped = network.train()(source, None), network.eval()(source, None)
    assert bound * 0.95 < free.abs().max() <= bound or (head == "clipped" and free.abs().max() > 2)
    assert torch.equal(clipped, free.clamp(-1, 1))


def test_a_resizing_decoder_begins_with_nearest_neighbours() -> None:
    network = UNet(size=64, channels=4, resize=True)
    assert not any(isinstance(module, torch.nn.ConvTranspose2d) for module in network.modules())
    assert network(torch.rand(1, 3, 64, 128), None).shape == (1, 3, 64, 128)
    last = network.get_submodule("up.5")
    torch.nn.init.zeros_(last.get_parameter("conv.weight"))
    with torch.no_grad():
        last.get_parameter("conv.weight")[:, :, 1, 1] = 1  # of the 3x3, its centre alone
    x = torch.rand(1, 8, 32, 32)
    torch.testing.assert_close(last(x, None)[0, 0, ::2, 1::2], x.sum(1)[0] + last.get_parameter("conv.bias")[0])


def test_spectral_norm_leaves_weights_whose_largest_singular_value_is_1() -> None:
    network = PatchGAN(channels=4, layers=2, spectral_norm=True)
    initialise(network, 0)
    pair = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        for _ in range(300):
            network(pair, pair)
    network.eval()
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network(pair, pair)
    assert all(torch.equal(before[name], buffer) for name, buffer in network.named_buffers()), "only training moves it"
    convs = [module for module in network.modules() if isinstance(module, SpectralConv)]
    assert len(convs) == len(before) == 4
    for conv in convs:
        kernel = torch.eye(conv.in_channels * conv.weight[0, 0].numel()).view(-1, *conv.weight.shape[1:])
        if conv.bias is not None:
            torch.nn.init.zeros_(conv.bias)
        conv.padding = (0, 0)
        assert torch.linalg.matrix_norm(conv(kernel)[..., 0, 0], ord=2).item() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("name", ["facades", "cityscapes"])
def test_a_label_map_becomes_a_channel_a_class_as_it_is_decoded(name: str) -> None:
    network = build_discriminator(Pix2Pix.model_validate(TINY["models"]["tiny"] | {"source_classes": name}))
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    assert network.labels is not None
    one_hot = network.labels(to_network(torch.from_numpy(image).permute(2, 0, 1)[None]))
    assert one_hot.shape == (1, len(palette(name)), 40, 50) and (one_hot.sum(1) == 1).all()
    np.testing.assert_array_equal(one_hot[0].argmax(0).numpy(), decode(image, name))


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_every_power_of_two_comes_back_at_its_size(size: int) -> None:
    source = torch.zeros(1, 3, size, size)
    generated = unet(size, 1).train()(source, torch.tensor([0]))
    assert generated.shape == source.shape
    assert generated.abs().max() <= 1


@pytest.mark.parametrize("size", [32, 96, 0])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"size {size} is not a power of two"):
        unet(size)


@pytest.mark.parametrize("training", [True, False])
def test_a_result_does_not_depend_on_its_neighbours_in_the_batch(training: bool) -> None:
    network = unet().train(training)
    source = torch.rand(3, 3, 64, 64) * 2 - 1
    seeds = torch.tensor([5, 6, 7])
    together = network(source, seeds)
    for i in range(3):
        alone = network(source[i : i + 1], seeds[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_each_image_is_normalised_by_its_own_statistics(training: bool) -> None:
    norm, x = Norm(2).train(training), torch.randn(4, 2, 8, 8) + torch.arange(4.0)[:, None, None, None]
    torch.testing.assert_close(norm(x).mean((2, 3)), torch.zeros(4, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(norm(x).std((2, 3), correction=0), torch.ones(4, 2), atol=1e-4, rtol=0)


def test_dropout_drops_a_half_and_is_a_function_of_the_seed() -> None:
    network, source = unet().eval(), torch.rand(1, 3, 64, 64)
    first, second = network(source, torch.tensor([1])), network(source, torch.tensor([2]))
    assert torch.equal(first, network(source, torch.tensor([1])))
    assert not torch.equal(first, second)
    assert not torch.equal(first, network(source, None))


def test_initial_weights_follow_the_paper_and_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = unet(channels=16).state_dict()
    torch.manual_seed(2)
    second = unet(channels=16).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["down.3.conv.weight"].std().item() == pytest.approx(0.02, rel=0.02)
    assert first["down.3.norm.weight"].mean().item() == pytest.approx(1.0, abs=0.01)


def test_uniform_noise_is_uniform_and_independent_between_seeds() -> None:
    seeds = torch.tensor([seed_of(0, f"image {i}") for i in range(100)])
    draws = uniform(seeds, 1024)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert draws.mean().item() == pytest.approx(0.5, abs=0.005)
    assert draws.std().item() == pytest.approx(12**-0.5, abs=0.005)
    assert (torch.corrcoef(draws) - torch.eye(100)).abs().max() < 0.2
    assert (torch.corrcoef(draws.T) - torch.eye(1024)).abs().max() < 0.6
    assert len(draws.unique()) > 0.99 * draws.numel()
    assert torch.equal(uniform(seeds[7:8], 1024), draws[7:8])


def test_neighbouring_seeds_give_unrelated_noise() -> None:
    draws = uniform(torch.arange(64), 1024)
    assert (torch.corrcoef(draws) - torch.eye(64)).abs().max() < 0.2


def test_every_byte_survives_the_networks_range() -> None:
    every = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(from_network(to_network(every)), every)
    assert from_network(torch.tensor([[[[-1.5, 1.5, 0.003]]]])).flatten().tolist() == [0, 255, 128]
