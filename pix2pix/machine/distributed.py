"""Data parallel training: processes with a device each, which share every batch.

All hold the same weights. Gradients and losses are averaged over the whole batch, so the number of processes changes a
result by rounding alone. Rank 0 writes all files; the others wait for it in their next exchange. A single process
exchanges nothing.

Why not DistributedDataParallel: the discriminator runs three times a step, once without gradients of its own, and DDP
lays its buckets anew after a process's first step, so a resumed run would round otherwise than a straight one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")

LOST = ("closed by peer", "reset by peer", "Broken pipe", "Timed out")  # a peer, in gloo's plain RuntimeError


def processes() -> int:
    """The number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this is rank 0, which writes."""
    return rank() == 0


def say(line: str) -> None:
    """Print a line, on rank 0 alone."""
    if is_first():
        print(line, flush=True)


def on_this_machine() -> tuple[int, int]:
    """The number of this process among those of this machine, from 0, and how many these are, as torchrun says."""
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def per_device(batch_size: int) -> int:
    """The images of each batch that a process takes.

    Raises:
        ValueError: the batch cannot be shared equally.
    """
    if batch_size % processes():
        raise ValueError(
            f"batch_size {batch_size} cannot be shared equally by {processes()} processes; start as many as divide it"
        )
    return batch_size // processes()


def share(draws: Tensor) -> Tensor:
    """This process's part of draws (steps, batch, ...): (steps, batch / processes, ...)."""
    return draws.chunk(processes(), 1)[rank()]


def total(values: Tensor) -> Tensor:
    """The sum over all processes, the same bits in each; overwrites `values`."""
    if processes() > 1:
        with _exchange():
            dist.all_reduce(values)
    return values


def average(values: Tensor) -> Tensor:
    """The mean over all processes, the same bits in each."""
    return total(values / processes()) if processes() > 1 else values


def average_gradients(network: nn.Module) -> None:
    """Replace each gradient by its mean over all processes, in one exchange; between backward pass and update."""
    if processes() == 1:
        return
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    means = average(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, mean in zip(gradients, means.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def gathered(value: T) -> list[T]:
    """The `value` of each process, by rank; waits for all of them."""
    values = [value] * processes()
    if len(values) > 1:
        with _exchange():
            dist.all_gather_object(values, value)
    return values


def agree(value: object, otherwise: str) -> None:
    """Refuse to go on where `value` is not the same in all processes.

    Raises:
        ValueError: it is not; says `otherwise`.
    """
    if any(other != value for other in gathered(value)):
        raise ValueError(otherwise)


@contextmanager
def _exchange() -> Iterator[None]:
    """Say in one line that a peer is gone; any other error of an exchange keeps its traceback."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and not any(words in str(error) for words in LOST):
            raise
        raise ConnectionError("a process of this training is gone; the same command continues") from error
