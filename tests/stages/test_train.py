"""Laws of training: killed equals straight, learning rates and decay, what is published, and what stops it."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock

from pix2pix.config.configuration import Configuration
from pix2pix.files.images import read_image, write_png
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.weights import load_tensors
from pix2pix.pairs.stitched import split_sides
from pix2pix.training import resume as runs
from pix2pix.training.gan import Gan
from stages.train import learning_rate_factor, train
from tests.support.repository import REPO
from tests.support.tiny import TINY, random_image

OFTEN = "from pix2pix.training import resume; resume.SAVE_SECONDS, resume.SAVE_SHARE = 0.2, 1.0"
COMMAND = [sys.executable, "-c", f"{OFTEN}; from stages.train import main; main()", "first"]


def changed(**recipe: Any) -> Configuration:
    recipes = {"quick": TINY["recipes"]["quick"] | recipe}
    return Configuration(TINY | {"recipes": recipes})


def published(folder: Path = Path("models/first")) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_everything_is_published_and_the_state_is_gone(tiny_repo: Path, configuration: Configuration) -> None:
    train(configuration.experiment("first"))
    assert sorted(published()) == [
        "history.csv",
        "kept/epoch_0002.safetensors",
        "kept/index.txt",
        "last.safetensors",
        "samples/epoch_0001.png",
        "samples/epoch_0002.png",
        "samples/epoch_0003.png",
    ]
    history = pd.read_csv("models/first/history.csv")
    losses = ["l1", "gan", "d"]
    assert list(history.columns) == ["epoch", "step", "images", *(f"{s}_{x}" for s in ("train", "val") for x in losses)]
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["step"].tolist() == [4, 8, 12]
    assert history["images"].tolist() == [8, 16, 24]
    assert history.notna().all(axis=None)
    last, about = load_tensors(Path("models/first/last.safetensors"))
    assert about["epoch"] == 3
    assert about["inference"] == {"dropout": True, "statistics": "image"}
    assert all(tensor.isfinite().all() for tensor in last.values())
    assert [path.suffix for path in Path("scratch/train").glob("*/*")] == [".finished"]
    assert Path("logs/records/first.json").exists()


def test_two_runs_are_equal_bit_for_bit_and_another_seed_is_not(tiny_repo: Path, configuration: Configuration) -> None:
    train(configuration.experiment("first"))
    first = published()
    shutil.rmtree("scratch")
    train(configuration.experiment("first"))
    assert published() == first
    other = {"first": TINY["experiments"]["first"] | {"seed": 1}, "first_mean": TINY["experiments"]["first_mean"]}
    train(Configuration(TINY | {"experiments": other}).experiment("first"))
    assert published()["last.safetensors"] != first["last.safetensors"]


def test_a_killed_run_equals_a_straight_run(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL between any two steps, in the middle of an epoch or at its end: the state is saved after every step."""
    configuration = changed(epochs=4)
    train(configuration.experiment("first"))
    straight = published()
    shutil.rmtree("scratch")
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(runs, "SAVE_SHARE", 1e9)
    step = Gan.step
    for last in (3, 4, 6, 9, 15):

        class KilledError(Exception):
            pass

        def killed(
            gan: Gan, *batch: torch.Tensor, last: int = last, error: type[Exception] = KilledError
        ) -> torch.Tensor:
            losses = step(gan, *batch)
            if int(gan.generator_adam.state[gan.generator_adam.param_groups[0]["params"][0]]["step"]) > last:
                raise error
            return losses

        monkeypatch.setattr(Gan, "step", killed)
        with pytest.raises(KilledError):
            train(configuration.experiment("first"))
    monkeypatch.setattr(Gan, "step", step)
    train(configuration.experiment("first"))
    assert published() == straight


def test_sigkill_at_random_moments_loses_nothing(tiny_repo: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    text = Path("params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(text.replace("epochs: 3", "epochs: 80"), encoding="utf-8")
    subprocess.run(COMMAND, check=True, env=environment, capture_output=True)
    straight = published()
    shutil.rmtree("scratch")
    chance = random.Random(0)
    for _ in range(3):
        start = time.time()
        process = subprocess.Popen(COMMAND, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not any(state.stat().st_mtime > start for state in Path("scratch/train/first").glob("*/state.*")):
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.8))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
    last = subprocess.run(COMMAND, check=True, env=environment, capture_output=True, text=True)
    assert "continuing first at step" in last.stdout
    assert published() == straight


def test_an_experiment_is_trained_by_one_process_at_a_time(tiny_repo: Path, configuration: Configuration) -> None:
    Path("scratch/train").mkdir(parents=True)
    with FileLock("scratch/train/first.lock"), pytest.raises(ValueError, match="first is being trained by another"):
        train(configuration.experiment("first"))


def test_a_changed_recipe_does_not_continue_the_old_run(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("stages.train.publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(changed(generator_lr=1e-3).experiment("first"))
    train(changed().experiment("first"))
    kept = published()
    shutil.rmtree("scratch")
    train(changed().experiment("first"))
    assert published() == kept


def test_changed_data_do_not_continue_the_old_run(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ids and raw digests, other pixels: as after a change of the edges' thresholds."""
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("stages.train.publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(changed().experiment("first"))
    write_png(Path("data/pairs/houses/train/1.png"), random_image(0, 64, 128))
    train(changed().experiment("first"))
    after = published()
    shutil.rmtree("scratch")
    train(changed().experiment("first"))
    assert published() == after


def test_more_images_a_batch_than_there_are_is_refused_and_leaves_nothing(tiny_repo: Path) -> None:
    with pytest.raises(ValueError, match="8 training pairs, but batch_size is 9"):
        train(changed(batch_size=9).experiment("first"))
    assert not list(Path("scratch/train").glob("*/*"))


def test_an_engine_that_lost_the_outputs_of_a_training_gets_them_back(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an orphan's, which no engine recorded: engines delete such outputs, then run the same command."""
    train(changed().experiment("first"))
    straight = published()
    shutil.rmtree("models/first")
    with monkeypatch.context() as patch:
        patch.setattr(Gan, "step", lambda *_: pytest.fail("trained again"))
        train(changed().experiment("first"))
    assert published() == straight
    train(changed(generator_lr=1e-3).experiment("first"))
    assert len(list(Path("scratch/train/first").iterdir())) == 1, "the finished one alone"


def test_what_is_kept_of_a_training_may_be_edited_or_half_deleted(tiny_repo: Path) -> None:
    train(changed().experiment("first"))
    straight = published()
    with Path("models/first/last.safetensors").open("r+b") as file:  # not what is kept
        file.write(bytes(100))
    train(changed().experiment("first"))
    assert published() == straight
    (finished,) = Path("scratch/train/first").iterdir()
    (finished / "last.safetensors").unlink()
    Path("scratch/train/first/.DS_Store").touch()
    shutil.rmtree("models/first")
    train(changed().experiment("first"))
    assert published() == straight


def test_another_machine_trains_anew(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(changed().experiment("first"))
    monkeypatch.setenv("PIX2PIX_PRECISION", {"bf16": "fp32", "fp32": "bf16"}[use_hardware().precision])
    with monkeypatch.context() as patch:
        patch.setattr(Gan, "step", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(changed().experiment("first"))


def test_a_loss_that_is_not_finite_stops_and_names_the_step(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, calls = Gan.step, []

    def poisoned(gan: Gan, *batch: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return step(gan, *batch) * (float("nan") if len(calls) == 6 else 1.0)

    monkeypatch.setattr(Gan, "step", poisoned)
    with pytest.raises(ValueError, match="not finite at step 6"):
        train(changed().experiment("first"))
    assert not Path("models/first").exists()


def test_learning_rates_are_two_and_fall_linearly() -> None:
    factors = [learning_rate_factor(epoch, epochs=6, decay_epochs=3) for epoch in range(6)]
    assert factors == pytest.approx([1, 1, 1, 3 / 4, 2 / 4, 1 / 4])
    assert [learning_rate_factor(epoch, epochs=6, decay_epochs=0) for epoch in range(6)] == [1] * 6


def test_l1_alone_trains_no_discriminator(tiny_repo: Path) -> None:
    train(changed(gan_weight=0.0).experiment("first"))
    history = pd.read_csv("models/first/history.csv")
    assert history[["train_gan", "train_d", "val_gan", "val_d"]].isna().all(axis=None)
    assert history["train_l1"].notna().all()


def test_the_baseline_is_the_mean_of_the_training_targets(tiny_repo: Path, configuration: Configuration) -> None:
    train(configuration.experiment("first_mean"))
    tensors, about = load_tensors(Path("models/first_mean/last.safetensors"))
    targets = [split_sides(read_image(path))[0] for path in sorted(Path("data/pairs/houses/train").iterdir())]
    wanted = np.mean(targets, axis=0) / 127.5 - 1  # of whole images: the jitter's margin is not cut off
    np.testing.assert_allclose(tensors["generator.image"][0].permute(1, 2, 0).numpy(), wanted, atol=1e-5)
    assert about["model"] == {"kind": "mean"}
    assert len(pd.read_csv("models/first_mean/history.csv")) == 1


def test_training_learns(tiny_repo: Path) -> None:
    plain = {"decay_share": 0.0, "load_size": 64, "mirror": False, "gan_weight": 0.0}
    train(changed(epochs=50, generator_lr=2e-3, **plain).experiment("first"))
    train(changed().experiment("first_mean"))
    learned, mean = (pd.read_csv(f"models/{name}/history.csv")["train_l1"] for name in ("first", "first_mean"))
    assert learned.iloc[-1] < 0.8 * mean.iloc[-1]
