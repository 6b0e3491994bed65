"""The step's operations: few, so that a GPU does not wait for the host."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pix2pix.machine.hardware import Hardware, Precision
from tests.support.kinds import learner

MOST: dict[Precision, int] = {"bf16": 270, "fp32": 235}  # of the paper's networks at 256 pixels and batch 1


class Counter(TorchDispatchMode):
    """Counts operations that compute or copy; not views, and not allocations."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        free = function.is_view or function.namespace == "profiler" or "empty" in str(function)
        self.count += not free
        return result


@pytest.mark.parametrize("precision", MOST)
def test_a_step_takes_few_operations(precision: Precision) -> None:
    gan = learner(hardware=Hardware(torch.device("cpu"), 1, precision), size=256, load_size=256, batch_size=1)
    batch = torch.zeros(1, 3, 256, 256), torch.zeros(1, 3, 256, 256), torch.zeros(1, dtype=torch.int64)
    gan.step(*batch)
    with Counter() as counter:  # type: ignore[no-untyped-call]
        gan.step(*batch)
    assert counter.count <= MOST[precision]
