"""Laws of trainings that begin from other weights."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from pix2pix.config.configuration import Configuration
from pix2pix.config.study_entries import WeightsFile
from pix2pix.config.weights_metadata import WeightsMetadata
from pix2pix.evaluation.result_files import Card
from pix2pix.files.json_csv import read_json
from pix2pix.learners.gan import Gan
from pix2pix.learners.learner import learner_tensors
from pix2pix.networks.weights import load_tensors
from pix2pix.training import resume as runs
from pix2pix.training.initial import begin_from
from stages.evaluate import evaluate
from stages.render import render
from stages.report import report
from stages.train import train
from tests.support.kinds import configuration, experiment, learner, refined
from tests.support.tiny import working_folder

LAST = "models/{}/last.safetensors"


@pytest.fixture(scope="module")
def ancestor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `first` was trained and rendered."""
    folder = tmp_path_factory.mktemp("ancestor")
    with working_folder(folder):
        train(experiment(keep_discriminator=True))
        render(experiment(keep_discriminator=True))
        evaluate(experiment(keep_discriminator=True))
    return folder


@pytest.fixture(autouse=True)
def here(ancestor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ancestor, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.mark.parametrize("by", ["name", "file"])
def test_after_no_epoch_it_answers_as_its_ancestor(by: str, capsys: pytest.CaptureFixture[str]) -> None:
    """To the bit; and evaluate and report have what they need, the lineage included."""
    file = WeightsFile(file=LAST.format("first"), sha256=sha256(LAST.format("first")))
    second = refined("second", "first" if by == "name" else file, epochs=0)
    train(second)
    assert "second begins from first (epoch 3)\n" in capsys.readouterr().out
    render(second)
    images = [sorted(Path("results/tiny", name, "images").rglob("*.png")) for name in ("first", "second")]
    assert [path.read_bytes() for path in images[0]] == [path.read_bytes() for path in images[1]] != []
    evaluate(second)
    card = read_json(Path("results/tiny/second/card.json"), Card)
    lineage = [{"experiment": "first", "epoch": 3, "sha256": sha256(LAST.format("first"))}]
    assert [one.model_dump() for one in card.lineage] == lineage and card.epoch == 0
    assert json.loads(Path("logs/records/second.json").read_text())["begun_from"] == "first (epoch 3)"
    whole = configuration(epochs=0)
    rows = {"first": whole["experiments"]["first"] | {"set": {"keep_discriminator": True}}}
    rows |= {"second": whole["experiments"]["first"] | {"init": "first"}}
    report(Configuration(whole | {"experiments": rows, "refined": rows}).study("tiny"))
    for suffix in (".md", ".html"):
        assert "first (epoch 3)" in Path(f"results/tiny{suffix}").read_text(encoding="utf-8")


def test_a_chain_bears_its_whole_lineage_and_another_ancestor_is_another_run() -> None:
    train(refined("second", "first", epochs=1))
    train(refined("third", "second", epochs=1))
    _, said = load_tensors(Path(LAST.format("third")))
    assert [(one["experiment"], one["epoch"]) for one in said["lineage"]] == [("second", 1), ("first", 3)]
    before = sha256(LAST.format("third"))
    train(experiment(seed=1))
    train(refined("second", "first", epochs=1))
    train(refined("third", "second", epochs=1))
    assert sha256(LAST.format("third")) != before
    with pytest.raises(ValueError, match="models/third: trained with init: second, but the configuration has first"):
        refined("third", "first", epochs=1).check_weights(WeightsMetadata(**said))


def test_a_killed_one_equals_a_straight_one(monkeypatch: pytest.MonkeyPatch) -> None:
    second = refined("second", "first", epochs=2)
    train(second)
    straight, step, taken = sha256(LAST.format("second")), Gan.step, 0
    shutil.rmtree("scratch")
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(runs, "SAVE_SHARE", 1e9)

    def killed(self: Gan, *batch: torch.Tensor) -> torch.Tensor:
        nonlocal taken
        taken += 1
        if taken == 6:
            raise KeyboardInterrupt
        return step(self, *batch)

    monkeypatch.setattr(Gan, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        train(second)
    train(second)
    assert taken == 9 and sha256(LAST.format("second")) == straight
    assert pd.read_csv("models/second/history.csv")["epoch"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("changes", "random"),
    [
        ({}, []),
        ({"source_classes": "facades"}, ["generator.down.0.conv.weight", "discriminator.layers.0.weight"]),
        ({"gan_weight": 0.0}, []),
        ({"ema": 0.9}, []),
        ({"discriminator_channels": 2}, ["the discriminator"]),
        (
            {"size": 128, "load_size": 128},
            [f"generator.{name}" for name in ("down.5.norm.weight", "down.5.norm.bias", "down.6.conv.weight",
             "down.6.conv.bias", "up.0.conv.weight", "up.0.norm.weight", "up.0.norm.bias", "up.1.conv.weight")],
        ),
    ],
)  # fmt: skip
def test_layers_that_fit_are_taken_and_all_others_named(changes: dict[str, Any], random: list[str]) -> None:
    """Adam begins anew, and so does the average, at the same weights."""
    tensors, _ = load_tensors(Path(LAST.format("first")))
    begun = learner(seed=1, **changes)
    assert begin_from(begun, tensors) == random
    now = learner_tensors(begun)
    shift = 1 if "size" in changes else 0
    assert torch.equal(now[f"generator.up.{5 + shift}.conv.weight"], tensors["generator.up.5.conv.weight"])
    assert not [name for name in now if "exp_avg" in name]
    if "ema" in changes:
        assert torch.equal(now["averaged.down.3.conv.weight"], tensors["generator.down.3.conv.weight"])


def test_what_cannot_be_begun_from_is_refused() -> None:
    path = LAST.format("first")
    with pytest.raises(ValueError, match=f"{path}: its SHA-256 is {sha256(path)}, but init of third says {'0' * 64}"):
        train(refined("third", WeightsFile(file=path, sha256="0" * 64)))
    with pytest.raises(ValueError, match="no layer of these weights fits the generator"):
        train(refined("second", "first", generator_channels=3))
    shutil.rmtree("models")
    with pytest.raises(FileNotFoundError, match="no such weights file; train the experiment first"):
        train(refined("second", "first"))


@pytest.mark.parametrize(
    ("section", "row", "said"),
    [
        ("experiments", {"init": "first"}, "second.init: what begins from another experiment stands under `refined`"),
        ("refined", {}, "second.init: what begins from another experiment stands under `refined`"),
        ("refined", {"init": "frist"}, "second.init: there is no 'frist'"),
        ("refined", {"init": "first", "model": "mean"}, "second.init: the mean is computed"),
        ("experiments", {"set": {"epochs": 0}}, "second: epochs is 0, but it has no init"),
    ],
)
def test_entries_that_make_no_sense_are_refused(section: str, row: dict[str, Any], said: str) -> None:
    whole = configuration()
    rows = whole["experiments"] | {"second": whole["experiments"]["first"] | row}
    named = {"second": rows["second"]} if section == "refined" else {}
    with pytest.raises(ValueError, match=said):
        Configuration(whole | {"experiments": rows, "refined": named}).experiment("second")
