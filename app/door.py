"""The door of the page: what may ask, for what, with how large a body and which files. Everything else is refused here.

A page of another site, open in the same browser, may neither drive this one nor read it under a name of its own (DNS
rebinding); Gradio's other routes stay closed, those among them that fetch from elsewhere.
"""

import json
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
KB = 1 << 10
LARGEST = 25 * 2**20  # bytes of an upload; a telephone's photo has 3 to 20 MB
API = "/gradio_api"
FILE = f"{API}/file="
READ = {"/", "/config", "/favicon.ico", "/theme.css"}
READ |= {f"{API}/{route}" for route in ("info", "startup-events", "queue/data", "upload_progress")}
READ_BELOW = ("/assets/", "/static/", FILE, f"{API}/heartbeat/")
UPLOAD = f"{API}/upload"
BODIES = {  # the largest body of each route that takes one
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
    """ASGI middleware: passes on what the page's own JavaScript would ask, refuses the rest in one line."""

    def __init__(self, app: ASGIApp, *, folder: Path) -> None:
        """`folder` holds the uploads and the pictures shown: no other file may be named."""
        self.app, self.folder = app, folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope["method"], scope["path"], Headers(scope=scope))
                if scope["path"] == UPLOAD:
                    receive = _whole(receive)
                elif scope["method"] == "POST":
                    body = await _body(receive)
                    self._check_asked(body)
                    receive = _again(body, receive)
            except RefusedError as refused:
                answer = PlainTextResponse(f"{refused}\n", refused.status, headers={"Connection": "close"})
                return await answer(scope, receive, send)
        await self.app(scope, receive, send)

    def _check(self, method: str, path: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if host.partition(":")[0] not in HOSTS:
            raise RefusedError(403, "this page answers to 127.0.0.1 and localhost alone")
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            raise RefusedError(403, "this page answers to no other page")
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
        elif path.startswith(FILE) and not self._own(path.removeprefix(FILE)):
            raise RefusedError(403, "this file is not the page's own")

    def _check_asked(self, body: bytes) -> None:
        try:
            asked = json.loads(body)
            # half a character or a NaN, repeated in an answer, would break it off
            json.dumps(asked, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise RefusedError(400, "the body is not JSON") from None
        session = str(asked.get("session_hash", "none")) if isinstance(asked, dict) else ""
        if not (session.isascii() and session.isprintable() and session):  # its answers could not be asked for
            raise RefusedError(400, "no session of this page")
        if not all(map(self._own, _paths(asked))):
            raise RefusedError(403, "this file is not the page's own")

    def _own(self, path: Any) -> bool:
        try:
            return Path(path).resolve().is_relative_to(self.folder)
        except (TypeError, ValueError, OSError, RuntimeError):  # no text, a null byte, too long, a loop of links
            return False


def _paths(asked: Any) -> list[Any]:
    """What stands under "path" of any object within, however deep."""
    found, rest = [], [asked]
    while rest:
        match rest.pop():
            case dict() as entries:
                found += [value for key, value in entries.items() if key == "path" and value is not None]
                rest += entries.values()
            case list() as entries:
                rest += entries
    return found


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return rest.pop() if rest else await receive()

    return again


def _whole(receive: Receive) -> Receive:
    """A body that breaks off ends as a malformed one: Gradio removes its temporary files then, and only then."""

    async def whole() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MultiPartException("the body broke off")
        return message

    return whole
