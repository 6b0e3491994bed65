"""The page for one's own trained networks: draw, and they answer while one draws. `make app`,
`python -m app.page [EXPERIMENT [--weights FILE | --epoch N]]`

*Reads* models/<experiment>/last.safetensors and, where they are, results/<study>/<experiment>/ and data/pairs/, and
serves the page in web/, the same that `make site` publishes. It writes nothing.

It listens on the loopback address alone, answers its own page alone, and asks no other machine for anything. A drawing
comes as the bytes R, G, B of each pixel, so that no file of a visitor is ever decoded here.
"""

import argparse
import socket
import threading
import webbrowser
from collections.abc import Mapping
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.drawing_model import DrawingModel, Examples, drawable, drawing_model, example_row, read_metadata, weights
from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.files.entry_point import run
from pix2pix.files.memory import needing_memory
from pix2pix.files.weights_choice import add_weights_options, chosen_weights
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.inference import Trained, load_trained

WEB = Path(__file__).resolve().parents[1] / "web"
HOST, PORTS = "127.0.0.1", range(7860, 7960)  # the first free one
QUEUE = 16  # drawings that wait; more are turned away
NETWORKS = 3  # kept in memory


class Networks:
    """Trained networks of a configuration by their weights files, on one device, one drawing at a time."""

    def __init__(self, configuration: Configuration, files: Mapping[str, Path], device: torch.device) -> None:
        self.configuration, self.files = configuration, files
        self.load = lru_cache(NETWORKS)(lambda path, _changed: load_trained(path, device))
        self.one_at_a_time, self.waiting = threading.Lock(), 0

    def described(self) -> list[DrawingModel]:
        """Those whose weights are here and whole.

        Raises:
            FileNotFoundError, ValueError: there are none.
        """
        found, broken = [], None
        for name, path in self.files.items():
            experiment = self.configuration.experiment(name)
            try:
                model = drawing_model(experiment, read_metadata(path), path)
                row = example_row(experiment, size=model.size, truth=True)
            except (OSError, ValueError) as error:  # a training may be replacing them
                broken = error
                continue
            examples = Examples(file=f"examples/{name}.png", count=row[1], truth=True) if row else None
            found.append(model.model_copy(update={"address": f"generate/{name}", "examples": examples}))
        if broken and not found:
            drawable(self.configuration)  # says how to make one, where there is none
            raise broken
        return found

    def examples(self, name: str) -> bytes:
        """A PNG file.

        Raises:
            FileNotFoundError, ValueError: no weights or no pairs here.
        """
        size = read_metadata(self.files[name]).recipe.size
        row = example_row(self.configuration.experiment(name), size=size, truth=True)
        if row is None:
            raise FileNotFoundError(f"{name}: no prepared pairs here")
        file = BytesIO()
        Image.fromarray(row[0]).save(file, "PNG")
        return file.getvalue()

    def generate(self, name: str, drawing: bytes) -> bytes:
        """RGB of the network's size -> RGB of the same size, by the weights that lie there now.

        Raises:
            FileNotFoundError, ValueError: no weights, or broken ones, or a drawing of another size.
        """
        path = self.files[name]
        if not path.is_file():
            raise FileNotFoundError(f"{path}: not there now; a training may be replacing it. Draw again later")
        with self.one_at_a_time, needing_memory(f"drawing with {name}"):
            trained: Trained = self.load(path, path.stat().st_mtime_ns)
            size = trained.metadata.recipe.size
            if len(drawing) != 3 * size * size:
                raise ValueError(f"{name} reads {size} x {size} pixels now; load the page again")
            source = np.frombuffer(drawing, np.uint8).reshape(size, size, 3).copy()
            return trained.generate(source, id="drawing").tobytes()


def application(networks: Networks) -> Starlette:
    """The page, what it is told of the networks, and their answers; every refusal is one line."""
    names, largest = set(networks.files), 3 * 1024 * 1024

    def known(request: Request) -> str:
        name = str(request.path_params["name"])
        if name not in names:
            raise HTTPException(404, f"there is no experiment {name[:100]}")
        return name

    async def models(_: Request) -> Response:
        described = await run_in_threadpool(networks.described)
        return JSONResponse({"networks": [model.model_dump() for model in described], "wasm": None})

    async def examples(request: Request) -> Response:
        return Response(await run_in_threadpool(networks.examples, known(request)), media_type="image/png")

    async def generate(request: Request) -> Response:
        name, length = known(request), request.headers.get("content-length", "")
        if (own := f"http://{request.headers['host']}") != request.headers.get("origin", own):
            raise HTTPException(403, "this page answers to itself alone")
        if not length.isdecimal():
            raise HTTPException(411, "the length of a drawing must be said beforehand")
        if int(length) > largest:
            raise HTTPException(413, f"a drawing has at most {largest} bytes")
        if networks.waiting >= QUEUE:
            raise HTTPException(503, "busy: too many drawings wait; draw again in a moment")
        networks.waiting += 1
        try:
            answer = await run_in_threadpool(networks.generate, name, await request.body())
        finally:
            networks.waiting -= 1
        return Response(answer, media_type="application/octet-stream")

    async def refused(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 503
        return PlainTextResponse(str(error.detail if isinstance(error, HTTPException) else error), status)

    return Starlette(
        routes=[
            Route("/models.json", models),
            Route("/examples/{name}.png", examples),
            Route("/generate/{name}", generate, methods=["POST"]),
            Mount("/", StaticFiles(directory=WEB, html=True)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
        exception_handlers=dict.fromkeys((HTTPException, OSError, ValueError), refused),
    )


def listening(port: int | None) -> socket.socket:
    """A socket on the loopback address: at `port`, or at the first free of PORTS.

    Raises:
        OSError: it is taken.
    """
    for tried in [port] if port else PORTS:
        try:
            return socket.create_server((HOST, tried))
        except OSError:
            continue
    raise OSError(f"port {port or f'{PORTS[0]} to {PORTS[-1]}'} of {HOST} is taken; say another: --port 8000")


def main() -> None:
    parser = argparse.ArgumentParser(description="The page for one's own trained networks: draw, and they answer.")
    parser.add_argument("experiment", nargs="?", help="default: all that have weights here, to choose from")
    parser.add_argument("--port", type=int, help=f"default: the first free one from {PORTS[0]}")
    add_weights_options(parser)
    given, configuration = parser.parse_args(), read_configuration()
    if given.experiment:
        name = configuration.experiment(given.experiment).name
        files = {name: chosen_weights(name, given) or weights(name)}
    elif given.weights or given.epoch is not None:
        parser.error("--weights and --epoch need the experiment")
    else:
        files = {name: weights(name) for name in drawable(configuration)}
    networks = Networks(configuration, files, use_hardware().device)
    with listening(given.port) as door:
        url = f"http://{HOST}:{door.getsockname()[1]}"
        print(f"Draw at {url} (Ctrl-C ends it)", flush=True)
        threading.Thread(target=partial(webbrowser.open, url), daemon=True).start()
        uvicorn.Server(uvicorn.Config(application(networks), log_level="warning")).run(sockets=[door])


if __name__ == "__main__":
    run(main)
