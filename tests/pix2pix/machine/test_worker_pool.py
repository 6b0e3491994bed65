"""Laws of worker processes: results in order whatever their number, the first error raised, no worker left behind."""

import errno
import os
import signal
import subprocess
import sys
import time
from multiprocessing import forkserver, synchronize
from pathlib import Path

import cv2
import psutil
import pytest

from pix2pix.machine.worker_pool import map_in_processes
from tests.support.repository import REPO


def work(item: int) -> tuple[int, int, int]:
    if item in (30, 60):
        raise ValueError(f"item {item}")
    return item, os.getpid(), cv2.getNumThreads()


@pytest.mark.parametrize(("items", "workers", "processes"), [(9, 2, {2}), (20, None, {1}), (0, 2, {0}), (1, None, {1})])
def test_results_come_in_order(items: int, workers: int | None, processes: set[int]) -> None:
    results = map_in_processes(work, range(items), description="working", workers=workers, items_per_worker=20)
    assert [item for item, _, _ in results] == [*range(items)]
    assert len({process for _, process, _ in results}) <= max(processes)
    if workers and items:
        assert all(process != os.getpid() and threads == 1 for _, process, threads in results)


@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [(synchronize.SemLock, "__init__", errno.ENOSYS), (forkserver, "ensure_running", errno.ENOSPC)],
)
def test_one_process_works_where_no_other_can_be_started(
    owner: object, name: str, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without /dev/shm, which semaphores lie in; with a TMPDIR that has no room for the fork server's socket."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(owner, name, fail)
    results = map_in_processes(work, range(9), description="working", workers=2)
    assert [(item, process) for item, process, _ in results] == [(item, os.getpid()) for item in range(9)]
    assert "warning: one process works instead of 2" in capsys.readouterr().err


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_of_the_first_bad_item_is_raised(workers: int) -> None:
    with pytest.raises(ValueError, match="item 30"):
        map_in_processes(work, range(100), description="working", workers=workers)


SLEEPING = """
import os
import time
from pathlib import Path
from pix2pix.machine.worker_pool import map_in_processes
def work(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(0.01)
if __name__ == "__main__":
    map_in_processes(work, ["FOLDER"] * 10_000, description="sleeping", workers=2)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(stop: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C reaches all processes, as in a terminal; only the parent has something to say about it."""
    (tmp_path / "sleeping.py").write_text(SLEEPING.replace("FOLDER", str(tmp_path)), encoding="utf-8")
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "sleeping.py"],
        env=os.environ | {"PYTHONPATH": str(REPO)},
        stderr=subprocess.PIPE,
        process_group=0,
    )
    while len([*tmp_path.glob("[0-9]*")]) < 2:  # until both workers work
        time.sleep(0.05)
    started = psutil.Process(parent.pid).children(recursive=True)
    assert len(started) == 4  # the resource tracker, the fork server and two workers
    (os.killpg if stop == signal.SIGINT else os.kill)(parent.pid, stop)
    _, errors = parent.communicate(timeout=30)
    assert errors.count(b"Traceback") == (stop == signal.SIGINT)
    assert not psutil.wait_procs(started, timeout=30)[1]
