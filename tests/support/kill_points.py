"""Killing a stage beneath an engine at a chosen moment, and watching meanwhile that nothing torn is seen."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.clones import engine_of, process_of, said, start

Marks = dict[Path, tuple[int, int, int]]


def kill(
    folder: Path,
    engine: list[str],
    stage: tuple[str, str],
    aim: tuple[str, float],
    look: Callable[[], str],
    watcher: "Watcher",
) -> str | None:
    """Run a stage beneath `engine` and SIGKILL the process of a verb once `aim` has come.

    Returns what `look` says then; None if the process ended before.
    """
    pattern, _ = aim
    before = marks_of(folder, pattern)
    process = start(folder, *engine_of(stage[0], engine))
    victim = process_of(stage[1], process)
    if victim is None:
        assert process.wait() == 0, said(folder)
        return None
    above = psutil.Process(victim.ppid())
    watcher.watch(victim)
    wait_for(folder, aim, before, lambda: alive(victim))
    with watcher.lock:  # not while it looks: the engine is about to clean up
        with suppress(psutil.NoSuchProcess):
            above.suspend()
        beneath = victim.children(recursive=True) if alive(victim) else []
        killed = alive(victim)
        while alive(victim):
            victim.kill()
            time.sleep(0.001)
        moment = look() if killed else None
        watcher.watch(None)
    with suppress(psutil.NoSuchProcess):
        above.resume()
    failed = process.wait() != 0
    assert failed or not killed, said(folder)
    _, lingering = psutil.wait_procs(beneath, timeout=10)
    assert not lingering
    return moment if failed else None


def wait_for(folder: Path, aim: tuple[str, float], before: Marks, runs: Callable[[], bool]) -> None:
    """Until a file of the aim's pattern is another than `before`, and then its seconds; at most until it has ended."""
    pattern, seconds = aim
    while pattern != "nothing" and runs() and not marks_of(folder, pattern).items() - before.items():
        time.sleep(0.002)
    end = time.monotonic() + seconds
    while runs() and time.monotonic() < end:
        time.sleep(min(seconds, 0.001))


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def marks_of(folder: Path, *patterns: str) -> Marks:
    marks = {}
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        with suppress(FileNotFoundError):
            stat = path.stat()
            marks[path] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    return marks


def digests(folder: Path) -> dict[str, str]:
    """sha256 of each file, but for what Snakemake drops."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Watcher:
    """Looks again and again, as long as the watched process runs: then no engine takes anything away."""

    def __init__(self, torn: Callable[[], list[str]]) -> None:
        self.torn, self.lock, self.found = torn, threading.Lock(), list[str]()
        self._process: psutil.Process | None = None
        self._done = threading.Event()

    def watch(self, process: psutil.Process | None) -> None:
        self._process = process

    def run(self) -> None:
        while not self._done.wait(0.02):
            with self.lock:
                if self._process and alive(self._process):
                    found = self._try()
                    self.found += found if alive(self._process) else []

    def _try(self) -> list[str]:
        try:
            return self.torn()
        except Exception as error:  # a file that cannot be read is torn
            return [repr(error)]

    def stop(self) -> None:
        self._done.set()


@contextmanager
def watched(torn: Callable[[], list[str]]) -> Iterator[Watcher]:
    watcher = Watcher(torn)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        yield watcher
    finally:
        watcher.stop()
        thread.join()
    assert not watcher.found
