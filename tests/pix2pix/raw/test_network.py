"""Laws of a transfer from a host that does anything: the right bytes or one line, in bounded time and requests."""

import hashlib
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import stages.download
from pix2pix.config.datasets import ArchiveSource
from pix2pix.raw import http as transfers
from pix2pix.raw import http_request as answers
from pix2pix.raw.http import fetch
from stages.download import download
from tests.support.hosts import ANSWERS, LENGTH, Answer, Host, claims, cut, good, header, says, serving
from tests.support.raw import write_tar
from tests.support.repository import REPO
from tests.support.soaks import Soak

DEAD = "http://127.0.0.1:9"
FILES = {f"facades/train/{n}.jpg": random.Random(n).randbytes(20_000) for n in range(1, 16)}
OTHERS = {f"facades/train/{n}.jpg": random.Random(n + 100).randbytes(20_000) for n in range(1, 16)}

# the library drops a connection with a broken header, and a header given up, without closing its socket
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)


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
    program = f"from pathlib import Path; from pix2pix.raw.http import fetch; fetch({given})"
    return subprocess.Popen([sys.executable, "-c", program], cwd=REPO)


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
