"""Tiny data in the layouts of the pipeline, made in a test's own folder."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pix2pix.config.configuration import Params
from tests.support.clones import call, clone
from tests.support.soaks import soak
from tests.support.tiny import TINY, make_pairs

__all__ = ["soak"]  # a fixture of every test


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="the full rounds of long laws, into benchmarks/soaks.csv")


@pytest.fixture
def params() -> Params:
    return Params.model_validate(TINY)


@pytest.fixture(scope="session")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with TINY in which `dvc repro` has run, for all tests: leave it as it is, or put back what you change."""
    folder = clone(tmp_path_factory.mktemp("dvc") / "clone")
    call(folder, "dvc", "repro")
    return folder


@pytest.fixture
def tiny_repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a test: params.yaml as TINY, and its eleven prepared pairs."""
    monkeypatch.chdir(tmp_path)
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(TINY, file)
    make_pairs(Path("data/pairs/houses"), {"train": 8, "val": 3})
    return tmp_path
