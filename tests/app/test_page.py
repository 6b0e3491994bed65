"""Laws of `make app`: a drawing becomes what `render` makes of it, and each refusal is one line."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
from playwright.sync_api import expect

from app import page
from app.drawing_model import weights
from app.page import QUEUE
from pix2pix.files.images import read_image
from pix2pix.pairs.stitched import read_pairs, read_sides
from tests.app.conftest import Served
from tests.support.browser import changed, chromium, content, drag
from tests.support.repository import REPO

DRAWING = bytes(3 * 64 * 64)


def test_a_held_out_input_gives_the_rendered_picture(served: Served) -> None:
    """The network has dropout: its noise is a function of the image's name, which is `drawing` here."""
    pair = read_pairs(Path("data/pairs/houses"), "val")[0]
    source = read_sides(pair, direction="BtoA", size=64)[0]
    answer = served.draw(source.tobytes())
    assert answer.status_code == 200
    trained = served.networks.load(weights("first"), weights("first").stat().st_mtime_ns)
    assert answer.content == trained.generate(source, id="drawing").tobytes()
    rendered = read_image(Path("results/tiny/first/images/val/1.png"))
    np.testing.assert_array_equal(trained.generate(source, id=pair.id), rendered)


def test_a_stroke_gives_a_picture_and_no_other_host_is_asked(served: Served) -> None:
    with chromium() as browser, browser.new_page() as opened:
        asked: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(served.url)
        expect(opened.locator("#status")).to_contain_text("Made by the network on this machine")
        expect(opened.get_by_text("3 images of val")).to_be_visible()
        expect(opened.locator("#target")).to_be_visible()
        seen = content(opened.locator("#result"))
        drag(opened, (0.2, 0.2), (0.7, 0.8))
        changed(opened, "#result", seen)
        file = weights("first")
        file.rename("away")
        drag(opened, (0.2, 0.2), (0.5, 0.5))
        expect(opened.locator("#status")).to_contain_text("models/first/last.safetensors: not there now")
        Path("away").rename(file)
        drag(opened, (0.3, 0.2), (0.5, 0.5))
        expect(opened.locator("#status")).to_contain_text("Made by")
        assert not [address for address in asked if not address.startswith((served.url, "blob:", "data:"))]


def test_weights_that_are_gone_or_broken_are_named_and_come_back(served: Served) -> None:
    file = weights("first")
    whole = file.read_bytes()
    try:
        file.unlink()
        gone, none = served.draw(DRAWING), requests.get(f"{served.url}models.json", timeout=60)
        file.write_bytes(whole[:5000])
        cut, listed = served.draw(DRAWING), requests.get(f"{served.url}models.json", timeout=60)
    finally:
        file.write_bytes(whole)
    for answer in (gone, none, cut, listed):
        assert answer.status_code == 503
        assert "\n" not in answer.text
    assert gone.text.startswith(f"{file}: not there now")
    assert "make demo" in none.text
    assert cut.text.startswith(f"{file}: not a weights file")
    assert served.draw(DRAWING).ok


# ---- who is answered, and what is read


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),  # a name of another's that leads here (DNS rebinding)
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_other_sites_in_the_same_browser_are_refused(served: Served, headers: dict[str, str], status: int) -> None:
    assert served.draw(DRAWING, **headers).status_code == status
    assert served.draw(DRAWING, Origin=served.url.rstrip("/")).ok


def test_a_drawing_is_as_long_as_the_network_reads_or_refused(served: Served) -> None:
    assert served.draw(DRAWING[:-1]).text == "first reads 64 x 64 pixels now; load the page again"
    assert served.draw(b"").status_code == 503
    assert served.draw(DRAWING, name="nope").status_code == 404
    assert served.draw(DRAWING, name="first%2F..%2F..").status_code == 405
    chunks = requests.post(f"{served.url}generate/first", data=iter([DRAWING]), timeout=60)
    assert chunks.status_code == 411
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as wire:
        wire.sendall(f"POST /generate/first HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {1 << 30}\r\n\r\n".encode())
        assert wire.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "path", ["../params.yaml", "%2e%2e/params.yaml", "models/first/last.safetensors", "..%5Cx", "%00"]
)
def test_no_file_but_the_pages_own_is_shown(served: Served, path: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as wire:
        wire.sendall(f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        assert wire.recv(100).startswith(b"HTTP/1.1 404 ")


def test_when_too_many_draw_the_rest_are_told(served: Served) -> None:
    """Each is answered by its own picture, or told that the page is busy."""
    drawings = [np.random.default_rng(i).integers(0, 256, 3 * 64 * 64, np.uint8).tobytes() for i in range(2 * QUEUE)]
    said: dict[int, requests.Response] = {}
    with served.networks.one_at_a_time:  # as if the first one took long
        threads = [
            threading.Thread(target=lambda i=i: said.update({i: served.draw(drawings[i])})) for i in range(2 * QUEUE)
        ]
        for thread in threads:
            thread.start()
        while len(said) < QUEUE:
            pass
        assert {answer.status_code for answer in said.values()} == {503}
        assert all(answer.text.startswith("busy") for answer in said.values())
    for thread in threads:
        thread.join()
    answered = {i: answer.content for i, answer in said.items() if answer.ok}
    assert len(answered) == QUEUE
    assert all(served.draw(drawings[i]).content == content for i, content in answered.items())


# ---- at the start


def start(repo: Path, *words: str, **settings: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(REPO), "BROWSER": "true"} | settings
    command = [sys.executable, "-m", "app.page", *words]
    return subprocess.Popen(
        command, cwd=repo, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_it_opens_behind_a_proxy_and_on_this_machine_alone(repo: Path) -> None:
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY"), "socks5://127.0.0.1:9")
    with start(repo, **proxies) as opened:
        assert opened.stdout
        assert opened.stderr
        port = int(opened.stdout.readline().partition("127.0.0.1:")[2].split()[0])
        doors = [c.laddr for c in psutil.net_connections("inet") if c.status == "LISTEN"]
        assert [address for address in doors if address[1:] == (port,)] == [("127.0.0.1", port)]
        session = requests.Session()
        session.trust_env = False
        assert session.post(f"http://127.0.0.1:{port}/generate/first", data=DRAWING, timeout=60).ok
        opened.terminate()
        assert "Traceback" not in opened.stderr.read()


def test_a_taken_port_and_a_device_that_is_not_there_are_told_at_the_start(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(sys, "argv", ["page", "--port", f"{port}"])
        with pytest.raises(OSError, match=rf"port {port} of 127.0.0.1 is taken; say another: --port"):
            page.main()
    monkeypatch.setenv("PIX2PIX_DEVICE", "mps")
    with pytest.raises(ValueError, match="PIX2PIX_DEVICE=mps: must be"):
        page.main()
