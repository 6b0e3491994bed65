"""What this process may use of its machine, cores and memory, and the processes that work for it."""

import ctypes
import multiprocessing
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of malloc.h


def usable_cores() -> int:
    """CPU cores this process may run on: what its affinity (a cluster's allotment, say) leaves it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int:
    """Bytes that this process may still take, of what is free and of what a container or cluster allots (cgroups).

    Files that Linux keeps in memory count as taken there.
    """
    free = [int(psutil.virtual_memory().available)]
    for kind, limit, used in (
        ("", "memory.max", "memory.current"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),  # version 1
    ):
        for folder in _cgroups(kind):
            with suppress(OSError, ValueError):  # without a limit there is no number
                free.append(int((folder / limit).read_text()) - int((folder / used).read_text()))
    return max(0, min(free))


def _cgroups(kind: str) -> list[Path]:
    """Folders of this process's control groups of a kind ("": version 2's), its own and those that hold it."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            if kind in kinds.split(","):
                own = Path("/sys/fs/cgroup", kind, path.lstrip("/"))
                return [own, *own.parents[: len(Path(path).parts) - 1]]
    return []


def keep_memory() -> None:
    """Let this process keep what memory it frees; glibc hands large arrays back, and Linux clears new ones, each time.

    For work on images one after the other, whose arrays are of like sizes: their clearing takes a fifth of the time.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(TRIM_THRESHOLD, 2**30)
        libc.mallopt(MMAP_THRESHOLD, 2**25)  # the most it takes


def end_with_parent() -> None:
    """Let this worker process end as soon as its parent is gone; a killed pool's would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
