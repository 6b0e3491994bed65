"""What this machine computes with: device, CPU threads, precision. From the environment, never from params.yaml.

PIX2PIX_DEVICE      cpu, cuda or cuda:N (default: cuda where there is one)
PIX2PIX_THREADS     CPU threads (default: all usable cores, whatever OMP_NUM_THREADS says: the count changes last bits)
PIX2PIX_PRECISION   bf16 or fp32 (default: bf16 where the device has instructions for it)
PIX2PIX_PAIRS       memory, disk or auto: where training pairs are kept (default: auto, in the device's memory if they
                    take at most half of what is free there)

Processes that train together take a GPU each; they share the cores equally, or have that many threads each, not more.
"""

import os
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch

from pix2pix.machine.distributed import on_this_machine, processes
from pix2pix.machine.resources import usable_cores

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True)
class Hardware:
    device: torch.device
    threads: int
    precision: Literal["bf16", "fp32"]
    processes: int = 1  # that train together, a device each
    pairs: str = "auto"

    def autocast(self) -> AbstractContextManager[None]:
        """Mixed precision for a forward pass; weights, gradients and moments stay float32."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def describe(self) -> dict[str, str | int]:
        """What a record of a result says about the machine and its versions."""
        on_gpu = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device) if on_gpu else _cpu_name(),
            "processes": self.processes,
            "threads": self.threads,
            "precision": self.precision,
            "python": platform.python_version(),
            "torch": torch.__version__,
        }


def most_processes(asked: int) -> int:
    """How many of `asked` processes to start here: on GPUs one for each that is visible, on a CPU all.

    Where cuda is asked for and no GPU is visible, all: they say so.
    """
    on_gpu = _device_name().startswith("cuda")
    return min(asked, torch.cuda.device_count() or asked) if on_gpu else asked


def use_hardware() -> Hardware:
    """Read the environment, set torch's threads and matmul modes, and return what was chosen.

    Raises:
        ValueError: a variable has a value that is none of the above, or names a GPU that is not there.
    """
    device = _device(_device_name())
    threads = _threads(os.environ.get("PIX2PIX_THREADS"))
    bf16_or_fp32: Literal["bf16", "fp32"] = "bf16" if _has_bf16(device) else "fp32"
    precision = _choice("PIX2PIX_PRECISION", ("bf16", "fp32"), bf16_or_fp32)
    pairs = _choice("PIX2PIX_PAIRS", ("memory", "disk", "auto"), "auto")
    torch.set_num_threads(threads)
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    return Hardware(device, threads, precision, processes(), pairs)


def _choice(name: str, choices: tuple[Word, ...], default: Word) -> Word:
    text = os.environ.get(name, default)
    for choice in choices:
        if text == choice:
            return choice
    *others, last = choices
    raise ValueError(f"{name}={text}: must be {', '.join(others)} or {last}")


def _device_name() -> str:
    return os.environ.get("PIX2PIX_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"PIX2PIX_DEVICE={name}: must be cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"PIX2PIX_DEVICE={name}: must be cpu, cuda or cuda:N")
    rank, count = on_this_machine()
    if device.type == "cuda" and count > 1:
        if device.index is not None:
            raise ValueError(f"PIX2PIX_DEVICE={name}: {count} processes need a GPU each; say cuda")
        device = torch.device("cuda", rank)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        needs = f", {count} processes need a GPU each" if count > 1 else ""
        raise ValueError(f"PIX2PIX_DEVICE={name}: this machine shows {torch.cuda.device_count()} CUDA GPUs{needs}")
    return device


def _threads(text: str | None) -> int:
    count = on_this_machine()[1]
    most = max(1, usable_cores() // count)
    if text is None:
        return most
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        each = f" for each of {count} processes" if count > 1 else ""
        raise ValueError(f"PIX2PIX_THREADS={text}: must be a number from 1 to the usable cores, {most}{each}")
    return int(text)


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _cpu_name() -> str:
    name = torch.cpu.get_capabilities().get("cpu_name") if hasattr(torch.cpu, "get_capabilities") else None
    return f"{name or platform.machine()}, {usable_cores()} cores"
