"""What benchmarks ask of the machine."""

import sys
from pathlib import Path

import torch

REPO = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent  # where `dvc` and `snakemake` are


def wait(device: torch.device) -> None:
    """Until all that was begun on a GPU has ended."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_gib(device: torch.device | None = None) -> float:
    """The most memory this process has held, in GiB: on a GPU its tensors', else its own.

    Not `ru_maxrss`, which a process begins with its parent's.
    """
    if device and device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20
