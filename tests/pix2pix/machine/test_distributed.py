"""Laws of the exchange between processes that train together: the whole batch, whoever holds which part of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor

from pix2pix.machine import distributed
from pix2pix.machine.process_group import launch
from tests.support.distributed_worker import CASES, batch, gradients, step

ROUNDING = 1e-5  # of gradients, by the Euclidean norm


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Losses and gradients that each of two processes found."""
    out = tmp_path_factory.mktemp("ranks")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("DEVICE", "cpu"), ("THREADS", "1"), ("PRECISION", "fp32")):
            patch.setenv(f"PIX2PIX_{name}", value)
        launch(gradients, out, count=2)
        yield out


@pytest.mark.parametrize("case", CASES)
def test_gradients_and_losses_are_those_of_one_process_with_the_whole_batch(case: str, of_two: Path) -> None:
    alone = step(case, *batch())
    first, second = (load_file(of_two / f"{case}_{rank}") for rank in (0, 1))
    for name, wanted in alone.items():
        assert (first[name] - wanted).norm() / wanted.norm() < ROUNDING, name
        assert torch.equal(first[name], second[name]), name


GLOO = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:545] "


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (dist.DistBackendError("NCCL"), True),
        (RuntimeError(GLOO + "Connection closed by peer [127.0.0.1]:80"), True),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), False),
    ],
)
def test_an_error_of_an_exchange_is_the_loss_of_a_process_only_where_it_is(
    error: RuntimeError, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Tensor) -> None:
        raise error

    monkeypatch.setattr(distributed, "processes", lambda: 2)
    monkeypatch.setattr(dist, "all_reduce", fails)
    says = "^a process of this training is gone; the same command continues$"
    with pytest.raises(ConnectionError, match=says) if lost else pytest.raises(type(error)) as raised:
        distributed.total(torch.ones(1))
    assert error in (raised.value, raised.value.__cause__)
