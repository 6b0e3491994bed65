"""The resumable state of one training run, in a scratch folder of its own (law 1)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from pix2pix.config.checks import check
from pix2pix.config.fields import Strict
from pix2pix.networks.weights import load_tensors, save_tensors
from pix2pix.training.gan import Gan
from pix2pix.training.supervised import Supervised

SAVE_SECONDS = 5.0  # shortest time between two saves
SAVE_SHARE = 0.02  # largest share of the time that saving may take

Row = dict[str, int | float | None]


class Saved(Strict):
    """What a saved state says beside its tensors."""

    step: int
    rows: list[Row]
    seconds: float


@dataclass
class Run:
    """Where a run stands. `sums` float64 (losses + 1,): an epoch's summed losses, steps before a non-finite one."""

    folder: Path
    device: torch.device
    losses: int
    step: int = 0
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    sums: Tensor = field(init=False)
    _since: float = field(init=False)
    _save_cost: float = 0.0
    _saved: int | None = None  # step of the state on disk

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.reset_sums()
        self._since = time.monotonic()

    @property
    def state(self) -> Path:
        return self.folder / "state.safetensors"

    def reset_sums(self) -> None:
        self.sums = torch.zeros(self.losses + 1, dtype=torch.float64, device=self.device)

    def add(self, losses: Tensor) -> None:
        """Count one step and its losses (losses,), without waiting for the device."""
        sums = self.sums[:-1] + losses
        self.sums = torch.cat([sums, (self.sums[-1:] + sums.isfinite().all())])
        self.step += 1

    def mean_losses(self, steps: int) -> list[float]:
        """Mean losses of the epoch's `steps` steps so far; waits for the device.

        Raises:
            ValueError: a loss was not finite; names the step.
        """
        *sums, finite = self.sums.tolist()
        if finite < steps:
            raise self.broken(f"the loss is not finite at step {self.step - steps + int(finite) + 1}")
        return [value / steps for value in sums]

    def check_weights(self, learner: Gan | Supervised) -> None:
        """See that the last update left finite weights and moments: its losses are those before it.

        Raises:
            ValueError: it did not; names the step.
        """
        if not torch.stack([tensor.isfinite().all().to(self.device) for tensor in learner.tensors().values()]).all():
            raise self.broken(f"the weights are not finite after step {self.step}")

    def broken(self, what: str) -> ValueError:
        """The error that says `what` broke the run, and what is kept."""
        kept = "nothing was saved before"
        if self._saved is not None:
            kept = f"the last good state, of step {self._saved}, is kept: {self.state}"
        return ValueError(
            f"{what}; {kept}. "
            "The same recipe would end there again: lower its learning rates, or PIX2PIX_PRECISION=fp32"
        )

    def due(self) -> bool:
        """Whether enough time has passed to save again."""
        return time.monotonic() - self._since > max(SAVE_SECONDS, self._save_cost / SAVE_SHARE)

    def save(self, learner: Gan | Supervised) -> None:
        """Write the whole state, whole or not at all.

        Raises:
            ValueError: its weights are not finite.
            OSError: it could not be written; the one before is kept.
        """
        start = time.monotonic()
        self.check_weights(learner)
        self.seconds += start - self._since
        saved = Saved(step=self.step, rows=self.rows, seconds=self.seconds)
        save_tensors(self.state, {**learner.tensors(), "sums": self.sums}, saved)
        self._saved, self._since = self.step, time.monotonic()
        self._save_cost = self._since - start

    def resume(self, learner: Gan | Supervised) -> bool:
        """Continue from the saved state where there is one.

        Raises:
            ValueError: what lies there is no state of this run; names it.
        """
        if not self.state.exists():
            return False
        try:
            tensors, said = load_tensors(self.state)
            saved: Saved = check(f"{self.state}: metadata", Saved, said)
            learner.restore(tensors)
            self.sums = tensors["sums"].to(self.device)
            self.step, self.rows, self.seconds = saved.step, saved.rows, saved.seconds
        except (KeyError, ValueError) as error:
            raise ValueError(f"{self.state}: not a state of this run ({error}); delete it to begin again") from None
        self._saved, self._since = self.step, time.monotonic()
        return True


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the lock beside `folder`, so that an orphan and a restart never train together.

    Raises:
        ValueError: another process holds it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.with_suffix(".lock"), timeout=0):
            yield
    except Timeout:
        raise ValueError(
            f"{folder.name} is being trained by another process (it holds {folder.with_suffix('.lock')}); "
            "wait for it, or stop it and run this command again"
        ) from None
