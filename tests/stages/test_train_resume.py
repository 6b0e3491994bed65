"""Laws of an interrupted training: killed equals straight, what is continued, and what determines a run."""

import hashlib
import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML

from pix2pix.batches.dataset import load_splits
from pix2pix.config.configuration import Configuration
from pix2pix.files.images import write_png
from pix2pix.learners.gan import Gan
from pix2pix.learners.supervised import Supervised
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.weights import load_tensors
from pix2pix.training import resume as runs
from pix2pix.training.resume import run_digest
from stages.train import train
from tests.support.kinds import configuration, experiment, published
from tests.support.tiny import random_image

OTHER = {"bf16": "fp32", "fp32": "bf16"}


@pytest.fixture
def saving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is saved after every step."""
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(runs, "SAVE_SHARE", 1e9)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step is taken."""
    monkeypatch.setattr(Gan, "step", lambda *_: pytest.fail("trained again"))


# ---- killed equals straight ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("saving")
@pytest.mark.parametrize(("kind", "learner"), [("gan", Gan), ("unet_classes", Supervised), ("fcn_image", Supervised)])
def test_a_killed_run_equals_a_straight_run(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch, kind: str, learner: type[Gan] | type[Supervised]
) -> None:
    """Killed within an epoch and at its end (SIGKILL of a process: tests/fault_tolerance/test_kills.py)."""
    train(experiment(kind))
    straight, step, taken = published(), learner.step, 0
    shutil.rmtree("scratch")

    class KilledError(Exception):
        pass

    def killed(self: Any, *batch: torch.Tensor) -> torch.Tensor:
        nonlocal taken
        taken += 1
        if taken in (3, 6, 7, 13):  # at steps 3, 5, 5 and 10
            raise KilledError
        return step(self, *batch)

    monkeypatch.setattr(learner, "step", killed)
    for _ in range(4):
        with pytest.raises(KilledError):
            train(experiment(kind))
    train(experiment(kind))
    assert taken == 12 + 4, "steps were taken twice, or a killed run did not continue"
    assert published() == straight


def test_interrupted_it_ends_after_the_step_and_saves_it(
    trained: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By Ctrl-C, or a limit of time (tools/run_studies.py); a second one ends it at once."""
    shutil.rmtree("scratch")
    step, taken = Gan.step, 0

    def interrupted(self: Gan, *batch: torch.Tensor) -> torch.Tensor:
        nonlocal taken
        taken += 1
        if taken == 5:
            signal.raise_signal(signal.SIGINT)
        return step(self, *batch)

    monkeypatch.setattr(Gan, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(experiment())
    train(experiment())
    assert taken == 12 and "continuing first at step 5" in capsys.readouterr().out
    assert published() == trained
    with pytest.raises(KeyboardInterrupt), runs.ended_between_steps() as asked_to_end:
        signal.raise_signal(signal.SIGINT)
        assert asked_to_end()
        signal.raise_signal(signal.SIGINT)


def test_another_seed_is_another_training(trained: dict[str, str]) -> None:
    train(experiment(seed=1))
    assert published()["last.safetensors"] != trained["last.safetensors"]


@pytest.mark.usefixtures("saving")
@pytest.mark.parametrize("change", ["recipe", "data", "precision"])
def test_what_has_changed_is_not_continued(
    trained: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    """Data: the same ids, other pixels, as after a change of the edges' thresholds."""
    pair = Path("data/pairs/houses/train/1.png")
    shutil.rmtree("scratch")
    shutil.copy(pair, "kept.png")
    if change == "data":
        write_png(pair, random_image(0, 64, 128))
    precision = use_hardware().precision
    monkeypatch.setenv("PIX2PIX_PRECISION", OTHER[precision] if change == "precision" else precision)
    with monkeypatch.context() as patch:
        patch.setattr(Gan, "validate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(experiment(generator_lr=1e-3) if change == "recipe" else experiment())
    monkeypatch.setenv("PIX2PIX_PRECISION", precision)
    shutil.copy("kept.png", pair)
    train(experiment())
    assert "a run of other parameters, data, code or precision; not continued" in capsys.readouterr().out
    assert published() == trained
    assert len(list(Path("scratch/train/first").iterdir())) == 1, "other states are removed in the end"


@pytest.mark.parametrize("epochs", [2, 4])
def test_other_epochs_of_an_ended_training_are_told_before_anything_is_done(
    trained: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], epochs: int
) -> None:
    """The old state and weights stay until there are new ones; what is said to go on from them is configuration."""
    (state,) = Path("scratch/train/first").glob("*/state.safetensors")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Gan, "step", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        train(experiment(epochs=epochs))
    seen = capsys.readouterr().out
    assert f"first was trained to its end with 3 epochs, the recipe says {epochs}: all {epochs}" in seen
    assert hashlib.md5(Path("models/first/last.safetensors").read_bytes()).hexdigest() in seen
    assert state.exists() and published() == trained
    refined = YAML(typ="safe").load("refined:" + seen.partition("refined:")[2].partition("}}")[0] + "}}")["refined"]
    whole = configuration()
    rows = whole["experiments"] | refined
    more = Configuration(whole | {"experiments": rows, "refined": refined}).experiment("first_more")
    assert (more.init, more.recipe.epochs) == ("first", max(epochs - 3, 1))


@pytest.mark.usefixtures("trained")
def test_an_ended_training_of_other_code_is_not_said_to_have_other_epochs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runs, "code_digests", lambda _: "other")
    monkeypatch.setattr(Gan, "step", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(experiment())
    said = capsys.readouterr().out
    assert "only the code is another" in said and "trained to its end" not in said


@pytest.mark.usefixtures("saving")
@pytest.mark.parametrize(
    ("name", "code", "asked", "goes_on"),
    [("ours", None, False, True), ("first", "other", False, False), ("first", "other", True, True)],
)
def test_a_stopped_training_goes_on_under_another_name_and_where_asked_by_other_code(
    trained: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    code: str | None,
    asked: bool,
    goes_on: bool,
) -> None:
    """Its record is of these weights, and has the digests of all code that took its steps."""
    straight = load_tensors(Path("models/first/last.safetensors"))[0]
    shutil.rmtree("scratch")
    with monkeypatch.context() as patch:
        patch.setattr(Gan, "validate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(experiment())
    (before,) = (path.name.partition("-")[2] for path in Path("scratch/train/first").iterdir())
    if code:
        monkeypatch.setattr(runs, "code_digests", lambda _: code)
    if asked:
        monkeypatch.setenv("PIX2PIX_CONTINUE", "1")
    train(replace(experiment(), name=name))
    said = capsys.readouterr().out
    assert (f"continuing {name} at step 3" in said) == goes_on
    assert ("only the code is another: PIX2PIX_CONTINUE=1 goes on from there" in said) != goes_on
    weights = Path("models", name, "last.safetensors")
    assert all(torch.equal(tensor, straight[key]) for key, tensor in load_tensors(weights)[0].items())
    record = json.loads(Path(f"logs/records/{name}.json").read_text(encoding="utf-8"))
    assert record["weights"] == hashlib.md5(weights.read_bytes()).hexdigest()
    own = hashlib.sha256(code.encode()).hexdigest()[:16] if code else before
    assert record["code"] == ([before, own] if asked else [own])


@pytest.mark.usefixtures("untrained")
def test_a_finished_training_is_published_again_not_trained_again(trained: dict[str, str]) -> None:
    """Engines delete outputs that nobody recorded, then run the same command; a person may have edited them."""
    with Path("models/first/last.safetensors").open("r+b") as file:
        file.write(bytes(100))
    train(experiment())
    assert published() == trained
    shutil.rmtree("models")
    Path("scratch/train/first/.DS_Store").touch()
    train(experiment())
    assert published() == trained


@pytest.mark.usefixtures("untrained")
def test_what_is_gone_of_a_finished_training_is_named(trained: dict[str, str]) -> None:
    (sample,) = Path("scratch/train/first").glob("*/samples/epoch_0002.png")
    sample.unlink()
    with pytest.raises(FileNotFoundError) as error:
        train(experiment())
    assert error.value.filename == str(sample)


# ---- what determines a run -------------------------------------------------------------------------------------------


def test_a_run_is_its_parameters_precision_data_and_code(
    trained: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(seed: int = 0, **recipe: Any) -> str:
        chosen, hardware = experiment(seed=seed, **recipe), use_hardware()
        return run_digest(chosen, hardware.precision, *load_splits(chosen, chosen.recipe, hardware))

    digests = [digest(), digest(seed=1), digest(generator_lr=1e-3)]
    with monkeypatch.context() as patch:
        patch.setenv("PIX2PIX_PRECISION", OTHER[use_hardware().precision])
        digests.append(digest())
    monkeypatch.setenv("PIX2PIX_THREADS", "1")
    assert digest() == digests[0], "rounding alone"
    assert [path.name for path in Path("scratch/train/first").iterdir()] == [digests[0]]
    write_png(Path("data/pairs/houses/val/1.png"), random_image(0, 64, 128))
    digests.append(digest())
    monkeypatch.setattr(runs, "code_digests", lambda module: f"another {module}")
    digests.append(digest())
    assert len(set(digests)) == 6
