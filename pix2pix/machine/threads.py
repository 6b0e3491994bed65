"""CPU threads of a training: as many as other work leaves cores for.

The threads of a step wait for each other hundreds of times. One without a core of its own holds up all: beside one busy
process, two threads on two cores are slower than one.
"""

import os
import time
from collections.abc import Callable

import psutil
import torch

from pix2pix.machine.hardware import Hardware
from pix2pix.machine.resources import cores

SECONDS = 10.0  # between looks at what else runs


class TrainingThreads:
    """The threads of this training. PIX2PIX_THREADS fixes them; on a GPU, or beside other processes of one training,
    they stay as they are.

    Args:
        say: what prints a line.
    """

    def __init__(self, hardware: Hardware, say: Callable[[str], None]) -> None:
        self.most = self.count = hardware.threads
        self.say = say
        alone = hardware.device.type == "cpu" and hardware.processes == 1
        self.fixed = self.most == 1 or not alone or "PIX2PIX_THREADS" in os.environ
        self.time, self.others = time.monotonic(), used_by_others()
        self.said = False

    def look(self) -> None:
        """Call it after each step: every ten seconds the count becomes that of the cores that others leave idle."""
        if self.fixed or (seconds := time.monotonic() - self.time) < SECONDS:
            return
        before, self.time, self.others = self.others, self.time + seconds, used_by_others()
        idle = len(cores()) - (self.others - before) / seconds
        count = min(self.most, max(1, round(idle)))
        if count != self.count:
            self.count = count
            torch.set_num_threads(count)
        if count < self.most and not self.said:
            self.said = True
            self.say(f"{count} of {self.most} CPU threads while other work runs (PIX2PIX_THREADS={self.most}: all)")


def used_by_others() -> float:
    """Seconds that others have used of the cores of this process. Work of low priority leaves them to work of normal
    priority, so it counts only for a process of low priority.
    """
    free = {"idle", "iowait", "guest", "guest_nice"} | ({"nice"} if os.nice(0) <= 0 else set())
    used = -time.process_time()
    for number, core in enumerate(psutil.cpu_times(percpu=True)):
        if number in cores():
            used += sum(seconds for kind, seconds in core._asdict().items() if kind not in free)
    return used
