"""The training step's budget: what it must compute and move, how long this machine needs for that at least, and where
the time goes. Part of `make bench`; alone: python -m benchmarks.budget
"""

import statistics
import time
from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bench_train import our_gan
from stages.pix2pix.gan import Gan
from stages.pix2pix.hardware import Hardware, use_hardware

SIZE, CHANNELS, STEPS = 256, 64, 5
KINDS = {  # of ATen's operations, by what their names hold; the first that fits
    "convolutions and matrix products": ("conv", "mm", "linear", "addmm"),
    "Adam": ("adam",),
    "copies and casts": ("copy", "_to_copy", "clone", "cat", "im2col", "col2im", "contiguous", "fill", "zero"),
    "norms and activations": ("norm", "relu", "threshold", "tanh", "sigmoid", "clamp"),
}
REST = "all else"


def bench_budget() -> list[dict[str, str | float]]:
    """The step of the paper's recipe, 256 px and batch 1: a row for each bound, the floor, and what was measured."""
    hardware = use_hardware()
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
    flops, moved, launches = float(counter.get_total_flops()), _bytes(gan), _launches(step)
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
    return rows + [
        _row(f"of which {kind}", "", "", part * seconds, seconds) for kind, part in _parts(step, hardware).items()
    ]


def _row(what: str, amount: str, rate: str, seconds: float, whole: float) -> dict[str, str | float]:
    return {"what": what, "amount": amount, "rate": rate, "ms": 1000 * seconds, "of the step": f"{seconds / whole:.0%}"}


def _bytes(gan: Gan) -> float:
    """Of float32: a network's weights are read in every forward and backward pass, its gradients written and read, the
    weights and both moments read and written by Adam. Activations are left out."""
    total = 0.0
    for network, forwards, backwards in ((gan.generator, 1, 1), (gan.discriminator, 3, 3)):
        weights = sum(weight.numel() for weight in network.parameters())
        total += 4 * weights * (forwards + backwards + 2 + 6)
    return total


def _launches(step: Callable[[], Tensor]) -> int:
    """Operations that ATen runs in a step, views aside."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        step()
    leaves = [event for event in found.events() if event.name.startswith("aten::") and not event.cpu_children]
    return sum(event.self_cpu_time_total > 1 for event in leaves)  # µs: a view takes less


def _parts(step: Callable[[], Tensor], hardware: Hardware) -> dict[str, float]:
    """Shares of a step's time by kind of operation."""
    on_gpu = hardware.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as found:
        for _ in range(STEPS):
            step()
    parts = dict.fromkeys([*KINDS, REST], 0.0)
    for event in found.key_averages():
        name = event.key.lower()
        kind = next((kind for kind, words in KINDS.items() if any(word in name for word in words)), REST)
        parts[kind] += event.self_device_time_total if on_gpu else event.self_cpu_time_total
    return {kind: part / sum(parts.values()) for kind, part in parts.items()}


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
        if hardware.device.type == "cuda":
            torch.cuda.synchronize(hardware.device)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


if __name__ == "__main__":
    print(pd.DataFrame(bench_budget()).to_markdown(index=False, floatfmt=".1f"))
