"""Laws of FID and LPIPS with made-up weights: the libraries' real ones are a download of 330 MB."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
import torch_fidelity
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchvision.models import alexnet

from pix2pix.config.configuration import Configuration
from pix2pix.evaluation.result_files import Perceptual
from pix2pix.files.images import read_image, write_png
from pix2pix.files.json_csv import read_json
from pix2pix.raw import http as transfers
from tests.support.results import save_rendered
from tools import fid_lpips as perceptual


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A torch hub folder with random weights of both networks."""
    home = tmp_path_factory.mktemp("torch")
    folder = home / "hub/checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    state = alexnet().state_dict()
    # lpips uses the convolutions alone: the rest, one number each, keeps the file small
    small = {k: v if k.startswith("features") else torch.zeros(1).expand(v.shape) for k, v in state.items()}
    torch.save(OrderedDict(small), folder / perceptual.ALEXNET.rpartition("/")[2])
    with pytest.MonkeyPatch.context() as patch:
        made: dict[str, Tensor] = {}
        module = "torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url"
        patch.setattr(module, lambda *_, **__: made)
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        made |= FeatureExtractorInceptionV3("inception-v3-compat", ["64"]).state_dict()
    torch.save(made, folder / perceptual.INCEPTION.rpartition("/")[2])
    return home


@pytest.fixture
def with_weights(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(hub))
    for metric in ("fid", "kid"):  # of 2048 features: 5 s of eigenvalues
        monkeypatch.setitem(torch_fidelity.defaults.DEFAULTS, f"feature_layer_{metric}", "64")


def test_equal_images_are_at_distance_zero_and_others_further(
    tiny_repo: Path, configuration: Configuration, with_weights: None
) -> None:
    folder, first = Path("results/tiny/first"), configuration.experiment("first")
    save_rendered(folder, noise=0)
    equal = perceptual.perceptual(first)
    assert read_json(folder / "perceptual.json", Perceptual) == equal
    for file in (folder / "images/val").iterdir():
        write_png(file, read_image(file) // 4)
    dark = perceptual.perceptual(first)
    assert (equal.n, equal.values["lpips"]) == (3, 0)
    further = {name: value or 0.0 for name, value in dark.values.items()}
    assert further["lpips"] > 0
    assert abs(equal.values["fid"] or 0.0) < 1e-3 * further["fid"]
    assert (equal.values["kid"] or 0.0) < further["kid"]
    assert further["kid_low"] < further["kid"] < further["kid_high"]


def test_missing_weights_are_one_line_that_says_which_file_must_lie_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("DATA_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr(transfers, "PAUSE", 0.01)
    with pytest.raises(FileNotFoundError) as error:
        perceptual.weights("http://127.0.0.1:9/features-0123.pth")
    place = tmp_path / "torch/hub/checkpoints/features-0123.pth"
    assert f"put the file of http://127.0.0.1:9/features-0123.pth at {place}" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "torch").exists()


def test_what_is_not_rendered_is_named(tiny_repo: Path, configuration: Configuration) -> None:
    with pytest.raises(FileNotFoundError, match=r"run `python -m stages\.render first` first"):
        perceptual.perceptual(configuration.experiment("first"))
