"""What a person watches while a network trains: a progress bar, and curves and samples in TensorBoard."""

import os
import sys
import time
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pix2pix.files.images import Uint8
from pix2pix.machine.distributed import is_first
from pix2pix.training.pathologies import new_pathology
from pix2pix.training.resume import Row

TIMED = 4  # steps, after the first, from which the whole time is estimated


class Progress:
    """A bar of images with images/s and the time left, and curves in `logs`. Only rank 0 shows anything."""

    def __init__(self, name: str, *, images: int, done: int, logs: Path) -> None:
        interval = 0.1 if sys.stderr.isatty() else 30  # seconds; a log file wants few lines
        self.bar: tqdm[Any] = tqdm(
            desc=name, total=images, initial=done, unit=" images", mininterval=interval, disable=not is_first()
        )
        self.images, self.steps, self.start = images, 0, 0.0
        self.curves = Curves(logs) if is_first() else None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()
        if self.curves:
            self.curves.close()

    def say(self, line: str) -> None:
        """One line on stderr, above the bar."""
        if not self.bar.disable:
            self.bar.write(f"{self.bar.desc}: {line}", file=sys.stderr)

    def step(self, images: int) -> None:
        """Count a batch; after the first few, say if the training will take hours."""
        self.bar.update(images)
        self.steps += 1
        if self.steps == 1:  # the first step makes what later ones use
            self.start = time.monotonic()
        elif self.steps == 1 + TIMED:
            hours = (self.images - self.bar.n) / images * (time.monotonic() - self.start) / TIMED / 3600
            if hours > 1:
                self.say(
                    f"about {hours:.1f} hours on this machine. It may be stopped at any time; the "
                    "same command continues. A CUDA GPU, a smaller size or fewer epochs are faster."
                )

    def epoch(self, rows: Sequence[Row], samples: Uint8) -> None:
        """Show the losses of the epoch that just ended and its samples (H, W, 3); say once what they warn of."""
        row = rows[-1]
        if warning := new_pathology(rows):
            self.say(f"warning: epoch {row['epoch']}, step {row['step']}: {warning}")
        self.bar.set_postfix_str(f"epoch {row['epoch']}, validation L1 {row['val_l1']:.4f}", refresh=False)
        if self.curves:
            try:
                self.curves.write(row, samples)
            except OSError as error:  # a disk that takes no curves is no reason to lose a training
                self.say(f"{self.curves.folder}: no more curves ({error.strerror or error}); training goes on")
                self.curves.close()
                self.curves = None


class Curves:
    """A file of losses and samples by epoch in `folder`, as TensorBoard reads them; nothing where it isn't installed.

    SummaryWriter writes such files in a thread, whose errors nobody can catch.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file: FileIO | None = None

    def write(self, row: Row, samples: Uint8) -> None:
        """Add the losses of an epoch, and its samples (H, W, 3).

        Raises:
            OSError: the disk does not take them.
        """
        try:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # noqa: PLC0415 (optional at run time)
            from tensorboard.summary.writer.record_writer import RecordWriter  # noqa: PLC0415
            from torch.utils.tensorboard import summary  # noqa: PLC0415
        except ImportError:
            return
        epoch, now = int(row["epoch"]), time.time()
        events = [Event(wall_time=now, step=epoch)]
        events[0].summary.MergeFrom(summary.image("samples", samples, dataformats="HWC"))
        for name, loss in row.items():
            if name.startswith(("train_", "val_")):
                events[0].summary.MergeFrom(summary.scalar(name.replace("_", "/", 1), loss))
        if self.file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file = FileIO(self.folder / f"events.out.tfevents.{int(now):010d}.{os.getpid()}", "w")
            # a resumed training's file replaces what a killed one wrote of this epoch or later ones
            start = Event(step=epoch, session_log=SessionLog(status=SessionLog.START))
            events = [Event(wall_time=now, file_version="brain.Event:2"), start, *events]
        for event in events:
            RecordWriter(self.file).write(event.SerializeToString())

    def close(self) -> None:
        if self.file:
            self.file.close()
