"""Laws of the page under hostile use: bodies are bounded, and no file but its own is read, whoever asks."""

import base64
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from app.request_filter import BODIES
from tests.support.page_server import API, MB, Served, as_drawing, random_png

pytestmark = pytest.mark.usefixtures("_answers_rightly")
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
NO_FILE = {"path": None, "meta": {"_type": "gradio.FileData"}}


# ---- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", BODIES)
def test_a_large_body_is_refused_unread(served: Served, route: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as wire:
        wire.sendall(f"POST {route} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {1 << 30}\r\n\r\n".encode())
        assert wire.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_many_files_or_of_unsaid_length_is_refused(served: Served) -> None:
    there = served.files()
    upload = f"{served.url}{API}/upload"
    parts = [("files", (f"{i}.png", bytes(14 * MB))) for i in range(2)]
    assert requests.post(upload, files=parts, timeout=60).status_code == 413
    chunks = iter([b"--x\r\n", b"\0" * MB])
    assert requests.post(upload, data=chunks, headers=FORM, timeout=60).status_code == 411
    assert served.files() == there


# ---- paths and addresses ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def others(served: Served, repo: Path) -> Iterator[list[str]]:
    """Paths of files that are not the page's own, as one would smuggle them."""
    (repo / "secret.png").write_bytes(random_png(3))
    link = served.folder / "link.png"
    link.symlink_to(repo / "secret.png")
    deep = f"{served.folder}/x/../../../secret.png"
    absolute = ["/etc/passwd", "/proc/self/environ", "/dev/zero", deep, f"{repo}/params.yaml", f"{repo}/secret.png"]
    inside = ["params.yaml", "models/first/last.safetensors", "../../../../etc/passwd"]
    yield [*absolute, *inside, "", "~/.ssh/id_rsa", "a\0b", "x" * 5000, "//etc/passwd", "\\\\host\\share", str(link)]
    link.unlink()


class Canary(BaseHTTPRequestHandler):
    """A host on this machine that the page may not be made to ask."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(random_png(3))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def canary() -> Iterator[str]:
    host = HTTPServer(("127.0.0.1", 0), Canary)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{host.server_port}/secret.png"
    host.shutdown()
    host.server_close()
    assert not Canary.asked


def fields(name: str) -> Iterator[tuple[str, Any]]:
    """(function, data) of every field in which a request can name a file."""
    file = NO_FILE | {"path": name}
    yield "drop", file
    yield "drop", [file]
    yield "draw", {"background": None, "layers": [], "composite": file}
    yield "draw", {"background": file, "layers": [], "composite": None}
    yield "draw", {"background": None, "layers": [file], "composite": {"path": name}}


def test_no_field_leads_to_another_file(served: Served, others: list[str], canary: str) -> None:
    there = served.files()
    for name in [*others, f"file://{others[0]}", canary, "http://192.0.2.1/a.png"]:
        for function, data in fields(name):
            answer = served.ask(function, data)
            assert not answer["success"], (function, name)
            assert "the page's own" in answer["output"]["error"]
    assert served.files() == there


def test_an_address_beside_a_path_is_not_asked(served: Served, canary: str) -> None:
    own = as_drawing(served.upload("drawing.png", random_png(7)))
    for address in (canary, "file:///etc/passwd", f"data:image/png;base64,{base64.b64encode(b'no').decode()}"):
        for file in (own["composite"], own["background"]):
            file |= {"url": address}
        assert served.ask("draw", own)["success"]  # the file counts
        served.ask("drop", NO_FILE | {"url": address})


def test_no_route_leads_to_another_file(served: Served, others: list[str], canary: str) -> None:
    routes = [f"{API}/file=", f"{API}/file/", "/file=", "/static/", "/assets/", "/", f"{API}/proxy=", f"{API}/stream/"]
    climbs = ["", "/", "../" * 12, "..%2f" * 12, "%2e%2e/" * 12, "..%5c" * 12, "%252e%252e%252f" * 12, "....//" * 12]
    session = requests.Session()
    for route in routes:
        for name in [*(f"{climb}etc/passwd" for climb in climbs), *others, canary]:
            request = requests.Request("GET", served.url).prepare()
            request.url = f"{served.url}{route}{name}".replace("\0", "%00")
            answer = session.send(request, timeout=60, allow_redirects=False)
            assert (route, name) == ("/", "") or answer.status_code >= 400, (route, name)
            assert "root:" not in answer.text


@pytest.mark.parametrize("name", ["../../up.png", "/etc/up.png", "..\\up.png", "a/../../up.png", "%2e%2e%2fup.png"])
def test_an_upload_lands_in_the_folder(served: Served, name: str) -> None:
    answer = served.post_file(name, random_png(1))
    if answer.ok:
        (path,) = map(Path, answer.json())
        assert path.resolve().parent.parent == served.folder
        assert path in served.files()
    else:
        assert answer.status_code == 400
    assert not [path for path in served.files() if served.folder not in path.parents]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "elsewhere.example"},  # a name of theirs that leads to this address
        {"Host": "127.0.0.1.elsewhere.example"},
        {"Host": ""},
        {"Origin": "http://elsewhere.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
    ],
)
def test_no_other_page_may_ask(served: Served, headers: dict[str, str]) -> None:
    there = served.files()
    body = {"data": ["first", None], "fn_index": served.number("draw"), "session_hash": "another"}
    for answer in (
        requests.get(served.url, headers=headers, timeout=60),
        requests.post(f"{served.url}{API}/queue/join", json=body, headers=headers, timeout=60),
        requests.post(f"{served.url}{API}/upload", files={"files": ("a.png", b"a")}, headers=headers, timeout=60),
    ):
        assert answer.status_code in (400, 403)
    assert served.files() == there
