"""Laws of a download over an ill network: the right bytes or one line that says what to do, and no byte sent twice."""

import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from socket import socket

import pytest

from pix2pix.raw import http
from pix2pix.raw.http import fetch
from tests.support.faulty_http_server import ANSWERS, Answer, Host, cut, good, reset, says, serving
from tests.support.repository import REPO
from tests.support.soaks import Soak

CONTENT, OTHER = random.Random(1).randbytes(300_000), random.Random(2).randbytes(300_000)
DEAD = "http://127.0.0.1:9/none.bin"  # the discard port: nobody listens

# urllib3 drops a connection with a broken header without closing its socket
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSE", 0.001)


@pytest.fixture
def host() -> Iterator[Host]:
    with serving(CONTENT) as host:
        yield host


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (1.0, 0.4))


def get(host: Host, cache: Path) -> bytes:
    return fetch("a.bin", official=DEAD, mirror=host.address, cache=cache).read_bytes()


def refused(host: Host, cache: Path) -> str:
    """The one line that says why there is no file; none is left under its name."""
    with pytest.raises(FileNotFoundError) as caught:
        get(host, cache)
    line = str(caught.value)
    assert re.fullmatch(r"a\.bin: could not be downloaded \(.*: Connection refused\); check the network, or .*", line)
    assert not list(cache.rglob("a.bin"))
    return line


@pytest.mark.soak
@pytest.mark.usefixtures("impatient")
def test_any_failures_end_with_the_right_bytes_or_one_line(tmp_path: Path, soak: Soak) -> None:
    def changes(host: Host, connection: socket, start: int) -> None:
        cut(100_000, reset)(host, connection, start)
        host.content = OTHER

    outcomes: Counter[str] = Counter()
    answers = ANSWERS | {"changes": changes}
    for number in range(soak.rounds(20, 400)):
        rng, cache, content = random.Random(number), tmp_path / str(number), b""
        plan = rng.choices(list(answers), k=rng.randrange(1, 9))
        with serving(CONTENT) as host:
            host.script = [answers[name] for name in plan]
            while not content:  # the same command again
                try:
                    content = get(host, cache)
                except FileNotFoundError as error:
                    assert "\n" not in str(error), plan
                    assert not list(cache.rglob("a.bin")), plan
                    outcomes["refused"] += 1
        assert content == CONTENT or (content == OTHER and "changes" in plan), plan
        assert len(host.requests) <= len(plan) + 4, plan
        outcomes["right"] += 1
    soak.counts |= outcomes


@pytest.mark.soak
def test_killed_downloads_continue(host: Host, tmp_path: Path, soak: Soak) -> None:
    def slow(host: Host, connection: socket, start: int) -> None:
        good(host, connection, start, body=lambda content, start: b"")
        for at in range(start, len(host.content), 20_000):
            connection.sendall(host.content[at : at + 20_000])
            time.sleep(0.02)

    host.content, host.usually = CONTENT * 4, slow
    rng = random.Random(0)
    for number in range(soak.rounds(1, 20)):
        cache, kept = tmp_path / str(number), 0
        for _ in range(3):
            host.requests.clear()
            process = started(host, cache)
            while not host.requests and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0.3 * rng.random())
            process.kill()
            process.wait()
            before, kept = kept, sum(path.stat().st_size for path in cache.rglob("a.bin.partial"))
            assert kept >= before
            soak.counts["kills"] = soak.counts.get("kills", 0) + 1
        assert get(host, cache) == host.content
        assert not kept or f"Range: bytes={kept}-" in host.requests[-1]


def started(host: Host, cache: Path) -> "subprocess.Popen[bytes]":
    given = f"'a.bin', official='', mirror='{host.address}', cache=Path('{cache}')"
    program = f"from pathlib import Path; from pix2pix.raw.http import fetch; fetch({given})"
    return subprocess.Popen([sys.executable, "-c", program], cwd=REPO)


def test_two_processes_download_once_and_later_ones_need_no_network(host: Host, tmp_path: Path) -> None:
    two = [started(host, tmp_path) for _ in range(2)]
    assert [process.wait(60) for process in two] == [0, 0]
    assert get(host, tmp_path) == CONTENT
    assert len(host.requests) == 1


def test_broken_download_continues_where_it_stopped(host: Host, tmp_path: Path) -> None:
    host.script = [cut(200_000), *[ANSWERS["closed at once"]] * 4]
    assert "a.bin: " in refused(host, tmp_path)
    [partial] = tmp_path.rglob("*.partial")
    kept, host.sent = partial.stat().st_size, 0
    assert get(host, tmp_path) == CONTENT  # the next command
    assert host.sent == len(CONTENT) - kept < 200_000


def test_bytes_of_two_files_are_never_joined(host: Host, tmp_path: Path) -> None:
    """Not even where the host does not know If-Range."""
    host.script = [cut(200_000), *[ANSWERS["closed at once"]] * 4]
    refused(host, tmp_path)
    host.content, host.script = OTHER, [ANSWERS["range of any version"]]
    assert get(host, tmp_path) == OTHER


def test_it_is_given_up_when_it_comes_no_further(host: Host, tmp_path: Path) -> None:
    host.script = [cut(70_000)] * 4
    assert get(host, tmp_path) == CONTENT
    assert len(host.requests) == 5
    host.script = [ANSWERS["no ranges, cut"], ANSWERS["no ranges, cut early"]] * 9
    host.requests.clear()
    assert "broke off at 200000 bytes" in refused(host, tmp_path / "other")
    assert len(host.requests) == 4


@pytest.mark.parametrize(
    ("answer", "requests", "reason"),
    [
        (says("404 Not Found"), 1, "HTTP 404 Not Found"),
        (says("503 Service Unavailable"), 4, "HTTP 503 Service Unavailable"),
        (ANSWERS["web page"], 1, "a web page came instead of the file; does this network want a login?"),
        (ANSWERS["silent at once"], 4, "timed out"),
        (says("302 Found", "Location: file:///etc/passwd"), 4, "No connection adapters were found for 'file:///etc"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_refusal_says_why(host: Host, tmp_path: Path, answer: Answer, requests: int, reason: str) -> None:
    host.usually = answer
    assert reason in refused(host, tmp_path)
    assert len(host.requests) == requests


def test_password_is_for_its_own_host_and_never_shown(host: Host, tmp_path: Path) -> None:
    mirror = host.address.replace("//", "//me:secret@")
    with serving(CONTENT) as stranger:
        host.script = [says("302 Found", f"Location: {place}/b") for place in (host.address, stranger.address)]
        fetch("a.bin", official=DEAD, mirror=mirror, cache=tmp_path)
        assert ["Authorization: Basic" in request for request in host.requests] == [True, True]
        assert ["Authorization" in request for request in stranger.requests] == [False]
    host.script = [says("404 Not Found")]
    with pytest.raises(FileNotFoundError) as caught:
        fetch("b.bin", official=DEAD, mirror=mirror, cache=tmp_path)
    assert "secret" not in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if "secret" in str(path)]


def test_wrong_digest_is_not_kept(host: Host, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{host.address}/a.bin: sha256 is .*, {'0' * 64} expected; "):
        fetch("a.bin", official=DEAD, mirror=host.address, cache=tmp_path, sha256="0" * 64)
    assert not list(tmp_path.rglob("a.bin"))


def test_mirror_folder_comes_first_and_stays_as_it_is(host: Host, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")

    def ask(sha256: str | None = None) -> Path:
        official, cache = f"{host.address}/a.bin", tmp_path / "cache"
        return fetch("a.bin", official=official, mirror=str(tmp_path), cache=cache, sha256=sha256)

    assert ask() == tmp_path / "a.bin"
    with pytest.raises(ValueError, match="sha256"):
        ask("0" * 64)
    assert (tmp_path / "a.bin").read_bytes() == b"mine"
    (tmp_path / "a.bin").unlink()
    assert ask().read_bytes() == CONTENT
