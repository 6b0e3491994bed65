"""Laws of the page under load: malformed requests by the hundred, many users at once; bounded memory, nothing lost."""

import json
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from app.door import BODIES
from app.drawing import as_source
from pix2pix.files.images import Uint8, read_image, write_png
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.inference import load_trained
from tests.support.served import API, Served, answered, as_drawing, as_file, memory, number, repo, served, upload
from tests.support.soaks import Soak
from tests.support.tiny import random_image

__all__ = ["repo", "served"]  # fixtures
MB = 1 << 20
GROWTH = 300 * MB  # of the page's memory under 50 users: their bodies, their sessions
SLOWEST = 30  # seconds of an answer: 16 wait at most


def expected(repo: Path, image: Uint8) -> Uint8:
    """What the network makes of a drawing, without the page."""
    trained = load_trained(repo / "models/first/last.safetensors", use_hardware().device)
    return trained.generate(as_source(image, size=64), id="drawing")


def drawn(served: Served, path: str, session: str) -> tuple[dict[str, Any], bytes]:
    """One stroke as the page's JavaScript sends it: the answer, and the picture's bytes where there is one."""
    body = {"data": ["first", as_drawing(path)], "fn_index": number(served.url, "draw"), "session_hash": session}
    answer = answered(served.url, body)
    if not answer["success"]:
        return answer, b""
    return answer, requests.get(answer["output"]["data"][0]["url"], timeout=60).content


def uploaded(served: Served, folder: Path, image: Uint8) -> str:
    write_png(folder / "drawing.png", image)
    path: str = upload(served.url, "drawing.png", (folder / "drawing.png").read_bytes()).json()[0]
    return path


# ---- malformed -------------------------------------------------------------------------------------------------------


def thing(rng: np.random.Generator, depth: int = 0) -> Any:
    """Any JSON, with a liking for what the page's own requests are made of."""
    kinds: list[Any] = [
        None,
        True,
        -1,
        2**70,
        1e308,
        float("nan"),
        "",
        "first",
        "../../etc/passwd",
        "data:image/png;base64,AAAA",
        "\ud800",
        "\0",
        "x" * 3000,
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": None, "url": "http://127.0.0.1:1/", "meta": {"_type": "gradio.FileData"}},
        {"background": None, "layers": [], "composite": None},
        {"background": 3, "layers": {}, "composite": []},
        {"__type__": "update", "value": 3},
    ]
    pick = int(rng.integers(len(kinds) + 2))
    if pick < len(kinds) or depth > 3:
        return kinds[pick % len(kinds)]
    inside = [thing(rng, depth + 1) for _ in range(rng.integers(4))]
    return inside if pick == len(kinds) else {str(rng.choice(["path", "url", "id", "meta", "a"])): v for v in inside}


def malformed(rng: np.random.Generator, served: Served, name: str) -> tuple[str, bytes, dict[str, str]]:
    """(route, body, headers) of a request that no page sends; `name` is its session."""
    body: dict[str, Any] = {"data": ["first", None], "fn_index": int(rng.integers(4)), "session_hash": name}
    match rng.integers(5):
        case 0:  # one part of a good request is anything
            body |= {str(rng.choice(["data", "fn_index", "session_hash", "event_data", "trigger_id"])): thing(rng)}
        case 1:  # of the right outer shape
            body |= {"data": [thing(rng) for _ in range(rng.integers(5))], "event_data": thing(rng)}
        case 2:  # a file that is none, under any name
            path = upload(
                served.url, str(rng.choice(["a.png", "b.svg", "c"])), rng.bytes(int(rng.integers(300)))
            ).json()[0]
            body |= {"data": ["first", as_file(path) if rng.integers(2) else as_drawing(path)]}
        case 3:  # no JSON, or too deep
            bodies = [rng.bytes(200), b"[" * 30_000, b'{"data":', b'"\\ud800"', b"", json.dumps(thing(rng)).encode()]
            return f"{API}/queue/join", bodies[rng.integers(len(bodies))], {"Content-Type": "application/json"}
        case 4:  # any route, any kind
            kind = str(rng.choice(["application/json", "multipart/form-data", "multipart/form-data; boundary=x", "a"]))
            content = b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\nno file\r\n--x--\r\n'
            both = [content, rng.bytes(100), json.dumps(thing(rng)).encode()]
            return str(rng.choice([*BODIES, "/", "/config"])), both[rng.integers(3)], {"Content-Type": kind}
    return f"{API}/queue/join", json.dumps(body).encode(), {"Content-Type": "application/json"}


def completed(served: Served, session: str) -> bool:
    """Whether an accepted request is answered to its end."""
    query = {"session_hash": session}
    with requests.get(f"{served.url}{API}/queue/data", params=query, stream=True, timeout=60) as lines:
        return any(b"process_completed" in line for line in lines.iter_lines())


@pytest.mark.soak
def test_every_malformed_request_is_answered(served: Served, repo: Path, tmp_path: Path, soak: Soak) -> None:
    rounds, statuses = soak.rounds(30, 1000), Counter[int]()
    with memory(served) as samples:
        for i in range(rounds):
            rng = np.random.default_rng(i)
            route, body, headers = malformed(rng, served, f"fuzz{i}")
            answer = requests.post(served.url + route, data=body, headers=headers, timeout=60)
            statuses[answer.status_code] += 1
            assert "root:" not in answer.text
            if answer.ok and "event_id" in answer.text:
                assert completed(served, json.loads(body)["session_hash"]), (i, body)
    image = random_image(5, 512, 512)
    (tmp_path / "answer.png").write_bytes(drawn(served, uploaded(served, tmp_path, image), "after")[1])
    np.testing.assert_array_equal(read_image(tmp_path / "answer.png"), expected(repo, image))
    assert max(samples) - samples[0] < GROWTH
    soak.counts |= {"malformed requests": rounds} | {f"answered {status}": n for status, n in sorted(statuses.items())}


@pytest.mark.soak
def test_no_wire_talk_stops_the_page(served: Served, soak: Soak) -> None:
    rounds = soak.rounds(10, 300)
    port = int(served.url.rsplit(":", 1)[1])
    lines = [
        b"Content-Length: -1",
        b"Content-Length: 9",
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
        b"Host: ",
        b"a",
    ]
    for i in range(rounds):
        rng = np.random.default_rng(i)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
            head = [b"POST /gradio_api/upload HTTP/1.1", b"Host: 127.0.0.1", *rng.choice(lines, rng.integers(4))]
            wire.sendall(b"\r\n".join(head) + b"\r\n\r\n" + rng.bytes(20) if rng.integers(4) else rng.bytes(500))
            if rng.integers(2):
                wire.shutdown(socket.SHUT_WR)
                wire.recv(1000)
    assert requests.get(served.url, timeout=60).ok
    soak.counts |= {"connections": rounds}


# ---- many users ------------------------------------------------------------------------------------------------------


class User(threading.Thread):
    """Draws, waits for the answer, draws again: until the time is over."""

    def __init__(self, served: Served, number: int, path: str, picture: bytes, until: float) -> None:
        super().__init__()
        self.served, self.path, self.picture, self.until = served, path, picture, until
        self.session = f"user{number}"
        self.seconds: list[float] = []
        self.said: Counter[str] = Counter()

    def run(self) -> None:
        while time.monotonic() < self.until:
            start = time.monotonic()
            try:
                answer, content = drawn(self.served, self.path, f"{self.session}-{time.time_ns()}")
            except Exception as error:
                self.said[f"lost: {error!r}"[:200]] += 1
                continue
            if answer["success"]:
                self.said["answers" if content == self.picture else "wrong"] += 1
                self.seconds.append(time.monotonic() - start)
            else:
                self.said["busy" if answer.get("busy") else f"failed: {answer}"[:200]] += 1
                time.sleep(0.2)  # a person lifts the pen


@pytest.mark.soak
def test_every_user_is_answered_or_told_that_it_is_busy(served: Served, tmp_path: Path, soak: Soak) -> None:
    users, seconds = soak.rounds(8, 50), soak.rounds(6, 60)
    begun: list[tuple[str, bytes]] = []
    for i in range(users):  # one after another: everyone's own drawing, and its answer
        path = uploaded(served, tmp_path, random_image(i, 128, 128))
        begun.append((path, drawn(served, path, f"first{i}")[1]))
    assert len({picture for _, picture in begun}) == users
    until = time.monotonic() + seconds
    everyone = [User(served, i, path, picture, until) for i, (path, picture) in enumerate(begun)]
    with memory(served) as samples:
        for user in everyone:
            user.start()
        for user in everyone:
            user.join()
    said: Counter[str] = sum((user.said for user in everyone), Counter())
    taken = sorted(second for user in everyone for second in user.seconds)
    half = len(samples) // 2
    first, second = max(samples[:half]), max(samples[half:])
    median, late = np.percentile(taken, [50, 95])
    print(f"{dict(said)}; median {median:.2f} s, 95 % {late:.2f} s, slowest {taken[-1]:.2f} s")
    print(f"memory {samples[0] // MB} MB before, {first // MB} and {second // MB} MB at most in the halves")
    assert set(said) <= {"answers", "busy"}
    assert all(user.said["answers"] for user in everyone)
    assert taken[-1] < SLOWEST
    assert max(first, second) - samples[0] < GROWTH
    assert second - first < 50 * MB
    soak.counts |= {"users": users, "seconds": seconds, "answers": said["answers"], "times busy": said["busy"]}
    soak.counts |= {"ms median": round(1000 * median), "ms slowest": round(1000 * taken[-1])}
    soak.counts |= {"MB grown": (max(first, second) - samples[0]) // MB}
