"""A training's threads follow what other work leaves of the cores."""

import os
import time
from collections import namedtuple
from dataclasses import replace

import psutil
import pytest
import torch

from pix2pix.config.reader import read_configuration
from pix2pix.learners.learner import is_small
from pix2pix.machine.hardware import Hardware
from pix2pix.machine.threads import TrainingThreads

Times = namedtuple("Times", ["user", "nice", "idle", "iowait", "steal"])
FOUR_CORES = Hardware(torch.device("cpu"), threads=4, precision="fp32")


class Machine:
    """Four cores and a clock, which a test sets."""

    def __init__(self, patch: pytest.MonkeyPatch, *, niceness: int = 0) -> None:
        self.seconds, self.own = 1000.0, 5.0
        self.cores = [dict.fromkeys(Times._fields, 10.0) for _ in range(4)]
        self.set: list[int] = []
        patch.delenv("PIX2PIX_THREADS", raising=False)
        patch.setattr(psutil, "cpu_times", lambda *, percpu: [Times(**core) for core in self.cores])
        patch.setattr(time, "monotonic", lambda: self.seconds)
        patch.setattr(time, "process_time", lambda: self.own)
        patch.setattr(os, "nice", lambda _: niceness)
        patch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
        patch.setattr(torch, "set_num_threads", self.set.append)

    def run(self, seconds: float, *, own: float, **others: float) -> None:
        """Time passes, in which this process uses `own` cores, and others so many of each kind."""
        self.seconds += seconds
        self.own += seconds * own
        self.cores[0]["user"] += seconds * own
        for kind, cores in others.items():
            self.cores[1][kind] += seconds * cores


@pytest.mark.parametrize(
    ("others", "count"),
    [
        ({}, 4),
        ({"user": 0.3}, 4),
        ({"user": 1.0}, 3),
        ({"user": 1.1, "steal": 1.0}, 2),
        ({"user": 9.0}, 1),
        ({"nice": 3.0}, 4),
        ({"idle": 2.0, "iowait": 1.0}, 4),
    ],
)
def test_the_count_is_that_of_the_cores_others_leave(
    monkeypatch: pytest.MonkeyPatch, others: dict[str, float], count: int
) -> None:
    machine, said = Machine(monkeypatch), list[str]()
    threads = TrainingThreads(FOUR_CORES, said.append)
    machine.run(9, own=3, **others)
    threads.look()
    assert threads.count == 4  # too soon
    machine.run(2, own=3, **others)
    threads.look()
    assert threads.count == count
    assert machine.set == ([count] if count < 4 else [])
    assert said == [f"{count} of 4 CPU threads while other work runs (PIX2PIX_THREADS=4: all)"] * (count < 4)


def test_the_threads_come_back_and_the_line_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, said = Machine(monkeypatch), list[str]()
    threads = TrainingThreads(FOUR_CORES, said.append)
    for others in (2.0, 0.0, 2.0):
        machine.run(10, own=2, user=others)
        threads.look()
    assert machine.set == [2, 4, 2]
    assert len(said) == 1


def test_under_a_quota_the_work_of_other_containers_takes_no_core_that_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four cores a CPU quota allows two (`usable_cores`), and others use two."""
    machine = Machine(monkeypatch)
    threads = TrainingThreads(replace(FOUR_CORES, threads=2), print)
    for others, count in ((2, 2), (3, 1)):
        machine.run(10, own=1, user=others)
        threads.look()
        assert threads.count == count


def test_a_training_of_low_priority_counts_others_of_low_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own time is of that kind, too, and is not that of others."""
    machine = Machine(monkeypatch, niceness=10)
    threads = TrainingThreads(FOUR_CORES, print)
    machine.run(10, own=0, nice=2 + 1)
    machine.own += 10 * 2
    threads.look()
    assert threads.count == 3


@pytest.mark.parametrize(
    ("hardware", "variable"),
    [
        (FOUR_CORES, "4"),
        (replace(FOUR_CORES, processes=2), None),
        (replace(FOUR_CORES, device=torch.device("cuda")), None),
        (replace(FOUR_CORES, threads=1), None),
    ],
)
def test_a_count_that_was_set_or_is_shared_stays(
    monkeypatch: pytest.MonkeyPatch, hardware: Hardware, variable: str | None
) -> None:
    machine = Machine(monkeypatch)
    if variable:
        monkeypatch.setenv("PIX2PIX_THREADS", variable)
    threads = TrainingThreads(hardware, print)
    machine.run(60, own=1, user=9)
    threads.look()
    assert machine.set == []


@pytest.mark.parametrize(("name", "small"), [("demo_cars", True), ("demo_cars_mean", True), ("facades", False)])
def test_the_demo_is_small_and_256_pixels_are_not(name: str, small: bool) -> None:
    assert is_small(read_configuration().experiment(name)) == small
