"""Laws of trainings that go wrong: what is not finite stops them and is never saved; what is absurd is said, once."""

import math
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

from pix2pix.files.entry_point import run
from pix2pix.learners.gan import Gan
from pix2pix.learners.learner import learner_tensors
from pix2pix.learners.supervised import Supervised
from pix2pix.networks.weights import load_tensors
from pix2pix.training import resume as runs
from pix2pix.training.pathologies import GREY, LOST, PATIENCE, TIED, WON, new_pathology, pathology
from pix2pix.training.resume import Row
from stages.train import main, train
from tests.support.kinds import configuration, experiment, published
from tests.support.repository import REPO
from tests.support.tiny import write_configuration

HEALTHY = sorted(REPO.glob("models/*/history.csv"))


def broken_after(
    step: int, learner: type[Gan] | type[Supervised], name: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the update of `step`, whose losses are finite, one element of each tensor `name...` times `value`."""
    true_step, true_resume = learner.step, runs.Run.resume
    steps = [0]

    def resume(state: runs.Run) -> None:
        true_resume(state)
        steps[0] = state.step

    def poisoned(self: Any, *batch: Tensor) -> Tensor:
        losses: Tensor = true_step(self, *batch)
        steps[0] += 1
        if steps[0] == step:
            with torch.no_grad():
                for key, tensor in learner_tensors(self).items():
                    if key.startswith(name) and tensor.is_floating_point():
                        tensor.view(-1)[0].mul_(value) if tensor.is_contiguous() else tensor.mul_(value)
            for trained in self.in_training.values():
                trained.weights_changed()
        return losses

    monkeypatch.setattr(runs.Run, "resume", resume)
    monkeypatch.setattr(learner, "step", poisoned)


def test_a_loss_that_is_not_finite_stops_it_and_names_the_step(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, calls = Gan.step, []

    def poisoned(gan: Gan, *batch: Tensor) -> Tensor:
        calls.append(1)
        return step(gan, *batch) * (float("nan") if len(calls) == 6 else 1.0)

    monkeypatch.setattr(Gan, "step", poisoned)
    with pytest.raises(ValueError, match="not finite at step 6"):
        train(experiment())
    assert not Path("models/first").exists()


@pytest.mark.parametrize(
    ("kind", "learner", "step"),  # within an epoch; the last step of one; the last of all
    [("gan", Gan, 3), ("gan", Gan, 8), ("unet_classes", Supervised, 12)],
)
def test_the_last_good_state_is_from_before_the_weights_broke(
    kind: str,
    learner: type[Gan] | type[Supervised],
    step: int,
    tiny_repo: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The losses of the step that breaks them are still finite: they are of the weights before."""
    chosen = experiment(kind, keep_every=1)
    train(chosen)
    straight = published()
    shutil.rmtree("scratch")
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(runs, "SAVE_SHARE", 1e9)
    with monkeypatch.context() as patch:
        broken_after(step, learner, "generator.", math.nan, patch)
        kept = f"the last good state, of step {step - 1}, is kept"
        with pytest.raises(ValueError, match=f"the weights are not finite after step {step}; {kept}"):
            train(chosen)
    assert published() == straight
    files = sorted(Path("scratch/train/first").rglob("*.safetensors"))
    assert files
    for file in files:
        tensors, said = load_tensors(file)
        assert said["step"] < step
        assert all(tensor.isfinite().all() for tensor in tensors.values()), file
    train(chosen)
    assert published() == straight


@pytest.mark.parametrize(
    ("tensors", "value", "says"),
    [  # an infinite second moment would leave its weight as it is for ever
        ("generator_adam.", math.inf, "the weights are not finite after step 4"),
        ("discriminator_adam.", math.inf, "the weights are not finite after step 4"),
        ("discriminator.", 1e30, r"val_(gan|d) is not finite after step 4; nothing was saved before"),
    ],
)
def test_moments_and_validation_losses_that_are_not_finite_stop_it_too(
    tensors: str, value: float, says: str, tiny_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_after(4, Gan, tensors, value, monkeypatch)
    with pytest.raises(ValueError, match=says):
        train(experiment())
    assert not Path("models/first").exists()


@pytest.mark.parametrize("batch_size", [8, 2])  # broken by the last step, whose loss is finite; by the first of many
def test_weights_that_break_end_the_command_with_one_line(
    batch_size: int, tiny_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weight of the loss beyond float32, in params.yaml."""
    write_configuration(configuration(l1_weight=1e39, epochs=1, decay_share=0.0, batch_size=batch_size))
    monkeypatch.setattr(sys, "argv", ["train", "first"])
    with pytest.raises(SystemExit) as ended:
        run(main)
    what = "the weights are not finite after step 1" if batch_size == 8 else "the loss is not finite at step 2"
    assert str(ended.value.code).startswith(f"error: {what}; nothing was saved before. The same recipe would end there")
    assert not Path("models/first").exists()


def rows(epochs: int, **losses: float) -> list[Row]:
    healthy = {"train_l1": 0.2, "train_gan": 1.5, "train_d": 0.4, "val_l1": 0.2}
    return [{"epoch": epoch, "step": 10 * epoch, **healthy, **losses} for epoch in range(1, epochs + 1)]


@pytest.mark.parametrize(
    ("losses", "epochs", "says"),
    [
        ({"train_gan": LOST + 0.1}, 1, "explode"),
        ({"train_d": LOST + 0.1}, 1, "explode"),
        ({"train_ce": LOST + 0.1}, 1, "explode"),
        ({"train_l1": GREY + 0.01}, 1, "grey"),
        ({"train_d": WON / 2, "train_gan": 5.0}, PATIENCE, "has won"),
        ({"train_d": math.log(2) + TIED / 2, "train_gan": math.log(2) - TIED / 2}, PATIENCE, "guessing"),
    ],
)
def test_absurd_losses_are_said_once_and_those_beside_them_not(
    losses: dict[str, float], epochs: int, says: str
) -> None:
    assert says in str(new_pathology(rows(epochs, **losses)))
    assert new_pathology(rows(epochs + 1, **losses)) is None
    assert pathology(rows(epochs - 1, **losses)) is None
    assert pathology([*rows(epochs, **losses), *rows(1)]) is None
    assert pathology([*rows(1), *rows(epochs - 1, **losses)]) is None


@pytest.mark.parametrize(
    "losses",
    [
        {"train_gan": LOST, "train_l1": GREY},
        {"train_d": WON},
        {"train_d": math.log(2), "train_gan": math.log(2) + 1.1 * TIED},
        {"train_d": math.log(2) - 1.1 * TIED, "train_gan": math.log(2)},
    ],
)
def test_losses_at_the_brink_are_not_said(losses: dict[str, float]) -> None:
    assert pathology(rows(9, **losses)) is None


@pytest.mark.parametrize("history", HEALTHY, ids=[path.parent.name for path in HEALTHY])
def test_no_training_whose_results_are_in_git_is_warned_of(history: Path) -> None:
    epochs: list[Any] = pd.read_csv(history).dropna(axis=1).to_dict("records")
    assert epochs
    warned = any(pathology(epochs[: n + 1]) for n in range(len(epochs)))
    assert warned == (history.parent.name == "ingredients_lsgan")  # its discriminator does win


def test_an_exploding_training_is_told_of_once_and_ends(tiny_repo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(experiment(discriminator_lr=1.0))
    said = capfd.readouterr().err
    assert said.count("warning: epoch 1, step 4: the losses explode; lower the learning rates") == 1
    assert said.count("warning:") == 1
    assert Path("models/first/last.safetensors").exists()
