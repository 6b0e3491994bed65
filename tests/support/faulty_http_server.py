"""A web host on this machine that has one file, and answers as a test wants: well, or as an ill network does."""

import hashlib
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread

Answer = Callable[["Host", socket.socket, int], None]  # to a request for the bytes from there on


@dataclass
class Host:
    """Answers as `script` has it, one a request; then as `usually`."""

    content: bytes
    usually: Answer
    address: str = ""
    script: list[Answer] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    sent: int = 0  # bytes of bodies

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'


@contextmanager
def serving(content: bytes) -> Iterator[Host]:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        host = Host(content, usually=good, address=f"http://127.0.0.1:{server.getsockname()[1]}")
        Thread(target=_listen, args=(host, server), daemon=True).start()
        yield host
        server.shutdown(socket.SHUT_RDWR)


def _listen(host: Host, server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            Thread(target=_serve, args=(host, connection), daemon=True).start()


def _serve(host: Host, connection: socket.socket) -> None:
    with suppress(OSError), connection:
        request = b""
        while b"\r\n\r\n" not in request and (piece := connection.recv(2**16)):
            request += piece
        host.requests.append(request.decode())
        asked = re.search(r"range: bytes=(\d+)-", request.decode(), re.IGNORECASE)
        answer = host.script.pop(0) if host.script else host.usually
        answer(host, connection, int(asked[1]) if asked else 0)


def says(status: str, *lines: str, body: Callable[[bytes, int], bytes] = lambda content, start: b"") -> Answer:
    """This header, in which {size}, {start}, {rest} and {etag} are filled in, and this body of (content, start)."""

    def answer(host: Host, connection: socket.socket, start: int) -> None:
        size = len(host.content)
        header = "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""])
        connection.sendall(header.format(size=size, start=start, rest=size - start, etag=host.etag).encode())
        host.sent += len(part := body(host.content, start))
        connection.sendall(part)

    return answer


def from_start_on(content: bytes, start: int) -> bytes:
    return content[start:]


LENGTH, ETAG = "Content-Length: {size}", "ETag: {etag}"
RANGE = ("206 Partial Content", "Content-Range: bytes {start}-{size}/{size}", "Content-Length: {rest}", ETAG)


def good(
    host: Host, connection: socket.socket, start: int, *, body: Callable[[bytes, int], bytes] = from_start_on
) -> None:
    """The rest from `start` on, if the file is still the one that was asked for; else the whole."""
    start = start if f"If-Range: {host.etag}" in host.requests[-1] else 0
    if start >= len(host.content):
        answer = says("416 Range Not Satisfiable", "Content-Range: bytes */{size}")
    elif start:
        answer = says(*RANGE, body=body)
    else:
        answer = says("200 OK", LENGTH, ETAG, body=body)
    answer(host, connection, start)


def cut(most: int, end: Callable[[socket.socket], None] = socket.socket.close) -> Answer:
    """Well until so many bytes are sent; then the connection ends."""

    def answer(host: Host, connection: socket.socket, start: int) -> None:
        good(host, connection, start, body=lambda content, start: content[start : start + most])
        end(connection)

    return answer


def reset(connection: socket.socket) -> None:
    time.sleep(0.01)  # what was sent should arrive first
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def silence(connection: socket.socket) -> None:
    time.sleep(2)  # longer than an impatient client waits


def whole(*lines: str, most: int | None = None) -> Answer:
    return says("200 OK", *lines, body=lambda content, start: content[:most])


def chunked(end: bytes) -> Answer:
    def body(content: bytes, start: int) -> bytes:
        pieces = (content[at : at + 9999] for at in range(0, len(content), 9999))
        return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end

    return says("200 OK", "Transfer-Encoding: chunked", ETAG, body=body)


ANSWERS: dict[str, Answer] = {
    "good": good,
    "reset at once": lambda host, connection, start: reset(connection),
    "closed at once": lambda host, connection, start: None,
    "silent at once": lambda host, connection, start: silence(connection),
    "no http": lambda host, connection, start: connection.sendall(b"\x00\x01\x02\xff" * 50),
    "silent in the middle": cut(100_000, silence),
    "closed late": cut(290_000),
    "chunked": chunked(b"0\r\n\r\n"),
    "chunked, cut": chunked(b""),
    "no ranges": whole(LENGTH, ETAG),
    "no ranges, cut": whole(LENGTH, ETAG, most=200_000),
    "no ranges, cut early": whole(LENGTH, ETAG, most=1000),
    "range of any version": says(*RANGE, body=from_start_on),
    "no version": whole(LENGTH, 'ETag: W/"weak"'),
    "404": says("404 Not Found"),
    "503": says("503 Service Unavailable"),
    "web page": whole(LENGTH, "Content-Type: text/html; charset=utf-8"),
}
