"""Laws of the page under hostile use: bodies are bounded, and no file but its own is read, whoever asks."""

import base64
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from app.door import BODIES
from tests.support.honest import MB, answers_rightly, drawing, files, png
from tests.support.served import API, Served, ask, memory, number, repo, served, upload
from tests.support.tiny import random_image

__all__ = ["answers_rightly", "repo", "served"]  # fixtures

pytestmark = pytest.mark.usefixtures("answers_rightly")


# ---- bodies ----------------------------------------------------------------------------------------------------------


class Zeros:
    """A body of so many zeros that is never in memory."""

    def __init__(self, size: int) -> None:
        self.size = self.left = size

    def __len__(self) -> int:
        return self.size

    def read(self, most: int = -1) -> bytes:
        taken = min(self.left, MB if most < 0 else most)
        self.left -= taken
        return bytes(taken)


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize("size", [26 * MB, 1 << 30])
@pytest.mark.parametrize("route", BODIES)
def test_a_large_body_is_refused_unread(served: Served, route: str, size: int) -> None:
    there, start = files(served), time.monotonic()
    with memory(served) as samples:
        try:
            status = requests.post(served.url + route, data=Zeros(size), headers=FORM, timeout=60).status_code
        except requests.ConnectionError:  # the door was shut while we were still sending
            status = 413
    assert status == 413
    assert max(samples) - samples[0] < 20 * MB
    assert files(served) == there
    assert time.monotonic() - start < 10


def test_many_small_files_are_as_large_as_they_are_together(served: Served) -> None:
    there = files(served)
    parts = [("files", (f"{i}.png", bytes(14 * MB))) for i in range(2)]
    assert requests.post(f"{served.url}{API}/upload", files=parts, timeout=60).status_code == 413
    assert files(served) == there


def test_a_body_of_unsaid_length_is_refused(served: Served) -> None:
    parts = iter([b"--x\r\n", b"\0" * MB])
    answer = requests.post(f"{served.url}{API}/upload", data=parts, headers=FORM, timeout=60)
    assert answer.status_code == 411


def test_a_body_that_breaks_off_leaves_nothing(served: Served) -> None:
    there = files(served)
    head = f"POST {API}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM['Content-Type']}\r\n"
    start = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":", 1)[1]))) as wire:
        wire.sendall(f"{head}Content-Length: {8 * MB}\r\n\r\n{start}".encode() + b"\1" * 4 * MB)
        wait_for(lambda: files(served) != there)  # it is being written
    wait_for(lambda: files(served) == there)


def wait_for(true: Any) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("not within ten seconds")


# ---- paths and addresses ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secrets(served: Served, repo: Path) -> Iterator[list[str]]:
    """Names of files that are none of the page's, as one would smuggle them: all hold this word or root's entry."""
    (repo / "secret.png").write_bytes(png(random_image(3)))
    link = served.folder / "link.png"
    link.symlink_to(repo / "secret.png")
    deep = f"{served.folder}/x/../../../secret.png"
    absolute = ["/etc/passwd", "/proc/self/environ", "/dev/zero", deep, f"{repo}/params.yaml", f"{repo}/secret.png"]
    inside = ["params.yaml", "models/first/last.safetensors", "results/tiny/first/grid.png", "../../../../etc/passwd"]
    yield [*absolute, *inside, "", "~/.ssh/id_rsa", "a\0b", "x" * 5000, "//etc/passwd", "\\\\host\\share", str(link)]
    link.unlink()


class Canary(BaseHTTPRequestHandler):
    """A host on this machine that the page may not be made to ask."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(png(random_image(3)))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def canary() -> Iterator[str]:
    host = HTTPServer(("127.0.0.1", 0), Canary)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{host.server_port}/secret.png"
    host.shutdown()
    host.server_close()


def fields(name: Any) -> Iterator[tuple[str, Any]]:
    """(function, data) of every field in which a request can name a file."""
    good = {"path": None, "meta": {"_type": "gradio.FileData"}}
    yield "drop", {**good, "path": name}
    yield "drop", [{**good, "path": name}]
    yield "draw", {"background": None, "layers": [], "composite": {**good, "path": name}}
    yield "draw", {"background": {**good, "path": name}, "layers": [], "composite": None}
    yield "draw", {"background": None, "layers": [{**good, "path": name}], "composite": {"path": name}}


def test_no_field_leads_to_another_file(served: Served, secrets: list[str], canary: str) -> None:
    there = files(served)
    named = [
        *secrets,
        f"file://{secrets[0]}",
        canary,
        canary.replace("127.0.0.1", "localhost"),
        "http://192.0.2.1/a.png",
    ]
    for name in named:
        for function, data in fields(name):
            answer = ask(served.url, function, "first", data)
            assert not answer["success"], (function, name)
            assert "the page's own" in answer["output"]["error"]
    assert files(served) == there
    assert not Canary.asked


def test_an_address_beside_a_path_is_not_asked(served: Served, canary: str) -> None:
    own = drawing(served)
    for address in (canary, "file:///etc/passwd", f"data:image/png;base64,{base64.b64encode(b'no').decode()}"):
        for file in (own["composite"], own["background"]):
            file |= {"url": address}
        assert ask(served.url, "draw", "first", own)["success"]  # the file counts
        ask(served.url, "drop", "first", {"url": address, "path": None, "meta": {"_type": "gradio.FileData"}})
    assert not Canary.asked


def test_no_route_leads_to_another_file(served: Served, secrets: list[str], canary: str) -> None:
    routes = [f"{API}/file=", f"{API}/file/", "/file=", "/static/", "/assets/", "/", f"{API}/proxy=", f"{API}/stream/"]
    climbs = ["", "/", "../" * 12, "..%2f" * 12, "%2e%2e/" * 12, "..%5c" * 12, "%252e%252e%252f" * 12, "....//" * 12]
    opened = requests.Session()
    for route in routes:
        for name in [*(f"{climb}etc/passwd" for climb in climbs), *secrets, canary]:
            request = requests.Request("GET", served.url).prepare()
            request.url = f"{served.url}{route}{name}".replace("\0", "%00")
            answer = opened.send(request, timeout=60, allow_redirects=False)
            blank = route == "/" and name == ""
            assert blank or answer.status_code in (400, 403, 404, 414), (route, name, answer.status_code)
            assert "root:" not in answer.text
    assert not Canary.asked


@pytest.mark.parametrize(
    "name", ["../../up.png", "/etc/up.png", "..\\up.png", "a/../../up.png", "%2e%2e%2fup.png", ".."]
)
def test_an_upload_lands_in_the_folder(served: Served, name: str) -> None:
    answer = upload(served.url, name, png(random_image(1)))
    if answer.ok:
        (path,) = map(Path, answer.json())
        assert path.resolve().parent.parent == served.folder
        assert path in files(served)
    else:
        assert answer.status_code == 400
    assert not [path for path in files(served) if served.folder not in path.parents]


# ---- who asks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "elsewhere.example"},  # a name of theirs that leads to this address
        {"Host": "127.0.0.1.elsewhere.example"},
        {"Host": ""},
        {"Origin": "http://elsewhere.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.elsewhere.example"},
    ],
)
def test_no_other_page_may_ask(served: Served, headers: dict[str, str]) -> None:
    there = files(served)
    body = {"data": ["first", None], "fn_index": number(served.url, "draw"), "session_hash": "another"}
    for answer in (
        requests.get(served.url, headers=headers, timeout=60),
        requests.post(f"{served.url}{API}/queue/join", json=body, headers=headers, timeout=60),
        requests.post(f"{served.url}{API}/upload", files={"files": ("a.png", b"a")}, headers=headers, timeout=60),
    ):
        assert answer.status_code in (400, 403)
    assert files(served) == there
