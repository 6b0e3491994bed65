"""The page as `make app` starts it, over a tiny experiment: one for all tests, as it takes seconds to start."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pix2pix.config.configuration import Configuration
from stages.evaluate import evaluate
from stages.render import render
from tests.support.page_server import Served, random_png
from tests.support.repository import REPO
from tests.support.tiny import TINY, make_pairs, write_configuration
from tests.support.weights_cases import save_weights


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose experiment `first`, labels to photos of 64 pixels, is trained, rendered and evaluated."""
    root = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_configuration(TINY)
        make_pairs(root / "data/pairs/houses", {"train": 8, "val": 3})
        save_weights()
        render(Configuration(TINY).experiment("first"))
        evaluate(Configuration(TINY).experiment("first"))
    return root


@pytest.fixture
def here(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repo)
    return repo


@pytest.fixture(scope="session")
def served(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    temp = tmp_path_factory.mktemp("page_temp")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"GRADIO_SERVER_PORT": str(port), "PYTHONPATH": str(REPO), "BROWSER": "true", "TMPDIR": str(temp)}
    with (repo / "log").open("w") as log:
        command = [sys.executable, "-m", "app.page"]
        page = subprocess.Popen(command, cwd=repo, env=os.environ | settings, stdout=log, stderr=log)
    try:
        for _ in range(600):
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", port)) == 0 or page.poll() is not None:
                    break
            time.sleep(0.2)
        assert page.poll() is None, (repo / "log").read_text()
        (folder,) = temp.glob("pix2pix-page-*")
        yield Served(f"http://127.0.0.1:{port}", page.pid, folder)
        assert page.poll() is None, (repo / "log").read_text()
    finally:
        page.terminate()
        page.wait(timeout=60)
    assert not list(temp.glob("pix2pix-page-*"))


@pytest.fixture(scope="module")
def _answers_rightly(served: Served) -> Iterator[None]:
    """An honest drawing has the same answer after a module's tests as before."""
    drawing = served.upload("drawing.png", random_png(7))
    before = served.draw(drawing)
    assert before.startswith(b"\x89PNG")
    yield
    assert served.draw(drawing) == before
