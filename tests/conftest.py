"""Tiny data in the layouts of the pipeline, made in a test's own folder."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from pix2pix.config.configuration import Configuration
from tests.support.clones import call, clone
from tests.support.soaks import soak
from tests.support.tiny import ONE, TINY, make_pairs, write_configuration

__all__ = ["soak"]  # a fixture of every test


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="the full rounds of long laws, into benchmarks/soaks.csv")


@pytest.fixture
def configuration() -> Configuration:
    return Configuration(TINY)


@pytest.fixture(scope="session")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with ONE in which `dvc repro` has run: leave it as it is, or put back what you change.

    It is made once for all workers of pytest-xdist; each has a copy.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "by_dvc"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            made = clone(base / "clone_by_dvc", ONE)
            call(made, "dvc", "repro")
            made.rename(folder)
    return Path(shutil.copytree(folder, tmp_path_factory.mktemp("dvc") / "clone", symlinks=True))


@pytest.fixture
def tiny_repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a test: the configuration TINY, and its eleven prepared pairs."""
    monkeypatch.chdir(tmp_path)
    write_configuration(TINY)
    make_pairs(Path("data/pairs/houses"), {"train": 8, "val": 3})
    return tmp_path
