"""Laws of what a process may use of its machine: freed memory again, and no more than is allotted to it."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pix2pix.machine import cpu as cores
from pix2pix.machine.cpu import free_memory

FAULTS = """
import resource
import numpy as np
from pix2pix.machine.cpu import keep_memory
{first}
for turn in range(40):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(20_000_000, np.uint8) for _ in range(3)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux and glibc")
def test_kept_memory_is_not_cleared_anew() -> None:
    plain, kept = (
        int(subprocess.run([sys.executable, "-c", FAULTS.format(first=first)], capture_output=True, check=True).stdout)
        for first in ("", "keep_memory()")
    )
    assert plain > 10_000, "pages that the kernel had to clear"
    assert kept < plain / 10


GIB = 2**30


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({}, 10 * GIB),
        ({"job": ("max", 2 * GIB)}, 10 * GIB),
        ({"job": (6 * GIB, 2 * GIB)}, 4 * GIB),
        ({"job": ("max", 2 * GIB), ".": (5 * GIB, 3 * GIB)}, 2 * GIB),
        ({"job": (6 * GIB, 2 * GIB), ".": (64 * GIB, 3 * GIB)}, 4 * GIB),
        ({"job": (2 * GIB, 3 * GIB)}, 0),
        ({"job": (100 * GIB, 0)}, 10 * GIB),
    ],
)
@pytest.mark.parametrize(
    "names", [("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")]
)
def test_no_more_memory_is_free_than_is_allotted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limits: dict[str, tuple[int | str, int]],
    left: int,
    names: tuple[str, str],
) -> None:
    """To a job of a cluster, or to what holds it."""
    (tmp_path / "job").mkdir()
    for folder, values in limits.items():
        for name, value in zip(names, values, strict=True):
            (tmp_path / folder / name).write_text(f"{value}\n")
    kind = "memory" if "limit" in names[0] else ""
    monkeypatch.setattr(cores, "_cgroups", lambda of: [tmp_path / "job", tmp_path] if of == kind else [])
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("", (), {"available": 10 * GIB}))
    assert free_memory() == left


def test_control_groups_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "5:devices:/\n4:cpu,memory:/slurm/job_7\n0::/system.slice/docker-1.scope\n"
    monkeypatch.setattr(Path, "read_text", lambda path, **_: said if str(path) == "/proc/self/cgroup" else "")
    root = Path("/sys/fs/cgroup")
    assert cores._cgroups("") == [root / "system.slice/docker-1.scope", root / "system.slice", root]
    assert cores._cgroups("memory") == [root / "memory/slurm/job_7", root / "memory/slurm", root / "memory"]
    assert cores._cgroups("blkio") == []
