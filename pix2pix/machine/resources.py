"""What this process may use of its machine: CPU cores and memory."""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil

CGROUPS, OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def cores() -> set[int]:
    """The numbers of the CPU cores this process may run on (a cluster sets its affinity to what a job was allotted)."""
    return set(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))


def usable_cores() -> int:
    """How many CPU cores this process may use: as many as it may run on, and, rounded down, as the CPU quotas of its
    control groups allow (a container has one); at least one."""
    allowed = float(len(cores()))
    for folder in _control_groups("cpu"):
        for files in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
            with suppress(OSError, ValueError):  # no such file, or the word "max" instead of a quota
                quota, period = (int(word) for file in files for word in (folder / file).read_text().split())
                if quota > 0:
                    allowed = min(allowed, quota / period)
    return max(1, int(allowed))


def free_memory() -> int:
    """Bytes that this process may still allocate: what the machine has free, within the limits of its control groups.

    Containers and clusters set such limits. Against a limit the kernel also counts the files that it caches.
    """
    free = [int(psutil.virtual_memory().available)]
    for folder in _control_groups("memory"):
        with suppress(OSError, ValueError):  # no such file, or the word "max" instead of a limit
            free.append(int((folder / "memory.max").read_text()) - int((folder / "memory.current").read_text()))
    return max(0, min(free))


def _control_groups(controller: str) -> list[Path]:
    """Folders of the control groups that this process may be in: of version 2, and of version 1 for `controller`."""
    folders = [CGROUPS, CGROUPS / controller]  # inside a container, its own
    with suppress(OSError):
        for line in OWN_CGROUP.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or controller in controllers.split(","):
                own = CGROUPS / (controller if controllers else "") / path.lstrip("/")
                folders += [own, *own.parents]
    return folders


def keep_memory() -> None:
    """Keep freed memory in this process for its next arrays, instead of returning it to the kernel (glibc only).

    For work on one image after the other: a fifth of the time goes into new pages that the kernel has to clear.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)
        libc.mallopt(M_MMAP_THRESHOLD, 2**25)  # the largest value that glibc accepts
