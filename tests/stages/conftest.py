"""Raw folders for the tests of prepare."""

import shutil
from pathlib import Path

import pytest

from pix2pix.toydata.raw_files import write_cars
from tests.support.raw_trees import FILES, write_image


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
