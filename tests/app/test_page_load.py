"""Laws of the page under load: malformed requests by the hundred, many users at once; bounded memory, nothing lost."""

import threading
import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
import requests

from tests.support.page_server import API, MB, Served, as_drawing, picture, png
from tests.support.soaks import Soak
from tests.support.tiny import random_image

pytestmark = [pytest.mark.soak, pytest.mark.usefixtures("_answers_rightly")]
GROWTH = 300 * MB  # of the page's memory: the bodies and sessions of 50 users
SLOWEST = 30  # seconds of an answer: 16 wait at most
THINGS: list[Any] = [
    None, True, -1, 2**70, 1e308, "", "first", "../../etc/passwd", "data:image/png;base64,AAAA", "\0", "x" * 3000,
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


def test_every_malformed_request_is_answered(served: Served, soak: Soak) -> None:
    rounds, statuses = soak.rounds(30, 1000), Counter[int]()
    with served.memory() as samples:
        for i in range(rounds):
            rng, session = np.random.default_rng(i), f"malformed{i}"
            body: dict[str, Any] = {"data": ["first", None], "fn_index": int(rng.integers(4)), "session_hash": session}
            body |= {str(rng.choice(["data", "fn_index", "event_data", "trigger_id"])): thing(rng)}
            answer = requests.post(f"{served.url}{API}/queue/join", json=body, timeout=60)
            statuses[answer.status_code] += 1
            assert "root:" not in answer.text
            if answer.ok and "event_id" in answer.text:
                assert served.answer(session), (i, body)
    assert max(samples) - samples[0] < GROWTH
    soak.counts |= {"malformed requests": rounds} | {f"answered {status}": n for status, n in sorted(statuses.items())}


class User(threading.Thread):
    """Draws, waits for the answer, draws again: until the time is over."""

    def __init__(self, served: Served, number: int) -> None:
        super().__init__()
        self.served, self.until = served, 0.0
        self.path = served.upload("drawing.png", png(random_image(number, 128, 128)))
        self.picture = served.draw(self.path)
        self.slowest = 0.0
        self.said: Counter[str] = Counter()

    def run(self) -> None:
        while time.monotonic() < self.until:
            start = time.monotonic()
            try:
                answer = self.served.ask("draw", as_drawing(self.path))
                if answer.get("busy"):
                    self.said["busy"] += 1
                    time.sleep(0.2)  # a person lifts the pen
                    continue
                self.said["answers" if picture(answer) == self.picture else "wrong"] += 1
                self.slowest = max(self.slowest, time.monotonic() - start)
            except Exception as error:
                self.said[f"lost: {error!r}"[:200]] += 1


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
    slowest, grown = max(user.slowest for user in users), max(samples) - samples[0]
    assert set(said) <= {"answers", "busy"}
    assert all(user.said["answers"] for user in users)
    assert slowest < SLOWEST
    assert grown < GROWTH
    soak.counts |= {"users": len(users), "seconds": seconds, "answers": said["answers"], "times busy": said["busy"]}
    soak.counts |= {"ms slowest": round(1000 * slowest), "MB grown": grown // MB}
