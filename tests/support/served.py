"""The page as `make app` starts it, over a tiny trained experiment, and what a program asks of it.

One page for all files that import these fixtures, as it takes ten seconds to start.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from pix2pix.config.configuration import Configuration
from stages.evaluate import evaluate
from stages.render import render
from tests.support.repository import REPO
from tests.support.tiny import TINY, make_pairs, write_configuration
from tests.support.weights_cases import save_weights

CONFIGURATION = Configuration(TINY)
API = "/gradio_api"


@dataclass(frozen=True)
class Served:
    """The running page: its address, its process, and the folder where uploads and answers lie."""

    url: str
    pid: int
    folder: Path


@lru_cache
def _repo(root: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_configuration(TINY)
        make_pairs(root / "data/pairs/houses", {"train": 8, "val": 3})
        save_weights()
        render(CONFIGURATION.experiment("first"))
        evaluate(CONFIGURATION.experiment("first"))
    return root


@lru_cache
def _served(repo: Path, temp: Path) -> Served:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"GRADIO_SERVER_PORT": str(port), "PYTHONPATH": str(REPO), "PIX2PIX_THREADS": "1", "BROWSER": "true"}
    settings |= {"TMPDIR": str(temp)}
    with (repo / "log").open("w") as log:
        command = [sys.executable, "-m", "app.page"]
        page = subprocess.Popen(command, cwd=repo, env=os.environ | settings, stdout=log, stderr=log)
    atexit.register(page.wait)
    atexit.register(page.terminate)  # the last registered is the first called
    for _ in range(600):
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", port)) == 0 or page.poll() is not None:
                break
        time.sleep(0.2)
    assert page.poll() is None, (repo / "log").read_text()
    (folder,) = temp.glob("pix2pix-page-*")
    return Served(f"http://127.0.0.1:{port}", page.pid, folder)


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose experiment `first`, labels to photos of 64 pixels, is trained, rendered and evaluated."""
    root = tmp_path_factory.getbasetemp() / "page"
    root.mkdir(exist_ok=True)
    return _repo(root)


@pytest.fixture
def here(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repo)
    return repo


@pytest.fixture(scope="session")
def served(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    temp = tmp_path_factory.getbasetemp() / "page_temp"
    temp.mkdir(exist_ok=True)
    page = _served(repo, temp)
    yield page
    assert psutil.pid_exists(page.pid), (repo / "log").read_text()


@pytest.fixture
def url(served: Served) -> str:
    return served.url


@contextmanager
def memory(served: Served) -> Iterator[list[int]]:
    """Samples of the page's resident bytes meanwhile, first what it had before."""
    process, stop = psutil.Process(served.pid), threading.Event()
    samples = [process.memory_info().rss]

    def sample() -> None:
        while not stop.wait(0.02):
            samples.append(process.memory_info().rss)

    sampling = threading.Thread(target=sample)
    sampling.start()
    try:
        yield samples
    finally:
        stop.set()
        sampling.join()


def ask(url: str, function: str, *data: Any) -> dict[str, Any]:
    """What the page answers to one event, called as its own JavaScript does: `success`, `output`."""
    return answered(url, {"data": data, "fn_index": number(url, function), "session_hash": f"{time.time_ns()}"})


def number(url: str, function: str) -> int:
    listening = requests.get(f"{url}/config", timeout=60).json()["dependencies"]
    found: int = next(d["id"] for d in listening if d["api_name"] == function)
    return found


def answered(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a body of /queue/join; `busy` where it was turned away for the queue's length."""
    joined = requests.post(f"{url}{API}/queue/join", json=body, timeout=60)
    if not joined.ok:
        return {"success": False, "output": {"error": joined.text}, "busy": "Queue is full" in joined.text}
    query = {"session_hash": body["session_hash"]}
    with requests.get(f"{url}{API}/queue/data", params=query, stream=True, timeout=60) as lines:
        for line in lines.iter_lines():
            message = json.loads(line.removeprefix(b"data: ")) if line else {}
            if message.get("msg") == "process_completed":
                return dict(message)
    raise AssertionError("the stream ended without an answer")


def upload(url: str, name: str, content: bytes) -> requests.Response:
    return requests.post(f"{url}{API}/upload", files={"files": (name, content)}, timeout=60)


def as_file(path: str) -> dict[str, Any]:
    return {"path": path, "orig_name": Path(path).name, "meta": {"_type": "gradio.FileData"}}


def as_drawing(path: str) -> dict[str, Any]:
    return {"background": as_file(path), "layers": [], "composite": as_file(path)}
