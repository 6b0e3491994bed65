"""What this machine computes with. From the environment, never from params.yaml:

PIX2PIX_DEVICE      cpu, cuda or cuda:N (default: cuda where there is one)
PIX2PIX_THREADS     CPU threads (default: all usable cores, whatever OMP_NUM_THREADS says, but one to train a small
                    network, and fewer to train a large one while other work runs; the count changes last bits)
PIX2PIX_PRECISION   bf16 or fp32, of training (default: bf16 where the device has instructions for it)
PIX2PIX_PAIRS       memory, disk or auto: where training pairs are kept (default: auto, in the device's memory where
                    they take at most half of what is free there)
PIX2PIX_CUDA_GRAPH  on or off: whether training on a CUDA GPU replays its step as a CUDA graph (default: on)

Processes that train together take a GPU each, and an equal part of the cores.
"""

import os
import platform
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch

from pix2pix.machine.distributed import on_this_machine, processes
from pix2pix.machine.resources import keep_memory, usable_cores

Precision = Literal["bf16", "fp32"]
Pairs = Literal["memory", "disk", "auto"]
Switch = Literal["on", "off"]
Word = TypeVar("Word", bound=str)


@dataclass(frozen=True)
class Hardware:
    device: torch.device
    threads: int
    precision: Precision
    processes: int = 1  # that train together, a device each
    pairs: Pairs = "auto"
    cuda_graph: Switch = "on"

    @property
    def captures(self) -> bool:
        """Whether training steps are captured: on a GPU, by a process that exchanges nothing with others."""
        return self.device.type == "cuda" and self.cuda_graph == "on" and self.processes == 1

    @property
    def layout(self) -> torch.memory_format:
        """Of images and weights in memory: channels last, but plain in fp32 on a CPU, whose gradients are faster so."""
        return (
            torch.contiguous_format if self.device.type == "cpu" and self.precision == "fp32" else torch.channels_last
        )

    def laid_out(self, images: torch.Tensor) -> torch.Tensor:
        """Images (N, C, H, W) in the layout and number format of training."""
        return images.to(torch.bfloat16 if self.precision == "bf16" else torch.float32, memory_format=self.layout)

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


def use_hardware(*, training: bool = False, small: bool = False) -> Hardware:
    """Read the environment, prepare PyTorch accordingly, and return what was chosen; for `small` work one thread.

    On CUDA fp32 is IEEE's: only a training in bf16 computes in TF32 what it does not compute in bf16. Inference takes
    deterministic algorithms; training lets cuDNN try several and take the fastest.

    Raises:
        ValueError: a variable has a value that is none of the above, or names a GPU that is not there.
    """
    device, threads = _device(_device_name()), _threads(os.environ.get("PIX2PIX_THREADS"), small=small)
    precision: Precision = _choice("PIX2PIX_PRECISION", ("bf16", "fp32"), "bf16" if _has_bf16(device) else "fp32")
    pairs: Pairs = _choice("PIX2PIX_PAIRS", ("memory", "disk", "auto"), "auto")
    cuda_graph: Switch = _choice("PIX2PIX_CUDA_GRAPH", ("on", "off"), "on")
    torch.set_num_threads(threads)
    keep_memory()
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = training, not training
    tf32 = training and precision == "bf16" and device.type == "cuda"
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    return Hardware(device, threads, precision, processes(), pairs, cuda_graph)


def most_processes(asked: int) -> int:
    """How many of `asked` processes to start here: on GPUs one for each that is visible, on a CPU all.

    Where cuda is asked for and no GPU is visible, all: each then says so.
    """
    on_gpu = _device_name().startswith("cuda")
    return min(asked, torch.cuda.device_count() or asked) if on_gpu else asked


def _device_name() -> str:
    return os.environ.get("PIX2PIX_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")


def _device(name: str) -> torch.device:
    refused, (rank, count) = f"PIX2PIX_DEVICE={name}", on_this_machine()
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ValueError(f"{refused}: must be cpu, cuda or cuda:N")
    device = torch.device(name)
    if device.type == "cpu":
        return device
    if count > 1:
        if device.index is not None:
            raise ValueError(f"{refused}: {count} processes need a GPU each; say cuda")
        device = torch.device("cuda", rank)
    if (device.index or 0) >= torch.cuda.device_count():
        needs = f", {count} processes need a GPU each" if count > 1 else ""
        raise ValueError(f"{refused}: this machine shows {torch.cuda.device_count()} CUDA GPUs{needs}")
    return device


def _threads(text: str | None, *, small: bool) -> int:
    count = on_this_machine()[1]
    most = max(1, usable_cores() // count)
    if text is None:
        return 1 if small else most
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        each = f" for each of {count} processes" if count > 1 else ""
        raise ValueError(f"PIX2PIX_THREADS={text}: must be a number from 1 to the usable cores, {most}{each}")
    return int(text)


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _choice(variable: str, words: tuple[Word, ...], default: Word) -> Word:
    text = os.environ.get(variable, default)
    for word in words:
        if text == word:
            return word
    *others, last = words
    raise ValueError(f"{variable}={text}: must be {', '.join(others)} or {last}")


def _cpu_name() -> str:
    return f"{torch.cpu.get_capabilities().get('cpu_name') or platform.machine()}, {usable_cores()} cores"
