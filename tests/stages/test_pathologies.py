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

from pix2pix.config.configuration import Configuration
from pix2pix.files.entry_point import run
from pix2pix.networks.weights import load_tensors
from pix2pix.training import resume as runs
from pix2pix.training.gan import Gan
from pix2pix.training.pathologies import GREY, LOST, PATIENCE, TIED, WON, pathology
from pix2pix.training.resume import Row
from pix2pix.training.supervised import Supervised
from stages.train import main, train
from tests.stages.test_train import published
from tests.support.repository import REPO
from tests.support.tiny import TINY, write_configuration

HEALTHY = sorted(REPO.glob("models/*/history.csv"))
PIX2PIX = TINY["models"]["tiny"]
UNET = {"kind": "unet", "channels": 4, "classes": "facades"}


def tiny(model: dict[str, Any] = PIX2PIX, **recipe: Any) -> dict[str, Any]:
    if model["kind"] != "pix2pix":
        recipe |= {"gan_weight": 0.0, "l1_weight": 1.0}
    return TINY | {
        "models": TINY["models"] | {"tiny": model},
        "recipes": {"quick": TINY["recipes"]["quick"] | recipe},
        "experiments": {"first": TINY["experiments"]["first"] | {"direction": "AtoB"}},
        "studies": {"tiny": {"title": "Tiny", "baselines": []}},
    }


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
                for key, tensor in self.tensors().items():
                    if key.startswith(name) and tensor.is_floating_point():
                        tensor.view(-1)[0].mul_(value) if tensor.is_contiguous() else tensor.mul_(value)
        return losses

    monkeypatch.setattr(runs.Run, "resume", resume)
    monkeypatch.setattr(learner, "step", poisoned)


@pytest.mark.parametrize(
    ("learner", "model", "step"),  # within an epoch; the last step of one; the last of all
    [(Gan, PIX2PIX, 3), (Gan, PIX2PIX, 8), (Gan, PIX2PIX, 12), (Supervised, UNET, 12)],
)
def test_the_last_good_state_is_from_before_the_weights_broke(
    learner: type[Gan] | type[Supervised],
    model: dict[str, Any],
    step: int,
    tiny_repo: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The losses of the step that breaks them are still finite: they are of the weights before."""
    configuration = Configuration(tiny(model, keep_every=1))
    train(configuration.experiment("first"))
    straight = published()
    shutil.rmtree("scratch")
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(runs, "SAVE_SHARE", 1e9)
    with monkeypatch.context() as patch:
        broken_after(step, learner, "generator.", math.nan, patch)
        kept = f"the last good state, of step {step - 1}, is kept"
        with pytest.raises(ValueError, match=f"the weights are not finite after step {step}; {kept}"):
            train(configuration.experiment("first"))
    assert published() == straight
    files = sorted(Path("scratch/train/first").rglob("*.safetensors"))
    assert files
    for file in files:
        tensors, about = load_tensors(file)
        assert about["step"] < step
        assert all(tensor.isfinite().all() for tensor in tensors.values()), file
    train(configuration.experiment("first"))
    assert published() == straight


@pytest.mark.parametrize("moments", ["generator_adam.", "discriminator_adam."])
def test_moments_that_overflowed_stop_it_too(moments: str, tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An infinite second moment would leave its weight as it is for ever."""
    broken_after(4, Gan, moments, math.inf, monkeypatch)
    with pytest.raises(ValueError, match=r"the weights are not finite after step 4"):
        train(Configuration(tiny()).experiment("first"))


def test_a_validation_loss_that_is_not_finite_stops_it(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_after(4, Gan, "discriminator.", 1e30, monkeypatch)
    with pytest.raises(ValueError, match=r"val_(gan|d) is not finite after step 4; nothing was saved before"):
        train(Configuration(tiny()).experiment("first"))
    assert not Path("models/first").exists()


@pytest.mark.parametrize("batch_size", [8, 2])  # broken by the last step, whose loss is finite; by the first of many
def test_weights_that_break_end_the_command_with_one_line(
    batch_size: int, tiny_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weight of the loss beyond float32, in params.yaml."""
    configuration = tiny(l1_weight=1e39, epochs=1, decay_share=0.0, batch_size=batch_size)
    write_configuration(configuration)
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
def test_absurd_losses_are_said_and_those_beside_them_not(losses: dict[str, float], epochs: int, says: str) -> None:
    assert says in str(pathology(rows(epochs, **losses)))
    assert pathology(rows(epochs - 1, **losses)) is None
    assert pathology([*rows(epochs, **losses), *rows(1)]) is None
    assert pathology([*rows(1), *rows(epochs - 1, **losses)]) is None


def test_losses_at_the_brink_are_not_said() -> None:
    for losses in (
        {"train_gan": LOST, "train_l1": GREY},
        {"train_d": WON},
        {"train_d": math.log(2), "train_gan": math.log(2) + 1.1 * TIED},
        {"train_d": math.log(2) - 1.1 * TIED, "train_gan": math.log(2)},
    ):
        assert pathology(rows(9, **losses)) is None, losses


@pytest.mark.parametrize("history", HEALTHY, ids=[path.parent.name for path in HEALTHY])
def test_no_training_of_the_readme_is_warned_of(history: Path) -> None:
    epochs: list[Any] = pd.read_csv(history).dropna(axis=1).to_dict("records")
    assert epochs
    assert [pathology(epochs[: n + 1]) for n in range(len(epochs))] == [None] * len(epochs)


def test_an_exploding_training_is_told_of_once_and_ends(tiny_repo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(Configuration(tiny(discriminator_lr=1.0)).experiment("first"))
    said = capfd.readouterr().err
    assert said.count("warning: epoch 1, step 4: the losses explode; lower the learning rates") == 1
    assert said.count("warning:") == 1
    assert Path("models/first/last.safetensors").exists()
