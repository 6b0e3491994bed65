"""Laws of what the page is told: only trained networks, classes where labels are drawn, scores of these weights."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.drawing_model import card_rows, drawable, drawing_model, example_row, learned, read_scores, weights
from pix2pix.config.configuration import Configuration
from pix2pix.pairs.palettes import FACADES
from pix2pix.pairs.stitched import read_pairs, read_sides
from tests.support.weights_cases import metadata


def test_trained_experiments_are_offered_and_no_baseline(here: Path, configuration: Configuration) -> None:
    Path("models/first_mean").mkdir()
    shutil.copy("models/first/last.safetensors", "models/first_mean")
    assert drawable(configuration) == ["first"]


def test_without_weights_the_command_that_makes_some_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configuration: Configuration
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="make demo"):
        drawable(configuration)


def test_classes_are_painted_only_where_labels_are_the_source(here: Path, configuration: Configuration) -> None:
    from_labels = configuration.experiment("first")
    told = drawing_model(from_labels, metadata(), weights("first"))
    assert list(told.classes) == list(FACADES)
    assert told.classes["window"] == "#0080ff"
    assert (told.ground, told.first, told.size) == ("facade", "window", 64)
    told = drawing_model(replace(from_labels, direction="AtoB"), metadata(), weights("first"))
    assert told.classes == {}


def test_examples_are_held_out_inputs_above_their_targets(here: Path, configuration: Configuration) -> None:
    experiment = configuration.experiment("first")
    row = example_row(experiment, size=64, truth=True)
    assert row
    picture, count = row
    assert (picture.shape, count) == ((128, 192, 3), 3)
    pairs = read_pairs(Path("data/pairs/houses"), "val")
    for i, pair in enumerate(pairs):
        sides = read_sides(pair, direction="BtoA", size=64)
        np.testing.assert_array_equal(picture[:, 64 * i : 64 * (i + 1)], np.concatenate(sides))


def test_the_card_states_data_recipe_and_scores(here: Path) -> None:
    said = " ".join(card_rows(metadata(), read_scores(Path("results/tiny/first"), metadata())).values())
    for words in ("houses, B → A", "generator channels 4", "batch size 2", "3 epochs", "3 images of val: PSNR "):
        assert words in said
    assert card_rows(metadata(), None)["scores"] == "not evaluated yet"
    assert learned(metadata(), None) == "Trained on 8 pairs of houses, 64 px, 3 epochs."


def test_scores_of_other_weights_are_not_shown(here: Path) -> None:
    assert read_scores(Path("results/tiny/first"), metadata(seed=1)) is None
    assert read_scores(Path("results/tiny/none"), metadata()) is None
