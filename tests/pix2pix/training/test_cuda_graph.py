"""Laws of the recorded step: the training's bits do not depend on it, and one that does otherwise is not used.

A recorder of our own stands in for a CUDA graph: it repeats the work on what the static tensors hold by then.
"""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2pix.batches.augmentation import cut_batch, draw_epoch
from pix2pix.learners.gan import Gan
from pix2pix.learners.learner import learner_tensors, scale_learning_rates
from pix2pix.machine.background import Background
from pix2pix.machine.hardware import Hardware, use_hardware
from pix2pix.training import cuda_graph
from pix2pix.training import resume as runs
from pix2pix.training.cuda_graph import CHECKED, WARM_UP, TrainingStep
from stages.train import train
from tests.support.kinds import experiment, learner, published


class Recorder:
    """A `Graph` on a CPU. `fault`: what it does wrong."""

    def __init__(self, fault: str = "") -> None:
        self.fault, self.replays = fault, 0
        self.rates: list[float] = []

    def eager(self, work: Callable[[], Tensor]) -> Tensor:
        return work()

    def record(self, work: Callable[[], Tensor]) -> Tensor:
        if self.fault == "cannot be recorded":
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        self.work, self.result = work, torch.zeros(3)
        return self.result

    def replay(self) -> None:
        self.replays += 1
        if self.fault == "losses" and self.replays == 2:
            self.result.add_(0.1)
        else:
            self.result.copy_(self.work())


class Baked(Recorder):
    """Keeps the learning rate as it was when it was recorded."""

    def __init__(self, gan: Gan) -> None:
        super().__init__()
        self.gan = gan

    def record(self, work: Callable[[], Tensor]) -> Tensor:
        self.factor = self.gan.generator.rate_factor
        return super().record(work)

    def replay(self) -> None:
        scale_learning_rates(self.gan, self.factor)
        super().replay()


IMAGES = torch.randint(0, 256, (8, 72, 72, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
DRAWS = torch.cat(
    [draw_epoch(seed=0, epoch=e, pairs=8, batch_size=2, load_size=72, size=64, mirror=True) for e in (0, 1, 2)]
)


def gan() -> Gan:
    made = learner(generator_lr=1e-3, discriminator_lr=1e-3, ema=0.9)
    assert isinstance(made, Gan)
    return made


def states(trained: Gan, graph: Recorder | None, *, streamed: bool = False) -> tuple[list[dict[str, Tensor]], str]:
    """After each of twelve steps, of which the learning rate falls after nine, what is trained and the sums."""
    said: list[str] = []
    sums = torch.zeros(4, dtype=torch.float64)
    step = TrainingStep(trained, sums, partial(cut_batch, size=64), graph=graph, say=said.append)
    found = []
    for number, draws in enumerate(DRAWS):
        if number == 4:
            sums.zero_()  # an epoch ends
        if number == 9:
            scale_learning_rates(trained, 0.25)
        step(IMAGES.clone() if streamed else IMAGES, draws)
        tensors = learner_tensors(trained) | {"sums": sums}
        found.append({name: tensor.clone() for name, tensor in tensors.items()})
    return found, "\n".join(said)


def equal(one: list[dict[str, Tensor]], other: list[dict[str, Tensor]]) -> bool:
    return all(torch.equal(a[name], b[name]) for a, b in zip(one, other, strict=True) for name in a)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_recorded_step_takes_over_after_the_checked_ones_and_moves_no_bit(streamed: bool) -> None:
    graph = Recorder()
    recorded, said = states(gan(), graph, streamed=streamed)
    assert graph.replays == CHECKED + 1 + len(DRAWS) - WARM_UP - CHECKED, "to check it, the rate of 0, and the rest"
    assert not said
    assert equal(recorded, states(gan(), None)[0])


@pytest.mark.parametrize("fault", ["cannot be recorded", "losses", "learning rate"])
def test_a_step_that_does_otherwise_stays_eager_and_one_line_says_so(fault: str) -> None:
    trained = gan()
    graph = Baked(trained) if fault == "learning rate" else Recorder(fault)
    stayed, said = states(trained, graph)
    assert fault in said and said.startswith("no CUDA graph of the training step: ") and "\n" not in said
    assert graph.replays <= CHECKED + 1
    assert equal(stayed, states(gan(), None)[0])


def test_a_training_by_the_recorded_step_and_its_resumption_are_as_straight(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with all that a thread writes; killed while the step is recorded, and again after it."""
    train(experiment(epochs=6))
    straight, replays = published(), 0
    shutil.rmtree("scratch")

    class Killed(Recorder):
        def replay(self) -> None:
            nonlocal replays
            replays += 1
            if replays in (2, 10):
                raise KeyboardInterrupt
            super().replay()

    monkeypatch.setattr(runs, "Background", lambda device: Background(device, threaded=True))
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(runs, "SAVE_SHARE", 1e9)
    monkeypatch.setattr(cuda_graph, "graph_for", lambda _: Killed())
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(experiment(epochs=6))
    train(experiment(epochs=6))
    assert replays > 11
    assert published() == straight


@pytest.mark.parametrize(
    ("device", "processes", "wanted", "captures"),
    [("cpu", 1, "on", False), ("cuda", 1, "on", True), ("cuda", 1, "off", False), ("cuda", 2, "on", False)],
)
def test_steps_are_recorded_on_one_gpu_alone(
    device: str, processes: int, wanted: str, captures: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIX2PIX_CUDA_GRAPH", wanted)
    switch = use_hardware().cuda_graph
    assert Hardware(torch.device(device), 1, "bf16", processes, "auto", switch).captures == captures
    assert cuda_graph.graph_for(use_hardware()) is None, "no GPU here" if device == "cuda" else ""


def test_rates_are_tensors_on_a_gpu_alone() -> None:
    """A number on a CPU, where a tensor would round it; on a device a tensor, which keeps its place."""
    trained = gan().generator
    assert trained.adam.param_groups[0]["lr"] == 1e-3 and not trained.adam.param_groups[0]["capturable"]
    rate = trained.adam.param_groups[0]["lr"] = torch.tensor(1e-3)
    trained.scale_learning_rate(0.5)
    assert trained.adam.param_groups[0]["lr"] is rate and rate == torch.tensor(5e-4)
