"""A host that answers as its script has it: cut off, dripping, lying, in a loop; and the good answer."""

import hashlib
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread

Answer = Callable[["Host", socket.socket, int], None]  # to a request that asks for the bytes from there on


@dataclass
class Host:
    """Answers as `script` has it, one a request, then as a good server does."""

    content: bytes
    other: bytes = b""
    address: str = ""
    script: list[Answer] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    sent: int = 0  # bytes of bodies

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'

    def body(self, connection: socket.socket, content: bytes) -> None:
        self.sent += len(content)
        connection.sendall(content)


@contextmanager
def serving(host: Host) -> Iterator[Host]:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        host.address = f"http://127.0.0.1:{server.getsockname()[1]}"
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
        answer = host.script.pop(0) if host.script else good
        answer(host, connection, int(asked[1]) if asked else 0)


def header(status: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""]).encode("latin-1")


# ---- answers ---------------------------------------------------------------------------------------------------------


def good(host: Host, connection: socket.socket, start: int, cut: int | None = None, etag: str | None = None) -> None:
    etag = etag or host.etag
    request, size = host.requests[-1], len(host.content)
    if f"If-None-Match: {etag}" in request:
        connection.sendall(header("304 Not Modified", f"ETag: {etag}"))
    elif start and f"If-Range: {etag}" in request and start >= size:
        connection.sendall(header("416 Range Not Satisfiable", f"Content-Range: bytes */{size}", "Content-Length: 0"))
    else:
        start = start if f"If-Range: {etag}" in request else 0
        lines = [f"Content-Length: {size - start}", f"ETag: {etag}"]
        extent = [f"Content-Range: bytes {start}-{size - 1}/{size}"] if start else []
        connection.sendall(header("206 Partial Content" if start else "200 OK", *lines, *extent))
        host.body(connection, host.content[start:][:cut])


def reset(connection: socket.socket) -> None:
    time.sleep(0.01)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def cut(at: int, *, by_reset: bool) -> Answer:
    def answer(host: Host, connection: socket.socket, start: int) -> None:
        good(host, connection, start, cut=at)
        if by_reset:
            reset(connection)

    return answer


def says(*raw: bytes, then_reset: bool = False) -> Answer:
    def answer(host: Host, connection: socket.socket, start: int) -> None:
        for piece in raw:
            connection.sendall(piece)
        if then_reset:
            reset(connection)

    return answer


def claims(*lines: str, status: str = "200 OK", body: Callable[[bytes], bytes] = lambda content: content) -> Answer:
    """The whole content under these lines."""

    def answer(host: Host, connection: socket.socket, start: int) -> None:
        size = len(host.content)
        named = [line.format(size=size, more=size + 77, less=size - 77, start=start, etag=host.etag) for line in lines]
        connection.sendall(header(status, *named))
        host.body(connection, body(host.content))

    return answer


def drips(first: bytes, drop: bytes) -> Answer:
    def answer(host: Host, connection: socket.socket, start: int) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(drop)
            time.sleep(0.02)

    return answer


def changes(host: Host, connection: socket.socket, start: int) -> None:
    """Breaks off; the next time it has another file."""
    cut(100_000, by_reset=True)(host, connection, start)
    host.content, host.other = host.other, host.content


def chunked(whole: bool) -> Answer:
    def cut_up(content: bytes) -> bytes:
        pieces = (content[at : at + 9999] for at in range(0, len(content), 9999))
        return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + (b"0\r\n\r\n" if whole else b"")

    return claims("Transfer-Encoding: chunked", "ETag: {etag}", body=cut_up)


LENGTH = "Content-Length: {size}"
ANSWERS: dict[str, Answer] = {
    "good": good,
    "reset at once": says(then_reset=True),
    "closed at once": says(),
    "reset in the header": says(b"HTTP/1.1 200 OK\r\nContent-Le", then_reset=True),
    "closed in the header": says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
    "no http": says(b"\x00\x01\x02\xff" * 50),
    "no header line": says(header("200 OK", "what", ": x", "Content-Length", "\xff\xfe: \x00")),
    "reset early": cut(1, by_reset=True),
    "reset in the middle": cut(150_000, by_reset=True),
    "closed early": cut(70_000, by_reset=False),
    "closed late": cut(290_000, by_reset=False),
    "length too long": claims("Content-Length: {more}", "ETag: {etag}"),
    "length too short": claims("Content-Length: {less}", "ETag: {etag}"),
    "no length": claims("ETag: {etag}"),
    "negative length": claims("Content-Length: -5"),
    "length of no number": claims("Content-Length: many"),
    "two lengths": claims(LENGTH, "Content-Length: 5"),
    "length without end": claims("Content-Length: " + "9" * 6000),
    "chunked": chunked(whole=True),
    "chunked, cut": chunked(whole=False),
    "chunks of no number": claims("Transfer-Encoding: chunked", body=lambda content: b"-5\r\nab\r\nzz\r\n"),
    "trickle": drips(header("200 OK", "Content-Length: 300000", 'ETag: "slow"'), b"x"),
    "header drips": drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "continue for ever": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "404": says(header("404 Not Found", "Content-Length: 0")),
    "429": says(header("429 Too Many Requests", "Retry-After: 3", "Content-Length: 0")),
    "503": says(header("503 Service Unavailable", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", "Content-Length: 0")),
    "500": says(header("500 Oops", "Retry-After: soon", "Content-Length: 99"), b"x"),
    "204": says(header("204 No Content")),
    "304 unasked": says(header("304 Not Modified")),
    "elsewhere": says(header("302 Found", "Location: /elsewhere/facades.tar.gz", "Content-Length: 0")),
    "redirect to a file": says(header("302 Found", "Location: file:///etc/passwd", "Content-Length: 0")),
    "redirect to nowhere": says(header("302 Found", "Location: http://[::1/\xff", "Content-Length: 0")),
    "redirect with a bomb": drips(header("302 Found", "Location: /x", "Content-Length: 999999999"), bytes(2**20)),
    "web page": claims(LENGTH, "Content-Type: text/html; charset=utf-8", body=lambda c: b"<html>".ljust(len(c))),
    "web page, not called so": claims(LENGTH, body=lambda content: b"<html>".ljust(len(content))),
    "garbage": claims(LENGTH, "ETag: {etag}", body=lambda content: bytes(len(content))),
    "range of other bytes": claims(
        "Content-Range: bytes 5-{size}/{size}", "ETag: {etag}", LENGTH, status="206 Partial"
    ),
    "range of another total": claims(
        "Content-Range: bytes {start}-{size}/{more}", "ETag: {etag}", LENGTH, status="206 Partial"
    ),
    "wrong bytes in the right range": claims(
        "Content-Range: bytes {start}-{size}/{size}", "ETag: {etag}", LENGTH, status="206 Partial"
    ),
    "range without numbers": claims("Content-Range: bytes x", LENGTH, status="206 Partial"),
    "range of 5000 digits": claims(f"Content-Range: bytes {'9' * 5000}-9/9", LENGTH, status="206 Partial"),
    "416": says(header("416 Range Not Satisfiable", "Content-Length: 0")),
    "no version": claims(LENGTH),
    "weak version": claims(LENGTH, 'ETag: W/"x"'),
    "odd version": claims(LENGTH, 'ETag: "\xff\xfe"'),
    "changes": changes,
}
