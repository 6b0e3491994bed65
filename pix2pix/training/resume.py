"""A training that may be killed: what it consists of, where it stands, and its state on disk."""

import hashlib
import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import torch
from filelock import Timeout
from torch import Tensor

from pix2pix.batches.dataset import PairSet
from pix2pix.config.checks import check
from pix2pix.config.fields import Strict
from pix2pix.config.resolved import Experiment
from pix2pix.config.weights_metadata import Precision
from pix2pix.files.code_digest import code_digests
from pix2pix.files.lock import locked
from pix2pix.learners.learner import Learner, learner_tensors, restore_learner
from pix2pix.machine.background import Background
from pix2pix.machine.distributed import is_first, say
from pix2pix.machine.hardware import Hardware
from pix2pix.networks.weights import load_metadata, load_tensors, save_tensors

SAVE_SECONDS = 5.0  # shortest time between two saves
STATE = "state.safetensors"
SAVE_SHARE = 0.02  # largest share of the time that saving may take

Row = dict[str, int | float]  # of history.csv


class Saved(Strict):
    """What a saved state says beside its tensors."""

    step: int
    rows: list[Row]
    seconds: float
    code: list[str]  # digests of the code that took its steps, the latest last


def run_digest(experiment: Experiment, precision: Precision, *sets: PairSet) -> str:
    """Of all that determines a run, `<inputs>-<code>`: its configuration, the precision and its data; its code.

    Not its name, nor the number of processes and threads, which changes a result by rounding alone.
    """
    metadata = experiment.metadata(precision=precision, epoch=0, step=0)
    # an option that was added later has a neutral default in its type: left out, it changes no digest
    inputs = metadata.model_dump_json(exclude={"experiment"}, exclude_defaults=True)
    inputs += "".join(pairs.content for pairs in sets)
    return "-".join(hashlib.sha256(text.encode()).hexdigest()[:16] for text in (inputs, code_digests("stages.train")))


def ended_with_other_epochs(experiment: Experiment, folder: Path, precision: Precision, *sets: PairSet) -> int | None:
    """After how many epochs a training ended whose state lies beside `folder` and which differs in nothing else."""
    for state in sorted(folder.parent.glob(f"*/{STATE}"), key=_age):
        with suppress(ValueError):  # of a state that cannot be read, nothing is said
            epochs = len(check("metadata", Saved, load_metadata(state)).rows)
            as_then = experiment.recipe.model_copy(update={"epochs": epochs})
            digest = run_digest(replace(experiment, recipe=as_then), precision, *sets)
            same = state.parent.name.partition("-")[0] == digest.partition("-")[0]
            if same and epochs != experiment.recipe.epochs:
                return epochs
    return None


def adopt(folder: Path) -> None:
    """Move to `folder`, which is scratch/train/<experiment>/<digest>, a state of the same run under another name.

    Where PIX2PIX_CONTINUE is 1, failing that, the latest state of the same inputs by other code.
    """
    inputs, _, code = folder.name.partition("-")
    codes = [code, "*"] if os.environ.get("PIX2PIX_CONTINUE") == "1" else [code]
    if not is_first() or folder.exists():
        return
    for pattern in codes:
        for state in sorted(folder.parents[1].glob(f"*/{inputs}-{pattern}/{STATE}"), key=_age):
            found = state.parent
            with suppress(ValueError), nullcontext() if found.parent == folder.parent else one_at_a_time(found.parent):
                folder.parent.mkdir(exist_ok=True)
                found.rename(folder)
                say(f"{folder}: the state of {found}")
                return


def _age(path: Path) -> float:
    return -path.stat().st_mtime


class Run:
    """Where a training stands: steps done, rows of history.csv, and the losses of the epoch so far.

    `folder` holds its state and what its epochs have written, samples/ and kept/. `epoch_steps`: steps of an epoch.
    """

    def __init__(self, folder: Path, learner: Learner, *, epoch_steps: int, hardware: Hardware) -> None:
        self.folder, self.learner, self.epoch_steps, self.hardware = folder, learner, epoch_steps, hardware
        self.step = 0
        self.code = folder.name.partition("-")[2]  # its digest
        self.earlier_code: list[str] = []  # of the code that took the first steps, if it was another
        self.rows: list[Row] = []
        self.seconds = 0.0  # of training, up to the last save
        # float64 (losses + 1,): the epoch's summed losses, and the number of its steps before one was not finite
        self.sums = torch.zeros(len(learner.losses) + 1, dtype=torch.float64, device=hardware.device)
        self.background = Background(hardware.device)
        self._since, self._save_cost, self._writing = time.monotonic(), 0.0, False
        self._saved: int | None = None  # step of the state on disk
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def state(self) -> Path:
        return self.folder / STATE

    @property
    def epoch(self) -> int:
        """How many epochs are finished."""
        return len(self.rows)

    @property
    def epoch_step(self) -> int:
        """How many steps of the next epoch are done."""
        return self.step - self.epoch * self.epoch_steps

    def close_epoch(self, validation: list[float], *, images: int) -> None:
        """Add a row of the epoch that just ended, after `images` images; L1 in it is of images in [0, 1].

        Raises:
            ValueError: a loss or a weight is not finite; names the step.
        """
        row: Row = {"epoch": self.epoch + 1, "step": self.step, "images": images}
        training = self._mean_losses(self.sums, self.step, self.epoch_step)
        self._check_weights(learner_tensors(self.learner).values(), self.step)
        for split, losses in (("train", training), ("val", validation)):
            for name, loss in zip(self.learner.losses, losses, strict=True):
                if not math.isfinite(loss):
                    raise self._broken(f"{split}_{name} is not finite after step {self.step}")
                row[f"{split}_{name}"] = loss / 2 if name == "l1" else loss
        self.rows.append(row)
        self.sums.zero_()

    def due(self) -> bool:
        """Whether enough time has passed to save again.

        Raises:
            ValueError, OSError: as `save`, of one that a thread wrote.
        """
        self.background.check()
        waited = time.monotonic() - self._since
        return waited > max(SAVE_SECONDS, self._save_cost / SAVE_SHARE) and not self._writing

    def save(self) -> None:
        """Write the whole state, whole or not at all; on a GPU a thread does, of a copy. Only rank 0 does.

        Raises:
            ValueError: a loss or a weight is not finite; names the step.
            OSError: it could not be written; the one before is kept.
        """
        if not is_first():
            return
        self.seconds += time.monotonic() - self._since
        codes = [*self.earlier_code, self.code]
        saved = Saved(step=self.step, rows=list(self.rows), seconds=self.seconds, code=codes)
        tensors = {**learner_tensors(self.learner), "sums": self.sums}
        if self.background.threaded:
            tensors = {name: tensor.clone() for name, tensor in tensors.items()}
        self._writing = True
        self.background(lambda: self._write(tensors, saved))
        self._since = time.monotonic()

    def _write(self, tensors: dict[str, Tensor], saved: Saved) -> None:
        start = time.monotonic()
        self._mean_losses(tensors["sums"], saved.step, saved.step - len(saved.rows) * self.epoch_steps)
        self._check_weights(tensors.values(), saved.step)
        save_tensors(self.state, tensors, saved)
        self._saved, self._save_cost, self._writing = saved.step, time.monotonic() - start, False

    def resume(self) -> None:
        """Go on from the saved state where there is one.

        Raises:
            ValueError: what lies there is no state of this run; names it.
        """
        if not self.state.exists():
            return
        tensors, said = load_tensors(self.state)
        try:
            saved: Saved = check("metadata", Saved, said)
            restore_learner(self.learner, tensors)
            self.sums.copy_(tensors["sums"])
        except (KeyError, ValueError) as error:
            raise ValueError(f"{self.state}: not a state of this run ({error}); delete it to begin again") from None
        self.step, self.rows, self.seconds = saved.step, saved.rows, saved.seconds
        self.earlier_code = [code for code in saved.code if code != self.code]
        self._saved, self._since = self.step, time.monotonic()

    def forget_others(self) -> None:
        """Remove them: their states may be large."""
        for other in self.others():
            shutil.rmtree(other, ignore_errors=True)

    def others(self) -> list[Path]:
        """Folders that runs of other parameters, data, code or precision have left beside this one's."""
        beside = sorted(self.folder.parent.iterdir())
        return [path for path in beside if path != self.folder and path.is_dir() and not path.is_symlink()]

    def _mean_losses(self, sums: Tensor, step: int, steps: int) -> list[float]:
        """Of the epoch's first `steps` steps, up to `step`; waits for the device."""
        *losses, finite = sums.tolist()
        if finite < steps:
            raise self._broken(f"the loss is not finite at step {step - steps + int(finite) + 1}")
        return [value / max(steps, 1) for value in losses]

    def _check_weights(self, tensors: Iterable[Tensor], step: int) -> None:
        """See that the last update left finite weights and moments: its losses are those before it."""
        if not torch.stack([tensor.isfinite().all().to(self.hardware.device) for tensor in tensors]).all():
            raise self._broken(f"the weights are not finite after step {step}")

    def _broken(self, what: str) -> ValueError:
        kept = "nothing was saved before"
        if self._saved is not None:
            kept = f"the last good state, of step {self._saved}, is kept: {self.state}"
        return ValueError(
            f"{what}; {kept}. "
            "The same recipe would end there again: lower its learning rates, or PIX2PIX_PRECISION=fp32"
        )


@contextmanager
def ended_between_steps() -> Iterator[Callable[[], bool]]:
    """Ctrl-C (SIGINT) only asks for the end, and a second one ends at once; yields whether one has come."""
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold the lock beside `folder`, so that an orphan and a restart never train together.

    Raises:
        ValueError: another process holds it.
    """
    lock = folder.with_suffix(".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(lock) if is_first() else nullcontext():
            yield
    except Timeout:
        raise ValueError(
            f"{folder.name} is being trained by another process (it holds {lock}); "
            "wait for it, or stop it and run this command again"
        ) from None
