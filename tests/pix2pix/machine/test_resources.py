"""Laws of what a process may use of its machine: freed memory again, and no more than is allotted to it."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pix2pix.machine import resources as cpu

FAULTS = """
import resource
import numpy as np
from pix2pix.machine.resources import keep_memory
{first}
for turn in range(40):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(20_000_000, np.uint8) for _ in range(3)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
GIB = 2**30


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux and glibc")
def test_kept_memory_is_not_cleared_anew() -> None:
    plain, kept = (
        int(subprocess.run([sys.executable, "-c", FAULTS.format(first=first)], capture_output=True, check=True).stdout)
        for first in ("", "keep_memory()")
    )
    assert plain > 10_000, "pages that the kernel had to clear"
    assert kept < plain / 10


@pytest.mark.parametrize(
    ("own", "quotas", "usable"),
    [
        ("", {}, 8),
        ("", {"cpu.max": "max 100000"}, 8),
        ("", {"cpu.max": "100000 100000"}, 1),
        ("", {"cpu.max": "50000 100000"}, 1),
        ("0::/slurm/job", {"slurm/job/cpu.max": "max 100000", "slurm/cpu.max": "350000 100000"}, 3),
        ("", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ("3:cpuset:/\n2:cpu,cpuacct:/job", {"cpu/job/cpu.cfs_quota_us": "600", "cpu/job/cpu.cfs_period_us": "100"}, 6),
    ],
)
def test_no_more_cores_are_used_than_a_quota_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, quotas: dict[str, str], usable: int
) -> None:
    """Of a container or a job, in control groups of version 2 and 1; parts of a core do not count."""
    for name, value in quotas.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(cpu, "CGROUPS", tmp_path)
    monkeypatch.setattr(cpu, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(cpu, "cores", lambda: set(range(8)))
    assert cpu.usable_cores() == usable


@pytest.mark.parametrize(
    ("limits", "free"),
    [
        ({}, 10 * GIB),
        ({"job": ("max", 2 * GIB)}, 10 * GIB),
        ({"job": ("max", 2 * GIB), ".": (5 * GIB, 3 * GIB)}, 2 * GIB),
        ({"job": (2 * GIB, 3 * GIB)}, 0),
    ],
)
def test_no_more_memory_is_free_than_is_allotted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, tuple[int | str, int]], free: int
) -> None:
    """To a job of a cluster, or to the group that holds it."""
    (tmp_path / "slurm/job").mkdir(parents=True)
    for folder, values in limits.items():
        for name, value in zip(("memory.max", "memory.current"), values, strict=True):
            (tmp_path / "slurm" / folder / name).write_text(f"{value}\n")
    (tmp_path / "own").write_text("0::/slurm/job\n")
    monkeypatch.setattr(cpu, "CGROUPS", tmp_path)
    monkeypatch.setattr(cpu, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("", (), {"available": 10 * GIB}))
    assert cpu.free_memory() == free
