"""Laws of training: what is published, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock

from pix2pix.files.images import read_image
from pix2pix.learners.gan import Gan
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.weights import load_tensors
from pix2pix.pairs.palettes import palette
from pix2pix.pairs.stitched import split_sides
from stages.render import render
from stages.train import learning_rate_factor, train
from tests.support.kinds import experiment

# ---- what is published -----------------------------------------------------------------------------------------------


def test_weights_samples_and_history_are_published(trained: dict[str, str]) -> None:
    assert sorted(trained) == [
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
    for name, epoch in (("last", 3), ("kept/epoch_0002", 2)):
        tensors, said = load_tensors(Path(f"models/first/{name}.safetensors"))
        precision = use_hardware().precision
        assert said == experiment().metadata(precision=precision, epoch=epoch, step=4 * epoch).model_dump()
        assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert Path("logs/records/first.json").exists() and list(Path("logs/tensorboard/first").iterdir())


@pytest.mark.parametrize("kind", ["l1", "fcn_classes", "unet_classes", "fcn_image", "unet_image"])
def test_a_history_holds_the_losses_of_its_learner_and_it_learns(tiny_repo: Path, kind: str) -> None:
    train(experiment(kind))
    history, losses = pd.read_csv("models/first/history.csv"), ["l1", *(["ce"] if "classes" in kind else [])]
    assert list(history.columns)[3:] == [f"{split}_{loss}" for split in ("train", "val") for loss in losses]
    assert history[f"train_{losses[-1]}"].iloc[-1] < history[f"train_{losses[-1]}"].iloc[0]
    if "classes" in kind:
        render(experiment(kind))
        image = read_image(Path("results/tiny/first/images/val/1.png"))
        colours = {tuple(c) for c in palette("facades")}
        assert {tuple(c) for c in np.unique(image.reshape(-1, 3), axis=0)} <= colours


def test_the_baseline_is_the_mean_of_the_training_targets(tiny_repo: Path) -> None:
    train(experiment("mean"))
    tensors, said = load_tensors(Path("models/first/last.safetensors"))
    targets = [split_sides(read_image(path))[1] / 255 for path in sorted(Path("data/pairs/houses/train").iterdir())]
    mean = np.mean(targets, axis=0)  # of whole images: the margin of the crop is not cut off
    np.testing.assert_allclose(tensors["generator.image"][0].permute(1, 2, 0).numpy(), 2 * mean - 1, atol=1e-5)
    assert said["model"] == {"kind": "mean"}
    (row,) = pd.read_csv("models/first/history.csv").to_dict("records")
    assert (row["epoch"], row["images"]) == (1, 8)
    assert row["train_l1"] == pytest.approx(np.abs(targets - mean).mean(), abs=1e-5)


def test_learning_rates_fall_linearly_over_the_last_epochs() -> None:
    factors = [learning_rate_factor(epoch, epochs=6, decay_share=0.5) for epoch in range(6)]
    assert factors == pytest.approx([1, 1, 1, 3 / 4, 2 / 4, 1 / 4])
    assert [learning_rate_factor(epoch, epochs=6, decay_share=0.0) for epoch in range(6)] == [1] * 6


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_an_experiment_is_trained_by_one_process_at_a_time(tiny_repo: Path) -> None:
    Path("scratch/train").mkdir(parents=True)
    with FileLock("scratch/train/first.lock"), pytest.raises(ValueError, match="first is being trained by another"):
        train(experiment())


def test_too_little_memory_is_one_line_with_the_sizes_that_matter(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(Gan, "step", refused)
    sizes = "size 64, load_size 72, batch_size 2, generator_channels 4, discriminator_channels 4"
    with pytest.raises(ValueError, match=rf"^first \({sizes}\): not enough memory; make one of these smaller"):
        train(experiment())


def test_more_images_a_batch_than_there_are_is_refused_and_leaves_nothing(tiny_repo: Path) -> None:
    with pytest.raises(ValueError, match="8 training pairs, but batch_size is 9"):
        train(experiment(batch_size=9))
    assert not list(Path("scratch/train").glob("*/*"))


def test_a_state_of_another_learner_is_named(trained: dict[str, str]) -> None:
    (state,) = Path("scratch/train/first").glob("*/state.safetensors")
    shutil.copy("models/first/last.safetensors", state)
    with pytest.raises(ValueError, match=rf"^{state}: not a state of this run \(.*\); delete it to begin again$"):
        train(experiment())
