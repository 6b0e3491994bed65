"""Data parallel training: processes that work as one, each on a device of its own and with its share of every batch.

All hold the same weights. Gradients, losses and the statistics of batch norm are those of the whole batch, so that the
number of processes changes a result by rounding alone. Within a step nothing waits for the device. The first process
writes, and the others wait for it in their next exchange. A process alone has no process group: nothing is exchanged.

DistributedDataParallel does not fit: D runs three times a step, once without gradients of its own, and its buckets are
laid anew after a process's first step, so that a resumed run would round otherwise than a straight one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

T = TypeVar("T")

EPSILON = 1e-5  # as F.batch_norm's
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


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Normalise (N, C, H, W) by the mean and variance of each channel over the batches of all processes together.

    So N = 1 on each device is no instance norm. In float32, whatever the precision of `x`.
    """
    if processes() == 1:
        return F.batch_norm(x, None, None, weight, bias, True, eps=EPSILON)
    values = x.float()
    centred = values - _mean(values)
    normalised = centred * (_mean(centred.square()) + EPSILON).rsqrt()
    return (normalised * weight[:, None, None] + bias[:, None, None]).to(x.dtype)


def _mean(values: Tensor) -> Tensor:
    mean: Tensor = _Average.apply(values.mean((0, 2, 3), keepdim=True))
    return mean


class _Average(torch.autograd.Function):
    """`average`, through which gradients flow back to all processes: the loss is the mean of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return average(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return average(gradients[0])


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
