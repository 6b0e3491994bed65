"""Laws of training without a discriminator, through the same loop: what is published, killed equals straight."""

import copy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from pix2pix.config.configuration import Configuration
from pix2pix.files.images import read_image
from pix2pix.pairs.palettes import palette
from pix2pix.training import resume as runs
from pix2pix.training.supervised import Supervised
from stages.render import render
from stages.train import train
from tests.stages.test_train import published
from tests.support.tiny import TINY

MODELS: dict[str, dict[str, Any]] = {
    "fcn": {"kind": "fcn", "channels": 4, "convolutions": 1, "stride": 8, "upsampling": "single"},
    "unet": {"kind": "unet", "channels": 4},
}
KINDS = [("fcn", "facades"), ("unet", "facades"), ("fcn", None), ("unet", None)]


def alone(network: str, classes: str | None) -> Configuration:
    whole = copy.deepcopy(TINY)
    whole["models"]["tiny"] = MODELS[network] | {"classes": classes}
    whole["recipes"]["quick"] |= {"gan_weight": 0.0, "l1_weight": 1.0, "generator_lr": 2e-3}
    for experiment in whole["experiments"].values():
        experiment["direction"] = "AtoB"
    return Configuration(whole)


@pytest.mark.parametrize(("network", "classes"), KINDS)
def test_its_losses_are_published_and_it_learns(tiny_repo: Path, network: str, classes: str | None) -> None:
    train(alone(network, classes).experiment("first"))
    history = pd.read_csv("models/first/history.csv")
    assert list(history.columns) == ["epoch", "step", "images", "train_l1", "train_ce", "val_l1", "val_ce"]
    loss = history["train_ce" if classes else "train_l1"]
    assert loss.iloc[-1] < loss.iloc[0]
    assert history[["train_ce", "val_ce"]].notna().all(axis=None) == (classes is not None)


@pytest.mark.parametrize("network", ["fcn", "unet"])
def test_a_network_of_classes_answers_in_the_palette(tiny_repo: Path, network: str) -> None:
    configuration = alone(network, "facades")
    train(configuration.experiment("first"))
    render(configuration.experiment("first"))
    image = read_image(Path("results/tiny/first/images/val/1.png"))
    assert {tuple(c) for c in np.unique(image.reshape(-1, 3), axis=0)} <= {tuple(c) for c in palette("facades")}


@pytest.mark.parametrize(("network", "classes"), KINDS[1:3])
def test_a_killed_run_equals_a_straight_run(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch, network: str, classes: str | None
) -> None:
    configuration = alone(network, classes)
    train(configuration.experiment("first"))
    straight = published()
    shutil.rmtree("scratch")
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(runs, "SAVE_SHARE", 1e9)
    step, taken = Supervised.step, 0

    class KilledError(Exception):
        pass

    def killed(learner: Supervised, *batch: torch.Tensor) -> torch.Tensor:
        nonlocal taken
        taken += 1
        if taken in (3, 5, 10):
            raise KilledError
        return step(learner, *batch)

    monkeypatch.setattr(Supervised, "step", killed)
    for _ in range(3):
        with pytest.raises(KilledError):
            train(configuration.experiment("first"))
    train(configuration.experiment("first"))
    assert taken == 12 + 3, "steps were taken twice, or a killed run did not continue"
    assert published() == straight
