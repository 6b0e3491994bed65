"""The training step's budget: what it must compute and move, how long this machine needs for that at least, and where
the time goes.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bench_train import our_gan
from benchmarks.timing import wait
from pix2pix.learners.gan import Gan
from pix2pix.machine.hardware import Hardware, use_hardware

SIZE, CHANNELS, STEPS = 256, 64, 5
KINDS = {  # of operations, and on a GPU of kernels, by what their names hold; the first that fits
    "Adam": ("adam",),
    "copies and casts": ("copy", "clone", "cat", "im2col", "col2im", "fill", "zero", "convert", "memcpy", "memset"),
    "convolutions and matrix products": ("conv", "mm", "linear", "xmma", "cutlass", "fprop", "grad_kernel"),
    "norms and activations": ("norm", "relu", "threshold", "tanh", "sigmoid", "clamp"),
}
VIEWS = ("view", "reshape", "expand", "permute", "transpose", "aten::t", "slice", "select", "split", "unflatten",
         "flatten", "as_strided", "detach", "narrow", "alias", "unsqueeze", "squeeze", "empty", "resize")  # fmt: skip
REST, IDLE = "all else", "waiting for the next kernel"


def bench_budget() -> list[dict[str, str | float]]:
    """The step of the paper's recipe, 256 px and batch 1: a row for each bound, the floor, and what was measured."""
    hardware = use_hardware(training=True)
    source, target = (
        x.contiguous(memory_format=torch.channels_last)
        for x in torch.rand(2, 1, 3, SIZE, SIZE, device=hardware.device) * 2 - 1
    )
    seeds = torch.zeros(1, dtype=torch.int64, device=hardware.device)
    gan = our_gan(SIZE, CHANNELS, hardware)

    def step() -> Tensor:
        return gan.step(source, target, seeds)

    step()
    with FlopCounterMode(display=False) as counter:
        step()
    flops, moved, launches = float(counter.get_total_flops()), _bytes(gan), _launches(step, hardware)
    matrix, copy, launch = _matrix_rate(hardware), _copy_rate(hardware), _launch_seconds(hardware)
    floor = max(flops / matrix, moved / copy) + launches * launch
    seconds = _seconds(step, hardware, rounds=STEPS)
    rows: list[dict[str, str | float]] = [
        _row("arithmetic", f"{flops / 1e9:.1f} GFLOP", f"{matrix / 1e9:.0f} GFLOP/s", flops / matrix, seconds),
        _row("weights, gradients, moments", f"{moved / 1e9:.2f} GB", f"{copy / 1e9:.1f} GB/s", moved / copy, seconds),
        _row("launches", f"{launches}", f"{launch * 1e6:.1f} µs each", launches * launch, seconds),
        _row("floor: the larger of the first two, and the launches", "", "", floor, seconds),
        _row("measured", "", "", seconds, seconds),
    ]
    parts = _parts(step, hardware, seconds=seconds)
    return rows + [_row(f"of which {kind}", "", "", part, seconds) for kind, part in parts.items()]


def _row(what: str, amount: str, rate: str, seconds: float, whole: float) -> dict[str, str | float]:
    return {"what": what, "amount": amount, "rate": rate, "ms": 1000 * seconds, "of the step": f"{seconds / whole:.0%}"}


def _bytes(gan: Gan) -> float:
    """Of float32: a network's weights are read in every forward and backward pass, its gradients written and read, the
    weights and both moments read and written by Adam. Activations are left out."""
    total = 0.0
    for network, forwards, backwards in ((gan.generator.network, 1, 1), (gan.discriminator.network, 3, 3)):
        weights = sum(weight.numel() for weight in network.parameters())
        total += 4 * weights * (forwards + backwards + 2 + 6)
    return total


def _launches(step: Callable[[], Tensor], hardware: Hardware) -> int:
    """Kernels of a step on a GPU; on a CPU the operations that ATen runs itself, but those that only look otherwise."""
    if hardware.device.type == "cuda":
        with profile(activities=[ProfilerActivity.CUDA]) as found:
            step()
            wait(hardware.device)
        return sum(event.device_type.name == "CUDA" for event in found.events())
    with profile(activities=[ProfilerActivity.CPU]) as found:
        step()
    leaves = (event.name for event in found.events() if event.name.startswith("aten::") and not event.cpu_children)
    return sum(not any(view in name for view in VIEWS) for name in leaves)


def _parts(step: Callable[[], Tensor], hardware: Hardware, *, seconds: float) -> dict[str, float]:
    """Seconds of a step by kind of operation; `seconds` it takes unobserved.

    On a CPU operations follow each other, so their shares are those of the whole; a GPU may wait between its kernels.
    """
    on_gpu = hardware.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as found:
        for _ in range(STEPS):
            step()
        wait(hardware.device)
    parts = dict.fromkeys([*KINDS, REST], 0.0)
    for event in found.key_averages():
        name = event.key.lower()
        kind = next((kind for kind, words in KINDS.items() if any(word in name for word in words)), REST)
        parts[kind] += (event.self_device_time_total if on_gpu else event.self_cpu_time_total) / 1e6 / STEPS
    if on_gpu:
        return parts | {IDLE: max(0.0, seconds - sum(parts.values()))}
    return {kind: part * seconds / sum(parts.values()) for kind, part in parts.items()}


def _matrix_rate(hardware: Hardware) -> float:
    """FLOP/s of square matrix products, in the step's precision."""
    side = 8192 if hardware.device.type == "cuda" else 2048
    kind = torch.bfloat16 if hardware.precision == "bf16" else torch.float32
    a, b = torch.randn(2, side, side, device=hardware.device, dtype=kind)
    return 2 * side**3 / _seconds(lambda: a @ b, hardware)


def _copy_rate(hardware: Hardware) -> float:
    """Bytes/s that a copy of much memory reads and writes."""
    source = torch.ones(2**28 // 4, device=hardware.device)
    target = torch.empty_like(source)
    return 2 * 2**28 / _seconds(lambda: target.copy_(source), hardware)


def _launch_seconds(hardware: Hardware) -> float:
    """Of an operation on one number."""
    one = torch.ones(1, device=hardware.device)

    def many() -> None:
        for _ in range(1000):
            one.add_(0.0)

    return _seconds(many, hardware) / 1000


def _seconds(run: Callable[[], object], hardware: Hardware, *, rounds: int = 9) -> float:
    """Median of `rounds`, after a first to warm up."""
    taken = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        run()
        wait(hardware.device)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])
