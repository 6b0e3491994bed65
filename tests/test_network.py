"""Laws of a transfer from a host that does anything: the right bytes or one line, in bounded time and requests."""

import hashlib
import random
import re
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest

import stages.download
from stages.download import download
from stages.entries.datasets import ArchiveSource
from stages.pix2pix import answers, transfers
from stages.pix2pix.transfers import fetch
from tests.raw import write_tar
from tests.soaks import Soak

REPOSITORY = Path(__file__).parents[1]
DEAD = "http://127.0.0.1:9"
FILES = {f"facades/train/{n}.jpg": random.Random(n).randbytes(20_000) for n in range(1, 16)}
OTHERS = {f"facades/train/{n}.jpg": random.Random(n + 100).randbytes(20_000) for n in range(1, 16)}
Answer = Callable[["Host", socket.socket, int], None]  # to a request that asks for the bytes from there on


# the library drops a connection with a broken header, and a header given up, without closing its socket
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)


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


# ---- laws ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    folder = tmp_path_factory.mktemp("archives")
    return write_tar(folder / "a", FILES).read_bytes(), write_tar(folder / "b", OTHERS).read_bytes()


@pytest.fixture
def host(contents: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(transfers, "PAUSE", 0.001)
    monkeypatch.setattr(transfers, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(answers, "TIMEOUT", (1.0, 0.3))
    monkeypatch.setattr(answers, "ANSWER", 0.3)
    monkeypatch.setattr(answers, "PATIENCE", 0.2)
    monkeypatch.setattr(answers, "STRIDE", 2**16)
    monkeypatch.setattr(stages.download, "PIX2PIX", DEAD)
    monkeypatch.setattr("os.sync", lambda: None)  # these files may be lost
    with serving(Host(*contents)) as host:
        yield host


def get(host: Host, cache: Path) -> bytes:
    return fetch("facades.tar.gz", official=f"{DEAD}/none", mirror=host.address, cache=cache).read_bytes()


@pytest.mark.soak
def test_any_host_gives_the_right_files_or_one_line(
    contents: tuple[bytes, bytes], host: Host, tmp_path: Path, soak: Soak
) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(soak.rounds(24, 400)):
        rng = random.Random(f"4 {number}")
        plan = rng.choices(list(ANSWERS), k=rng.randrange(1, 9))
        host.content, host.other = contents
        host.script, host.requests = [ANSWERS[name] for name in plan], []
        digest = hashlib.sha256(contents[0]).hexdigest() if rng.random() < 0.5 else None
        source = ArchiveSource(source="pix2pix", archive="facades", sha256=digest, expect={"train": len(FILES)})
        raw, cache = tmp_path / str(number), tmp_path / f"cache{number}"
        start = time.monotonic()
        for _ in range(3):  # the same command again, until it is given
            try:
                download("houses", source, raw=raw, downloads=cache, mirror=host.address)
            except (ValueError, FileNotFoundError) as error:
                assert "\n" not in str(error) and "facades.tar.gz" in str(error), (number, plan)
                assert not list(raw.iterdir()), (number, plan)
                outcome = "refused"
            else:
                files = {path.name: path.read_bytes() for path in raw.rglob("*.jpg")}
                given = [
                    content for content in (FILES, OTHERS) if {Path(n).name: b for n, b in content.items()} == files
                ]
                assert given and (given == [FILES] or (digest is None and "changes" in plan)), (number, plan)
                outcome = "right"
            kept = [path.read_bytes() for path in cache.rglob("facades.tar.gz")]
            assert outcome == "refused" or kept, (number, plan)
            assert all(content in contents for content in kept), (number, plan)
            if outcome == "right":
                break
        assert time.monotonic() - start < 60, (number, plan)
        assert len(host.requests) < 3 * 4 * 6 + len(plan), (number, plan)
        outcomes[outcome] += 1
    soak.counts["transfers"] = outcomes.total()
    soak.counts["right"] = outcomes["right"]


@pytest.mark.parametrize("name", ["trickle", "header drips", "continue for ever"])
def test_host_that_drips_is_given_up(host: Host, tmp_path: Path, name: str) -> None:
    host.script = [ANSWERS[name]] * 50
    start = time.monotonic()
    with pytest.raises(FileNotFoundError, match=r"fewer than 65536 bytes in|no answer within"):
        get(host, tmp_path)
    assert time.monotonic() - start < 20
    assert len(host.requests) == 4


def test_resumed_transfer_sends_only_the_rest(host: Host, tmp_path: Path) -> None:
    host.script = [cut(200_000, by_reset=False), cut(50_000, by_reset=False)]
    assert get(host, tmp_path) == host.content
    assert host.sent == len(host.content)


def test_steady_progress_is_never_given_up(host: Host, tmp_path: Path) -> None:
    host.script = [cut(40_000, by_reset=False)] * 7
    assert get(host, tmp_path) == host.content
    assert (len(host.requests), host.sent) == (8, len(host.content))


def test_host_without_ranges_that_breaks_off_here_and_there_is_given_up(host: Host, tmp_path: Path) -> None:
    def breaks(at: int) -> Answer:
        return claims(LENGTH, body=lambda content: content[:at])

    host.script = [breaks(200_000), breaks(1000)] * 50
    with pytest.raises(FileNotFoundError, match="broke off 4 times"):
        get(host, tmp_path)
    assert len(host.requests) == 4


def test_transfer_stopped_behind_its_last_byte_is_not_repeated(host: Host, tmp_path: Path) -> None:
    get(host, tmp_path)
    [path] = tmp_path.rglob("facades.tar.gz")
    path.rename(f"{path}.partial")
    host.sent = 0
    assert get(host, tmp_path) == host.content
    assert host.sent == 0


@pytest.mark.parametrize("partial", [b"", b"x" * 100, b"x" * 400_000])
@pytest.mark.parametrize(
    "note", [b"", b"\n", b"\xff\x00", b'"one"\n', b'"one"\n99\nmore', b"a\r\nb\n5\n", b"{etag}\n{size}\n"]
)
def test_stale_leftovers_do_no_harm(host: Host, tmp_path: Path, note: bytes, partial: bytes) -> None:
    get(host, tmp_path)
    [path] = tmp_path.rglob("facades.tar.gz")
    path.unlink()
    if note.startswith(b"{"):  # of another file
        note = b'"other"\n%d\n' % len(host.content)
    path.with_name(f"{path.name}.version").write_bytes(note)
    path.with_name(f"{path.name}.partial").write_bytes(partial)
    assert get(host, tmp_path) == host.content


@pytest.mark.parametrize("whole", [False, True])
def test_web_page_does_not_take_the_place_of_what_is_here(host: Host, tmp_path: Path, whole: bool) -> None:
    """As of a network that wants a login."""
    host.script = [] if whole else [cut(200_000, by_reset=False), *[ANSWERS["reset at once"]] * 3]
    with suppress(FileNotFoundError):
        get(host, tmp_path)
    host.script = [ANSWERS["web page"]]
    with pytest.raises(FileNotFoundError, match="a web page came instead of the file"):
        get(host, tmp_path)
    host.sent = 0
    assert get(host, tmp_path) == host.content
    assert host.sent == (0 if whole else len(host.content) - 200_000)


def test_whole_archive_is_used_while_its_host_is_ill(host: Host, tmp_path: Path) -> None:
    get(host, tmp_path)
    for name in ("503", "reset at once", "header drips"):
        host.script = [ANSWERS[name]] * 4
        assert get(host, tmp_path) == host.content


def test_length_must_be_known(host: Host, tmp_path: Path) -> None:
    """A close would be taken for the end."""
    host.script = [claims("ETag: {etag}", body=lambda content: content[:1000])]
    with pytest.raises(FileNotFoundError, match="does not say how long the file is"):
        get(host, tmp_path)


def test_busy_host_is_asked_again_when_it_says(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "LONGEST_PAUSE", 0.4)
    for after, longer, shorter in (("0", 0.0, 0.4), ("3600", 0.4, 3.0)):
        host.script = [says(header("429 Too Many Requests", f"Retry-After: {after}", "Content-Length: 0"))]
        start = time.monotonic()
        assert get(host, tmp_path / after) == host.content
        assert longer <= time.monotonic() - start < shorter


def test_redirects_end(host: Host, tmp_path: Path) -> None:
    host.script = [ANSWERS["elsewhere"]] * 50
    with pytest.raises(FileNotFoundError, match="more than 10 redirects"):
        get(host, tmp_path)
    assert len(host.requests) == 11
    host.script = [ANSWERS["redirect to a file"]]
    with pytest.raises(FileNotFoundError, match="redirects to 'file:///etc/passwd', which is no web address"):
        get(host, tmp_path)


def test_password_goes_to_its_own_host_only(host: Host, contents: tuple[bytes, bytes], tmp_path: Path) -> None:
    with serving(Host(*contents)) as stranger:
        host.script = [
            says(header("302 Found", f"Location: {host.address}/b", "Content-Length: 0")),
            says(header("302 Found", f"Location: {stranger.address}/c", "Content-Length: 0")),
        ]
        fetch("a", official="", mirror=host.address.replace("//", "//me:secret@"), cache=tmp_path)
        assert ["Authorization: Basic" in request for request in host.requests] == [True, True]
        assert ["Authorization" in request for request in stranger.requests] == [False]


def started(host: Host, cache: Path) -> subprocess.Popen[bytes]:
    given = f"'facades.tar.gz', official='', mirror='{host.address}', cache=Path('{cache}')"
    program = f"from pathlib import Path; from stages.pix2pix.transfers import fetch; fetch({given})"
    return subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY)


def test_two_processes_transfer_once(host: Host, tmp_path: Path) -> None:
    two = [started(host, tmp_path) for _ in range(2)]
    assert [process.wait(60) for process in two] == [0, 0]
    assert host.sent == len(host.content)


def test_killed_transfer_is_resumed(host: Host, tmp_path: Path) -> None:
    def halts(host: Host, connection: socket.socket, start: int) -> None:
        good(host, connection, start, cut=200_000)
        time.sleep(60)

    host.script = [halts]
    process = started(host, tmp_path)
    deadline = time.monotonic() + 60
    while sum(path.stat().st_size for path in tmp_path.rglob("*.partial")) < 190_000 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    [partial] = tmp_path.rglob("*.partial")
    held, host.sent = partial.stat().st_size, 0
    assert get(host, tmp_path) == host.content
    assert host.sent == len(host.content) - held < 120_000
