"""Laws of the incumbent's networks as ours: equal answers, both ways; and what is not read is said in a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pix2pix.config.reader import read_configuration
from pix2pix.learners.learner import learner_tensors
from pix2pix.networks.inference import load_trained
from pix2pix.networks.unet import UNet
from pix2pix.networks.weights import restore_network, save_tensors
from stages.train import train
from tests.support.kinds import experiment, learner
from tests.support.tiny import TINY, make_pairs, write_configuration
from tools.incumbent_weights import NOT_READ, discriminator_of, generator_of, incumbent_of, read, write_theirs


class Block(nn.Module):
    """A block of their U-Net, its layers in the same places, written anew from what their files hold."""

    def __init__(self, norm: str, outer: int, inner: int, inside: nn.Module | None, *, first: bool = False) -> None:
        super().__init__()
        bias, source = norm != "batch", 3 if first else outer
        normed: Callable[[int], nn.Module] = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}.get(norm, _affine)
        down = nn.Conv2d(source, inner, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(inner * (1 + bool(inside)), outer, 4, 2, 1, bias=bias or first)
        self.first = first
        if inside is None:
            self.model = nn.Sequential(nn.LeakyReLU(0.2, True), down, nn.ReLU(True), up, normed(outer))
        elif first:
            self.model = nn.Sequential(down, inside, nn.ReLU(True), up, nn.Tanh())
        else:
            layers = [nn.LeakyReLU(0.2, True), down, normed(inner), inside, nn.ReLU(True), up, normed(outer)]
            self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.model(x)
        return answer if self.first else torch.cat([x, answer], 1)


def _affine(channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels, affine=True)


class UNetOfTheirs(nn.Module):
    """Their key: model.model."""

    def __init__(self, model: Block) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.model(x)
        return answer


def theirs(norm: str, *, depth: int = 6, channels: int = 4) -> UNetOfTheirs:
    """In training mode, as they draw: each image's own statistics at batch size 1."""
    torch.manual_seed(0)
    width = [channels * min(2**i, 8) for i in range(depth)]
    block = None
    for i in range(depth - 1, 0, -1):
        block = Block(norm, width[i - 1], width[i], block)
    network = UNetOfTheirs(Block(norm, 3, width[0], block, first=True))
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0.05, 0.2)
    return network


def farthest(one: Tensor, other: Tensor) -> float:
    return float((one - other).detach().abs().max())


@pytest.fixture
def source() -> Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_their_network_answers_the_same_as_ours_and_comes_back(norm: str, source: Tensor) -> None:
    network, ours = theirs(norm), UNet(size=64, channels=4)
    tensors = generator_of(network.state_dict())
    restore_network("generator", ours, tensors)
    assert farthest(ours.eval()(source, None), network(source.clone())) < 1e-5
    back, batch = incumbent_of(tensors)
    again = theirs("batch" if batch else "affine")
    again.load_state_dict(back)
    assert batch == (norm == "batch")
    assert farthest(again(source.clone()), network(source.clone())) < 1e-5


def test_our_weights_as_their_file(tmp_path: Path, source: Tensor, capsys: pytest.CaptureFixture[str]) -> None:
    begun = learner(seed=1)
    tensors = {name: tensor for name, tensor in learner_tensors(begun).items() if name.startswith("generator.")}
    tensors["generator.down.0.conv.bias"] += 0.3
    save_tensors(tmp_path / "a.safetensors", tensors, experiment().metadata(precision="fp32", epoch=3, step=9))
    write_theirs(tmp_path / "a.safetensors", tmp_path / "latest_net_G.pth")
    assert "--netG unet_64 --ngf 4 --norm instance, with affine=True" in capsys.readouterr().out
    network = theirs("affine")
    network.load_state_dict(torch.load(tmp_path / "latest_net_G.pth", weights_only=True))
    ours = load_trained(tmp_path / "a.safetensors", torch.device("cpu")).generator
    assert farthest(ours(source, None), network(source.clone())) < 1e-5


def test_a_file_becomes_an_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its discriminator; trained for no epoch it publishes these weights."""
    monkeypatch.chdir(tmp_path)
    base = {"recipes": {"paper": TINY["recipes"]["quick"]}, "models": {"mean": {"kind": "mean"}}}
    Path("dvc.yaml").write_text("vars:\n  - config/datasets.yaml\n", encoding="utf-8")
    write_configuration(TINY | base)
    make_pairs(Path("data/pairs/houses"), {"train": 4, "val": 2})
    torch.save(theirs("batch").state_dict(), "latest_net_G.pth")
    sizes = [(6, 4), (4, 8), (8, 16), (16, 32), (32, 1)]
    convs = zip((0, 2, 5, 8, 11), sizes, strict=True)
    kept: dict[str, Any] = {f"model.{at}.weight": torch.rand(b, a, 4, 4) for at, (a, b) in convs}
    kept |= {f"model.{at}.{key}": torch.rand(n) for at, n in ((3, 8), (6, 16), (9, 32)) for key in ("weight", "bias")}
    kept |= {"model.0.bias": torch.rand(4), "model.11.bias": torch.rand(1), "model.3.running_mean": torch.rand(8)}
    torch.save(kept, "latest_net_D.pth")
    read(Path("latest_net_G.pth"), "theirs", "houses", "BtoA")
    assert "  - config/studies/theirs.yaml\n" in Path("dvc.yaml").read_text(encoding="utf-8")
    made = read_configuration().experiment("theirs")
    train(made)
    trained = load_trained(Path("models/theirs/last.safetensors"), torch.device("cpu"))
    made.check_weights(trained.metadata)
    expected = generator_of(theirs("batch").state_dict())
    assert all(torch.equal(t, expected[f"generator.{name}"]) for name, t in trained.generator.state_dict().items())
    assert len(discriminator_of(kept)) == len(kept) - 1
    with pytest.raises(ValueError, match=r"has experiments\.theirs already"):
        read(Path("latest_net_G.pth"), "theirs", "houses", "BtoA")


@pytest.mark.parametrize("content", [{"model.1.weight": torch.zeros(64, 3, 7, 7)}, {}, nn.Linear(1, 1)])
def test_what_is_no_u_net_is_refused_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any) -> None:
    monkeypatch.chdir(tmp_path)
    write_configuration(TINY)
    torch.save(content, "latest_net_G.pth")
    says = "not a file of weights alone" if isinstance(content, nn.Module) else NOT_READ
    with pytest.raises(ValueError) as error:
        read(Path("latest_net_G.pth"), "theirs", "houses", "BtoA")
    assert str(error.value).startswith(f"latest_net_G.pth: {says}") and "\n" not in str(error.value)
    assert not Path("config/studies/theirs.yaml").exists()
