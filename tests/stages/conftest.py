"""Raw folders for the tests of prepare, and networks for those of train and render."""

import shutil
from pathlib import Path

import pytest

from pix2pix.config.configuration import Configuration
from pix2pix.config.resolved import Experiment
from pix2pix.toydata.raw_files import write_cars
from stages.train import train
from tests.support.kinds import experiment, published
from tests.support.raw_trees import FILES, write_image
from tests.support.tiny import working_folder
from tests.support.weights_cases import save_weights


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw folder of each layout; of cars three views of five."""
    root = tmp_path_factory.mktemp("trees")
    (root / "cars").mkdir()
    write_cars(root / "cars", cars=5, views=3, size=96, seed=0)
    for layout, names in FILES.items():
        for seed, name in enumerate(names):
            write_image(root / layout / name, seed=seed)
    return root


@pytest.fixture
def raw(request: pytest.FixtureRequest, trees: Path, tmp_path: Path) -> Path:
    """A copy of the layout that the test names."""
    layout = request.node.callspec.params["layout"] if hasattr(request.node, "callspec") else "cars"
    return Path(shutil.copytree(trees / layout, tmp_path / "raw"))


@pytest.fixture
def first(tiny_repo: Path, configuration: Configuration) -> Experiment:
    """An experiment that has weights."""
    save_weights()
    return configuration.experiment("first")


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `first` was trained, for all tests: copy it."""
    folder = tmp_path_factory.mktemp("trained")
    with working_folder(folder):
        train(experiment())
    return folder


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What was published, in a working folder of its own."""
    shutil.copytree(trained_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return published()
