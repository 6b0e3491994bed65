"""Data parallel training: processes that work as one, each on a device of its own and with its share of every batch.

All hold the same weights. Gradients and losses are those of the whole batch, so that the number of processes changes a
result by rounding alone. Within a step nothing waits for the device. The first process
writes, and the others wait for it in their next exchange. A process alone has no process group: nothing is exchanged.

DistributedDataParallel does not fit: D runs three times a step, once without gradients of its own, and its buckets are
laid anew after a process's first step, so that a resumed run would round otherwise than a straight one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")

GONE = ("closed by peer", "reset by peer", "Broken pipe", "Timed out")  # in a plain RuntimeError of gloo's


def processes() -> int:
    """How many train together."""
    return dist.get_world_size() if _is_one_of_several() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if _is_one_of_several() else 0


def _is_one_of_several() -> bool:
    return dist.is_available() and dist.is_initialized()  # some builds of torch have no processes


def is_first() -> bool:
    """Whether this is the process that writes."""
    return rank() == 0


def say(line: str) -> None:
    """Print a line once."""
    if is_first():
        print(line, flush=True)


def on_this_machine() -> tuple[int, int]:
    """Which of this machine's processes this is, from 0, and how many of them train here, as torchrun says."""
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def per_device(batch_size: int) -> int:
    """How many images of each batch every process takes.

    Raises:
        ValueError: they cannot be shared equally.
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
        with _others():
            dist.all_reduce(values)
    return values


def average(values: Tensor) -> Tensor:
    """The mean over all processes, the same bits in each."""
    return total(values / processes()) if processes() > 1 else values


def average_gradients(network: nn.Module) -> None:
    """To be called between backward and update: each gradient becomes its mean over all processes, by one exchange."""
    if processes() == 1:
        return
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    means = average(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, mean in zip(gradients, means.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def gathered(value: T) -> list[T]:
    """The `value` of each process, in their order; waits for all of them."""
    values = [value] * processes()
    if len(values) > 1:
        with _others():
            dist.all_gather_object(values, value)
    return values


def agree(value: object, otherwise: str) -> None:
    """See that `value` is the same in all processes.

    Raises:
        ValueError: it is not; says `otherwise`.
    """
    if any(other != value for other in gathered(value)):
        raise ValueError(otherwise)


@contextmanager
def _others() -> Iterator[None]:
    """Name the loss of one of them; what else goes wrong in an exchange (no memory left, say) keeps its traceback."""
    try:
        yield
    except RuntimeError as error:
        lost = isinstance(error, dist.DistBackendError | dist.DistNetworkError | dist.DistStoreError)
        if not lost and not any(words in str(error) for words in GONE):
            raise
        raise ConnectionError("a process of this training is gone; the same command continues") from error
