"""ASGI middleware of the page: which requests reach Gradio, how large their bodies and which files they name.

Another site, open in the same browser, can neither drive this page nor read it under a name of its own (DNS rebinding).
Gradio's other routes, some of which fetch addresses, stay closed.
"""

import json
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
KB = 1 << 10
LARGEST = 25 * 2**20  # bytes of an upload; a telephone's photo has 3 to 20 MB
API = "/gradio_api"
FILE, UPLOAD = f"{API}/file=", f"{API}/upload"
READ = {"/", "/config", "/favicon.ico", "/theme.css"}
READ |= {f"{API}/{route}" for route in ("info", "startup-events", "queue/data", "upload_progress")}
READ_BELOW = ("/assets/", "/static/", FILE, f"{API}/heartbeat/")
BODIES = {  # the routes that take a body, and the largest of each
    UPLOAD: LARGEST + 64 * KB,
    f"{API}/queue/join": 64 * KB,
    f"{API}/cancel": 4 * KB,
    f"{API}/reset": 4 * KB,
}


class RefusedError(Exception):
    """A request that goes no further: its status, and the line that says why."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


class Door:
    """Passes on what the page's own JavaScript asks, and refuses the rest in one line.

    `folder` holds the uploads and the pictures shown: no other file may be named.
    """

    def __init__(self, app: ASGIApp, *, folder: Path) -> None:
        self.app, self.folder = app, folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check_head(scope["method"], scope["path"], Headers(scope=scope))
                if scope["method"] == "POST" and scope["path"] != UPLOAD:
                    body = await _read(receive)
                    self._check_body(body)
                    receive = _read_again(body, receive)
            except RefusedError as refused:
                answer = PlainTextResponse(f"{refused}\n", refused.status, headers={"Connection": "close"})
                return await answer(scope, receive, send)
        await self.app(scope, receive, send)

    def _check_head(self, method: str, path: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if host.partition(":")[0] not in HOSTS or headers.get("origin", f"http://{host}") != f"http://{host}":
            raise RefusedError(403, "this page answers to itself alone, at 127.0.0.1 or localhost")
        if method == "POST" and path in BODIES:
            length = headers.get("content-length", "")
            if "transfer-encoding" in headers or not length.isdecimal():
                raise RefusedError(411, "the body's length must be said beforehand")
            if int(length) > BODIES[path]:
                raise RefusedError(413, f"a body of at most {BODIES[path]} bytes is read here")
        elif len(path) > 1000:
            raise RefusedError(414, "no address here is that long")
        elif method not in ("GET", "HEAD") or (path not in READ and not path.startswith(READ_BELOW)):
            raise RefusedError(404, "no such page")
        elif path.startswith(FILE) and not self._is_own(path.removeprefix(FILE)):
            raise RefusedError(403, "this file is not the page's own")

    def _check_body(self, body: bytes) -> None:
        try:
            paths = _paths(json.loads(body))
        except (ValueError, RecursionError):
            raise RefusedError(400, "the body is not JSON") from None
        if not all(map(self._is_own, paths)):
            raise RefusedError(403, "this file is not the page's own")

    def _is_own(self, path: Any) -> bool:
        try:
            return Path(path).resolve().is_relative_to(self.folder)
        except (TypeError, ValueError, OSError, RuntimeError):  # not a text, a null byte, too long, a loop of links
            return False


def _paths(content: Any) -> list[Any]:
    """The values of all keys "path", at any depth."""
    found, rest = [], [content]
    while rest:
        match rest.pop():
            case dict() as entries:
                found += [value for key, value in entries.items() if key == "path" and value is not None]
                rest += entries.values()
            case list() as entries:
                rest += entries
    return found


async def _read(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _read_again(body: bytes, receive: Receive) -> Receive:
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return rest.pop() if rest else await receive()

    return again
