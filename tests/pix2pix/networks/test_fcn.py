"""Laws of the FCN family: sizes, bilinear beginnings, and what the variants change."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F

from pix2pix.networks.fcn import FCN
from pix2pix.networks.layers import Upsample, initialise


def fcn(*, stride: int = 8, upsampling: str = "single", convolutions: int = 2, classes: int | None = 12) -> FCN:
    network = FCN(channels=4, convolutions=convolutions, stride=stride, upsampling=upsampling, classes=classes)
    initialise(network, 0)
    return network


def weights(network: FCN) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("stride", "upsampling"), list(product([8, 16, 32], ["single", "stepwise"])))
def test_scores_have_the_size_of_the_image(stride: int, upsampling: str) -> None:
    network = fcn(stride=stride, upsampling=upsampling)
    assert network(torch.rand(2, 3, 64, 96), None).shape == (2, 12, 64, 96)


def test_without_classes_it_makes_an_image() -> None:
    image = fcn(classes=None)(torch.rand(1, 3, 64, 64) * 2 - 1, None)
    assert image.shape == (1, 3, 64, 64)
    assert image.abs().max() <= 1


def test_a_transposed_convolution_begins_as_bilinear_interpolation() -> None:
    up = Upsample(3, 3, 4)
    up.make_bilinear()
    x = torch.rand(1, 3, 6, 6)
    inner = (..., slice(4, -4), slice(4, -4))  # at the border the one pads with zeros, the other repeats
    wanted = F.interpolate(x, scale_factor=4, mode="bilinear")
    torch.testing.assert_close(up(x)[inner], wanted[inner])


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_a_network_begins_with_bilinear_enlargement_of_each_score_alone(stride: int) -> None:
    enlarge = fcn(stride=stride).get_parameter("enlarge.weight")
    assert enlarge.shape[2:] == (2 * stride, 2 * stride)
    assert enlarge[0, 0].sum().item() == pytest.approx(stride**2, rel=1e-4)
    assert not enlarge[0, 1].any()


@pytest.mark.parametrize(("stride", "silenced"), [(32, ["32"]), (16, ["32", "16"]), (8, ["32", "16", "8"])])
def test_each_score_reaches_the_output_and_no_other_way_does(stride: int, silenced: list[str]) -> None:
    """With scores silenced one after the other, the source matters until the last of them is silent."""
    network = fcn(stride=stride).eval()
    for step in silenced:
        first, second = (network(torch.rand(1, 3, 64, 64), None) for _ in range(2))
        assert not torch.equal(first, second)
        torch.nn.init.zeros_(network.get_parameter(f"score.{step}.weight"))
    first, second = (network(torch.rand(1, 3, 64, 64), None) for _ in range(2))
    assert torch.equal(first, second)


def test_variants_are_smaller_and_larger_as_their_names_say() -> None:
    assert weights(fcn(convolutions=1)) < weights(fcn(convolutions=2)) < weights(fcn(convolutions=3))
    ups = [sum(isinstance(m, Upsample) for m in fcn(upsampling=u).modules()) for u in ("single", "stepwise")]
    assert ups == [3, 5]


def test_initial_weights_are_a_function_of_the_seed() -> None:
    first, second = fcn().state_dict(), fcn().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_image_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    network, x = fcn().eval(), torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(network(x, None)[1:2], network(x[1:2], None), rtol=1e-4, atol=1e-5)
