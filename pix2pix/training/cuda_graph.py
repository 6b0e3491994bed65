"""The training step; on a GPU it is soon one CUDA graph: cutting the batch, the updates, and the sums of the losses.

The host takes longer to launch a step's hundreds of small kernels than a GPU to compute them; a graph is one launch
("CUDA Graphs: whole-network capture" in PyTorch's notes on CUDA semantics). Its shapes and addresses are fixed.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from pix2pix.config.checks import one_line
from pix2pix.learners.learner import Learner, learner_tensors, scale_learning_rates
from pix2pix.machine.hardware import Hardware

WARM_UP = 3  # first steps, in which libraries choose algorithms and take memory
CHECKED = 3  # steps after them, which the graph must reproduce
TOLERANCE = 0.01  # of their losses, relative and absolute: sums by atomics round otherwise in each run, bf16 by 0.4 %

Cut = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # as `cut_batch`


class Graph(Protocol):
    """Work that is recorded once, then repeated on what its tensors hold by then."""

    def eager(self, work: Callable[[], Tensor]) -> Tensor:
        """Do the work as it will be recorded."""

    def record(self, work: Callable[[], Tensor]) -> Tensor:
        """Record the work without doing it; gives the tensor in which each replay leaves its result."""

    def replay(self) -> None:
        """Do the recorded work."""


class CudaGraph:
    """A `Graph` of kernels, recorded on the stream on which they ran before, as PyTorch asks."""

    def __init__(self, device: torch.device) -> None:
        self.stream, self.graph = torch.cuda.Stream(device), torch.cuda.CUDAGraph()

    def eager(self, work: Callable[[], Tensor]) -> Tensor:
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            result = work()
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def record(self, work: Callable[[], Tensor]) -> Tensor:
        # thread_local: meanwhile a thread may copy a state to the host
        with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
            return work()

    def replay(self) -> None:
        self.graph.replay()


def graph_for(hardware: Hardware) -> Graph | None:
    """What a training on this hardware records its step with, if at all."""
    return CudaGraph(hardware.device) if hardware.captures else None


class TrainingStep:
    """Cuts a batch, takes the learner's step and adds its losses to `sums`; never waits for the device.

    With a `graph` the first WARM_UP + CHECKED steps are eager. Then the graph is recorded and repeats the last CHECKED
    of them, from a copy of the state before. If it gives their losses, and no update at a learning rate of 0, it does
    all later steps; else they stay eager, and `say` says so. Either way the state is that of the eager steps.

    `sums`, float64 (losses + 1,): summed losses, and the number of steps before one was not finite.
    """

    def __init__(
        self, learner: Learner, sums: Tensor, cut: Cut, *, graph: Graph | None, say: Callable[[str], None]
    ) -> None:
        self.learner, self.sums, self.cut, self.say = learner, sums, cut, say
        self.recorded: Graph | None = None
        self._candidate = graph if learner.in_training else None
        self._steps = 0
        self._before: list[Tensor] = []  # the state before the first step that is checked
        self._checked: list[tuple[Tensor, Tensor, Tensor]] = []  # images, draws and losses of each

    def __call__(self, images: Tensor, draws: Tensor) -> None:
        """One step on what `cut` makes of them."""
        if self.recorded:
            self._replay(self.recorded, images, draws)
        elif self._candidate:
            self._step_to_check(self._candidate, images, draws)
        else:
            self._step(images, draws)

    def _step(self, images: Tensor, draws: Tensor) -> Tensor:
        source, target = self.cut(images, draws)
        losses = self.learner.step(source, target, draws[:, 4])
        finite = self.sums[:-1].add_(losses).isfinite().all()
        self.sums[-1:].add_(finite)
        return losses

    def _step_to_check(self, graph: Graph, images: Tensor, draws: Tensor) -> None:
        if self._steps == WARM_UP:
            self._before = self._copy()
        losses = graph.eager(lambda: self._step(images, draws))
        self._steps += 1
        if self._steps > WARM_UP:
            self._checked.append((images, draws, losses))
        if len(self._checked) == CHECKED:
            self._candidate = None
            self._check(graph)
            self._before, self._checked = [], []

    def _check(self, graph: Graph) -> None:
        """Record the graph, and replay it from now on if it does what the eager steps did."""
        after, factors = self._copy(), [trained.rate_factor for trained in self.learner.in_training.values()]
        try:
            fault = self._record(graph)
        except RuntimeError as error:
            fault = f"it cannot be recorded ({one_line(str(error))})"
        for trained, factor in zip(self.learner.in_training.values(), factors, strict=True):
            trained.scale_learning_rate(factor)
        self._put_back(after)
        if fault:
            self.say(f"no CUDA graph of the training step: {fault}; it stays eager, which is slower")
        else:
            self.recorded = graph

    def _record(self, graph: Graph) -> str:
        """Record the graph and try it; what is wrong with it, if anything."""
        self._put_back(self._before)
        images, draws, _ = self._checked[0]
        self._images, self._draws = images, draws.clone()
        result = graph.record(lambda: self._step(self._images, self._draws))
        for images, draws, losses in self._checked:
            self._replay(graph, images, draws)
            if not torch.allclose(result, losses, rtol=TOLERANCE, atol=TOLERANCE):
                return f"it gives losses {result.tolist()} instead of {losses.tolist()}"
        weights = [weight.clone() for weight in self._weights()]
        scale_learning_rates(self.learner, 0.0)
        self._replay(graph, images, draws)
        return "" if all(map(torch.equal, weights, self._weights())) else "it does not follow the learning rate"

    def _replay(self, graph: Graph, images: Tensor, draws: Tensor) -> None:
        if images is not self._images:  # pairs in memory are the same tensor in every step
            self._images.copy_(images)
        self._draws.copy_(draws)
        graph.replay()

    def _weights(self) -> list[Tensor]:
        """What the learning rates move."""
        return [weight for trained in self.learner.in_training.values() for weight in trained.network.parameters()]

    def _state(self) -> list[Tensor]:
        return [*learner_tensors(self.learner).values(), self.sums]

    def _copy(self) -> list[Tensor]:
        return [tensor.clone() for tensor in self._state()]

    def _put_back(self, copies: list[Tensor]) -> None:
        for tensor, copy in zip(self._state(), copies, strict=True):
            tensor.copy_(copy)
        for trained in self.learner.in_training.values():
            trained.weights_changed()
