"""Laws of what the page shows: only trained networks, the canvas as the network sees it, scores of these weights."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.page_content import (
    CANVAS,
    as_source,
    brush_colours,
    card_text,
    drawable,
    empty_canvas,
    legend,
    on_canvas,
    read_scores,
    source_classes,
)
from pix2pix.config.configuration import Configuration
from pix2pix.files.images import resize
from pix2pix.pairs.palettes import FACADES
from tests.support.tiny import random_image
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


def test_classes_are_painted_only_where_labels_are_the_source(configuration: Configuration) -> None:
    from_labels = configuration.experiment("first")
    to_labels = replace(from_labels, direction="AtoB")
    assert list(source_classes(from_labels))[2] == "window"
    assert source_classes(to_labels) == {}
    assert (empty_canvas(from_labels) == FACADES["facade"]).all()
    assert (empty_canvas(to_labels) == 255).all()
    assert brush_colours(to_labels) == ["#000000"]
    assert len(brush_colours(from_labels)) == len(FACADES)
    assert legend({}) == ""
    assert legend(FACADES).count("<i ") == len(FACADES)


def test_a_source_is_resized_as_training_resizes_it(configuration: Configuration) -> None:
    image = random_image(0, 90, 130)
    np.testing.assert_array_equal(as_source(image, size=64), resize(image, width=64, height=64))
    canvas = empty_canvas(configuration.experiment("first"))
    assert canvas.shape == (CANVAS, CANVAS, 3)
    np.testing.assert_array_equal(as_source(canvas, size=64), canvas[:64, :64])
    np.testing.assert_array_equal(on_canvas(as_source(canvas, size=64)), canvas)


def test_the_card_states_data_recipe_and_scores(here: Path) -> None:
    text = card_text(metadata(), read_scores(Path("results/tiny/first"), metadata()))
    for said in ("houses, B → A", "generator channels 4", "batch size 2", "3 epochs", "3 images of val: PSNR "):
        assert said in text
    assert "not evaluated" in card_text(metadata(), None)


def test_scores_of_other_weights_are_not_shown(here: Path) -> None:
    assert read_scores(Path("results/tiny/first"), metadata(seed=1)) is None
    assert read_scores(Path("results/tiny/none"), metadata()) is None
