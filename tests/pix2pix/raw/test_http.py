"""Laws of a transfer, against a real server that misbehaves: resumed, bounded, and never wrong bytes."""

import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from pix2pix.raw import http as transfers
from pix2pix.raw.http import fetch

CONTENT = np.random.default_rng(0).bytes(900_000)
DEAD = "http://127.0.0.1:9/none.bin"  # the discard port: nobody listens


@dataclass
class Host:
    """What the server does; `seen` is the Range of each request, "" for none."""

    address: str = ""
    content: bytes = CONTENT
    etag: str = '"one"'
    ranges: bool = True
    obeys_if_range: bool = True
    statuses: list[int] = field(default_factory=list)  # answered first, one a request
    resets: list[int] = field(default_factory=list)  # bytes after which a request is cut off, one a request
    seen: list[str] = field(default_factory=list)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(transfers, "PAUSE", 0.01)
    state = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.seen.append(wanted)
            if state.statuses:
                self.send_error(state.statuses.pop(0))
                return
            if not self.path.endswith("/a.bin"):
                self.send_error(404)
                return
            if self.headers.get("If-None-Match") == state.etag:
                self.send_response(304)
                self.end_headers()
                return
            start = int(wanted[6:-1]) if state.ranges and wanted else 0
            if state.obeys_if_range and self.headers.get("If-Range") != state.etag:
                start = 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}")
            if state.etag:
                self.send_header("ETag", state.etag)
            self.send_header("Content-Length", str(len(state.content) - start))
            self.end_headers()
            body = state.content[start:]
            self.wfile.write(body[: state.resets[0]] if state.resets else body)
            if state.resets:
                state.resets.pop(0)
                time.sleep(0.1)  # what was sent should arrive before the reset
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # writing to a connection that was just reset

    with Server(("127.0.0.1", 0), Handler) as server:
        state.address = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        server.shutdown()
        thread.join()


def get(host: Host, cache: Path, name: str = "a.bin") -> bytes:
    return fetch(name, official=DEAD, mirror=host.address, cache=cache).read_bytes()


def left(cache: Path, ending: str) -> list[Path]:
    return sorted(cache.rglob(f"*{ending}"))


def test_reset_in_the_middle_is_resumed_by_range(host: Host, tmp_path: Path) -> None:
    host.resets = [400_000]
    assert get(host, tmp_path) == CONTENT
    assert len(host.seen) == 2
    resumed = re.fullmatch(r"bytes=(\d+)-", host.seen[1])
    assert resumed and 0 < int(resumed[1]) <= 400_000


def test_stopped_transfer_is_resumed_by_the_next_command(host: Host, tmp_path: Path) -> None:
    host.resets = [400_000, 0, 0, 0]
    with pytest.raises(FileNotFoundError, match="broke off"):
        get(host, tmp_path)
    host.seen.clear()
    assert get(host, tmp_path) == CONTENT
    assert len(host.seen) == 1 and host.seen[0].startswith("bytes=")


def test_server_without_ranges_starts_over(host: Host, tmp_path: Path) -> None:
    host.ranges, host.resets = False, [400_000]
    assert get(host, tmp_path) == CONTENT


def test_server_that_does_not_name_its_version_starts_over(host: Host, tmp_path: Path) -> None:
    host.etag, host.resets = "", [400_000]
    assert get(host, tmp_path) == CONTENT
    assert host.seen == ["", ""]


@pytest.mark.parametrize("obeys_if_range", [True, False])
def test_changed_file_is_never_spliced(host: Host, tmp_path: Path, obeys_if_range: bool) -> None:
    host.resets = [400_000, 0, 0, 0]
    with pytest.raises(FileNotFoundError, match="broke off"):
        get(host, tmp_path)
    assert left(tmp_path, ".partial")
    host.content, host.etag, host.obeys_if_range = CONTENT[::-1], '"two"', obeys_if_range
    assert get(host, tmp_path) == CONTENT[::-1]
    assert not left(tmp_path, ".partial")


def test_endless_resets_end_with_one_line_and_no_file(host: Host, tmp_path: Path) -> None:
    host.resets = [1000] * 50
    with pytest.raises(FileNotFoundError, match=r"a\.bin could not be had: http.*: broke off 4 times.*set DATA_MIRROR"):
        get(host, tmp_path)
    assert len(host.seen) == 4
    assert not left(tmp_path, "a.bin")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_server_is_asked_again(host: Host, tmp_path: Path, status: int) -> None:
    host.statuses = [status, status]
    assert get(host, tmp_path) == CONTENT


def test_broken_server_is_given_up(host: Host, tmp_path: Path) -> None:
    host.statuses = [503] * 50
    with pytest.raises(FileNotFoundError, match="HTTP 503 Service Unavailable"):
        get(host, tmp_path)
    assert len(host.seen) == 4


def test_missing_file_is_not_asked_for_again(host: Host, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"b\.bin: HTTP 404 Not Found; .*Connection refused"):
        get(host, tmp_path, "b.bin")
    assert len(host.seen) == 1


def test_whole_file_is_transferred_again_only_when_it_changed(host: Host, tmp_path: Path) -> None:
    get(host, tmp_path)
    host.resets = [0]  # of no use to a server that answers "not modified"
    assert get(host, tmp_path) == CONTENT
    host.resets, host.content, host.etag = [], b"new", '"two"'
    assert get(host, tmp_path) == b"new"


def test_wrong_digest_is_not_kept(host: Host, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sha256 is"):
        fetch("a.bin", official=DEAD, mirror=host.address, cache=tmp_path, sha256="0" * 64)
    assert not left(tmp_path, "a.bin")


def test_password_of_a_mirror_is_not_shown(host: Host, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        fetch("b.bin", official=DEAD, mirror=host.address.replace("//", "//me:secret@"), cache=tmp_path)
    assert "secret" not in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if "secret" in path.name]


def test_mirror_folder_comes_first_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")
    path = fetch("a.bin", official=DEAD, mirror=str(tmp_path), cache=tmp_path / "cache")
    assert path == tmp_path / "a.bin"
    with pytest.raises(ValueError, match="sha256"):
        fetch("a.bin", official=DEAD, mirror=str(tmp_path), cache=tmp_path / "cache", sha256="0" * 64)
    assert path.read_bytes() == b"mine"
