"""The page as `make app` serves it, over a tiny experiment, in a thread."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import torch
import uvicorn

from app.page import Networks, application, listening
from pix2pix.config.configuration import Configuration
from stages.evaluate import evaluate
from stages.render import render
from tests.support.tiny import TINY, working_folder, write_configuration
from tests.support.weights_cases import WEIGHTS, save_weights

OPENED = {"Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Served:
    root: Path
    url: str
    port: int
    networks: Networks

    def draw(self, drawing: bytes, name: str = "first", **headers: str) -> requests.Response:
        return requests.post(f"{self.url}generate/{name}", data=drawing, headers=OPENED | headers, timeout=60)


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose experiment `first`, labels to photos of 64 pixels, is trained, rendered and evaluated."""
    root = tmp_path_factory.mktemp("page")
    with working_folder(root):
        write_configuration(TINY)
        save_weights()
        render(Configuration(TINY).experiment("first"))
        evaluate(Configuration(TINY).experiment("first"))
    return root


@pytest.fixture
def here(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repo)
    return repo


@pytest.fixture
def served(here: Path) -> Iterator[Served]:
    networks = Networks(Configuration(TINY), {"first": WEIGHTS}, torch.device("cpu"))
    with listening(None) as door:
        server = uvicorn.Server(uvicorn.Config(application(networks), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        port = door.getsockname()[1]
        yield Served(here, f"http://127.0.0.1:{port}/", port, networks)
        server.should_exit = True
        thread.join()
