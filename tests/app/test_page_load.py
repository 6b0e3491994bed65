"""Laws of the page under load: malformed requests by the hundred, many users at once; bounded memory, nothing lost."""

import json
import socket
import threading
import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
import requests

from app.request_filter import BODIES
from tests.support.page_server import API, MB, Served, as_drawing, as_file, picture, png
from tests.support.soaks import Soak
from tests.support.tiny import random_image

pytestmark = [pytest.mark.soak, pytest.mark.usefixtures("_answers_rightly")]
GROWTH = 300 * MB  # of the page's memory: the bodies and sessions of 50 users
SLOWEST = 30  # seconds of an answer: 16 wait at most
THINGS: list[Any] = [
    None, True, -1, 2**70, 1e308, float("nan"), "", "first", "../../etc/passwd", "data:image/png;base64,AAAA",
    "\ud800", "\0", "x" * 3000,
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    {"path": None, "url": "http://127.0.0.1:1/", "meta": {"_type": "gradio.FileData"}},
    {"background": 3, "layers": {}, "composite": []},
    {"__type__": "update", "value": 3},
]  # fmt: skip


def thing(rng: np.random.Generator, depth: int = 0) -> Any:
    """Any JSON, often of what the page's own requests are made of."""
    pick = int(rng.integers(len(THINGS) + 2))
    if pick < len(THINGS) or depth > 3:
        return THINGS[pick % len(THINGS)]
    inside = [thing(rng, depth + 1) for _ in range(rng.integers(4))]
    return inside if pick == len(THINGS) else {str(rng.choice(["path", "url", "id", "meta", "a"])): v for v in inside}


def malformed(rng: np.random.Generator, served: Served, session: str) -> tuple[str, bytes, str]:
    """(route, body, content type) of a request that no page sends."""
    body: dict[str, Any] = {"data": ["first", None], "fn_index": int(rng.integers(4)), "session_hash": session}
    match rng.integers(5):
        case 0:  # one part of a good request is anything
            body |= {str(rng.choice(["data", "fn_index", "session_hash", "event_data", "trigger_id"])): thing(rng)}
        case 1:  # of the right outer shape
            body |= {"data": [thing(rng) for _ in range(rng.integers(5))], "event_data": thing(rng)}
        case 2:  # a file that is none, under any name
            path = served.upload(str(rng.choice(["a.png", "b.svg", "c"])), rng.bytes(int(rng.integers(300))))
            body |= {"data": ["first", as_file(path) if rng.integers(2) else as_drawing(path)]}
        case 3:  # no JSON, or too deep
            bodies = [rng.bytes(200), b"[" * 30_000, b'{"data":', b'"\\ud800"', b"", json.dumps(thing(rng)).encode()]
            return f"{API}/queue/join", bodies[rng.integers(len(bodies))], "application/json"
        case 4:  # any route, any kind
            kind = str(rng.choice(["application/json", "multipart/form-data", "multipart/form-data; boundary=x", "a"]))
            content = b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\nno file\r\n--x--\r\n'
            bodies = [content, rng.bytes(100), json.dumps(thing(rng)).encode()]
            return str(rng.choice([*BODIES, "/", "/config"])), bodies[rng.integers(3)], kind
    return f"{API}/queue/join", json.dumps(body).encode(), "application/json"


def test_every_malformed_request_is_answered(served: Served, soak: Soak) -> None:
    rounds, statuses = soak.rounds(30, 1000), Counter[int]()
    with served.memory() as samples:
        for i in range(rounds):
            route, body, kind = malformed(np.random.default_rng(i), served, f"fuzz{i}")
            answer = requests.post(served.url + route, data=body, headers={"Content-Type": kind}, timeout=60)
            statuses[answer.status_code] += 1
            assert "root:" not in answer.text
            if answer.ok and "event_id" in answer.text:
                assert served.answer(json.loads(body)["session_hash"]), (i, body)
    assert max(samples) - samples[0] < GROWTH
    soak.counts |= {"malformed requests": rounds} | {f"answered {status}": n for status, n in sorted(statuses.items())}


def test_no_wire_talk_stops_the_page(served: Served, soak: Soak) -> None:
    rounds = soak.rounds(10, 300)
    lines = [b"Content-Length: -1", b"Content-Length: 9", b"Transfer-Encoding: chunked", b"Host: ", b"a"]
    for i in range(rounds):
        rng = np.random.default_rng(i)
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as wire:
            head = [b"POST /gradio_api/upload HTTP/1.1", b"Host: 127.0.0.1", *rng.choice(lines, rng.integers(4))]
            wire.sendall(b"\r\n".join(head) + b"\r\n\r\n" + rng.bytes(20) if rng.integers(4) else rng.bytes(500))
            if rng.integers(2):
                wire.shutdown(socket.SHUT_WR)
                wire.recv(1000)
    soak.counts |= {"connections": rounds}


class User(threading.Thread):
    """Draws, waits for the answer, draws again: until the time is over."""

    def __init__(self, served: Served, number: int) -> None:
        super().__init__()
        self.served, self.until = served, 0.0
        self.path = served.upload("drawing.png", png(random_image(number, 128, 128)))
        self.picture = served.draw(self.path)
        self.seconds: list[float] = []
        self.said: Counter[str] = Counter()

    def run(self) -> None:
        while time.monotonic() < self.until:
            start = time.monotonic()
            try:
                answer = self.served.ask("draw", as_drawing(self.path))
                content = picture(answer) if answer["success"] else b""
            except Exception as error:
                self.said[f"lost: {error!r}"[:200]] += 1
                continue
            if answer["success"]:
                self.said["answers" if content == self.picture else "wrong"] += 1
                self.seconds.append(time.monotonic() - start)
            else:
                self.said["busy" if answer.get("busy") else f"failed: {answer}"[:200]] += 1
                time.sleep(0.2)  # a person lifts the pen


def test_every_user_is_answered_or_told_that_it_is_busy(served: Served, soak: Soak) -> None:
    users, seconds = [User(served, i) for i in range(soak.rounds(4, 50))], soak.rounds(3, 60)
    assert len({user.picture for user in users}) == len(users)
    with served.memory() as samples:
        for user in users:
            user.until = time.monotonic() + seconds
            user.start()
        for user in users:
            user.join()
    said: Counter[str] = sum((user.said for user in users), Counter())
    slowest = max(second for user in users for second in user.seconds)
    first, second = (max(samples[part]) for part in (slice(len(samples) // 2), slice(len(samples) // 2, None)))
    assert set(said) <= {"answers", "busy"}
    assert all(user.said["answers"] for user in users)
    assert slowest < SLOWEST
    assert max(first, second) - samples[0] < GROWTH
    assert second - first < 50 * MB
    soak.counts |= {"users": len(users), "seconds": seconds, "answers": said["answers"], "times busy": said["busy"]}
    soak.counts |= {"ms slowest": round(1000 * slowest), "MB grown": (max(first, second) - samples[0]) // MB}
