"""Tiny data in the layouts of the pipeline, made in a test's own folder."""

from pathlib import Path

import pytest

from pix2pix.config.configuration import Configuration
from tests.support.clones import call, clone
from tests.support.soaks import soak
from tests.support.tiny import TINY, make_pairs, write_configuration

__all__ = ["soak"]  # a fixture of every test


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="the full rounds of long laws, into benchmarks/soaks.csv")


@pytest.fixture
def configuration() -> Configuration:
    return Configuration(TINY)


@pytest.fixture(scope="session")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with TINY in which `dvc repro` has run, for all tests: leave it as it is, or put back what you change."""
    folder = clone(tmp_path_factory.mktemp("dvc") / "clone")
    call(folder, "dvc", "repro")
    return folder


@pytest.fixture
def tiny_repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a test: the configuration TINY, and its eleven prepared pairs."""
    monkeypatch.chdir(tmp_path)
    write_configuration(TINY)
    make_pairs(Path("data/pairs/houses"), {"train": 8, "val": 3})
    return tmp_path
