"""What a program asks of the running page, as the page's own JavaScript does."""

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from PIL import Image

from tests.support.tiny import random_image

API = "/gradio_api"
MB = 1 << 20


@dataclass(frozen=True)
class Served:
    """The running page: its address, its process, and the folder where uploads and answers lie."""

    url: str
    pid: int
    folder: Path

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def files(self) -> set[Path]:
        """Every file of the page's temporary folder, the uploads among them."""
        return {path for path in self.folder.parent.rglob("*") if path.is_file()}

    def number(self, function: str) -> int:
        """Gradio's index of an event."""
        events = requests.get(f"{self.url}/config", timeout=60).json()["dependencies"]
        found: int = next(event["id"] for event in events if event["api_name"] == function)
        return found

    def ask(self, function: str, *data: Any) -> dict[str, Any]:
        """The answer to one event of the page, with experiment `first` chosen: `success`, `output`.

        `busy` where it was turned away for the queue's length.
        """
        session = f"{time.time_ns()}"
        body = {"data": ["first", *data], "fn_index": self.number(function), "session_hash": session}
        joined = requests.post(f"{self.url}{API}/queue/join", json=body, timeout=60)
        if not joined.ok:
            return {"success": False, "output": {"error": joined.text}, "busy": "Queue is full" in joined.text}
        return self.answer(session)

    def answer(self, session: str) -> dict[str, Any]:
        """The answer to a request that was accepted in this session."""
        query = {"session_hash": session}
        with requests.get(f"{self.url}{API}/queue/data", params=query, stream=True, timeout=60) as lines:
            for line in lines.iter_lines():
                message = json.loads(line.removeprefix(b"data: ")) if line else {}
                if message.get("msg") == "process_completed":
                    return dict(message)
        raise AssertionError("the stream ended without an answer")

    def post_file(self, name: str, content: bytes) -> requests.Response:
        return requests.post(f"{self.url}{API}/upload", files={"files": (name, content)}, timeout=60)

    def upload(self, name: str, content: bytes) -> str:
        """The path of an uploaded file."""
        path: str = self.post_file(name, content).json()[0]
        return path

    def draw(self, path: str) -> bytes:
        """The picture that answers an uploaded drawing."""
        return picture(self.ask("draw", as_drawing(path)))

    @contextmanager
    def memory(self) -> Iterator[list[int]]:
        """Samples of the page's resident bytes meanwhile, first what it had before."""
        process, stop = psutil.Process(self.pid), threading.Event()
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


def as_file(path: str) -> dict[str, Any]:
    return {"path": path, "orig_name": Path(path).name, "meta": {"_type": "gradio.FileData"}}


def as_drawing(path: str) -> dict[str, Any]:
    return {"background": as_file(path), "layers": [], "composite": as_file(path)}


def png(image: Any, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, form)
    return buffer.getvalue()


def random_png(seed: int) -> bytes:
    return png(random_image(seed, 512, 512))


def picture(answer: dict[str, Any]) -> bytes:
    """The generated picture in an answer."""
    assert answer["success"], answer
    return requests.get(answer["output"]["data"][-1]["url"], timeout=60).content
