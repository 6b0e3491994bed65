"""Laws of rendering: a result depends on the image, its id and the weights alone; the grid shows the files."""

import copy
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.config.configuration import Configuration
from pix2pix.config.resolved import Experiment
from pix2pix.files.image_grid import grid
from pix2pix.files.images import read_image, write_png
from pix2pix.networks.inference import load_trained
from pix2pix.networks.layers import to_network
from pix2pix.networks.mean_target import MeanTarget
from pix2pix.networks.weights import network_tensors, save_tensors
from pix2pix.pairs.stitched import read_pairs, read_sides
from stages.render import render, render_folder
from tests.support.tiny import TINY, files, random_image
from tests.support.weights_cases import WEIGHTS, WITHOUT_DROPOUT, metadata, save_weights

OUT, PAIRS = Path("results/tiny/first"), Path("data/pairs/houses")


def test_every_held_out_image_is_rendered_under_its_id(first: Experiment) -> None:
    render(first)
    names = [f"images/val/{id}.png" for id in "123"]
    sides = [f"shown/{id}_{side}.png" for id in "123" for side in ("source", "target")]
    assert sorted(files(OUT)) == ["card.json", "grid.png", *names, *sides, "training.png"]
    pictures = [read_image(OUT / name) for name in names]
    assert all(picture.shape == (64, 64, 3) for picture in pictures)
    assert min(picture.std() for picture in pictures) > 3, "the test's weights must draw something"
    card = json.loads((OUT / "card.json").read_text(encoding="utf-8"))
    assert card == metadata().model_dump() | {"split": "val", "n": 3, "shown": ["1", "2", "3"]}


def test_the_digests_are_those_of_card_and_images(first: Experiment) -> None:
    """What DVC compares, so that a score of a whole study notices each new image."""
    render(first)
    listed = Path("results/tiny/rendered-images/first.txt").read_text(encoding="utf-8")
    subprocess.run(["sha256sum", "-c", "-"], input=listed, cwd=OUT, text=True, check=True, capture_output=True)
    names = [line.split()[1] for line in listed.splitlines()]
    assert names == ["card.json", *(f"images/val/{id}.png" for id in "123")]


def test_the_grid_shows_the_files_themselves_beside_both_sides_of_their_pairs(first: Experiment) -> None:
    render(first)
    rows = []
    for pair in read_pairs(PAIRS, "val"):
        source, target = read_sides(pair, direction="BtoA", size=64)
        rows.append([source, read_image(OUT / f"images/val/{pair.id}.png"), target])
        np.testing.assert_array_equal(read_image(OUT / f"shown/{pair.id}_source.png"), source)
        np.testing.assert_array_equal(read_image(OUT / f"shown/{pair.id}_target.png"), target)
    expected = grid(rows, columns=["input", "generated", "target"], across=2)
    np.testing.assert_array_equal(read_image(OUT / "grid.png"), expected)


def test_the_training_grid_shows_four_images_that_were_trained_on(first: Experiment) -> None:
    render(first)
    trained = load_trained(WEIGHTS, torch.device("cpu"))
    pairs = {pair.id: pair for pair in read_pairs(PAIRS, "train")}
    sides = {id: read_sides(pairs[id], direction="BtoA", size=64) for id in ("1", "3", "6", "8")}
    rows = [[source, trained.generate(source, id=id), target] for id, (source, target) in sides.items()]
    expected = grid(rows, columns=["input", "generated", "target"], across=2)
    np.testing.assert_array_equal(read_image(OUT / "training.png"), expected)


def test_a_result_does_not_depend_on_the_other_images(first: Experiment) -> None:
    render(first)
    together = files(OUT / "images/val")
    table = PAIRS / "pairs.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join(line for line in lines if not line.startswith(("1,val", "3,val"))), encoding="utf-8")
    for id in ("1", "3"):
        (PAIRS / f"val/{id}.png").unlink()
    render(first)
    assert files(OUT / "images/val") == {"2.png": together["2.png"]}


@pytest.mark.parametrize(
    ("section", "name", "change", "key"),
    [
        ("experiments", "first", {"direction": "AtoB"}, "direction"),
        ("experiments", "first", {"seed": 7}, "seed"),
        ("models", "tiny", {"inference_dropout": False}, "model"),
        ("recipes", "quick", {"epochs": 9}, "recipe"),
    ],
)
def test_weights_of_another_configuration_are_refused(
    first: Experiment, section: str, name: str, change: dict[str, object], key: str
) -> None:
    changed = copy.deepcopy(TINY)
    changed[section][name] |= change
    with pytest.raises(ValueError, match=rf"models/first: trained with {key}.*, but the configuration has"):
        render(Configuration(changed).experiment("first"))
    assert not OUT.exists()


def test_kept_weights_in_place_of_the_last_are_refused(first: Experiment) -> None:
    save_weights(epoch=2)
    with pytest.raises(ValueError, match="models/first: trained with epoch: 2, but the configuration has 3"):
        render(first)
    assert not OUT.exists()


def test_the_mean_baseline_renders_the_mean_image(tiny_repo: Path, configuration: Configuration) -> None:
    baseline, mean = MeanTarget(64), random_image(5)
    baseline.image = to_network(torch.from_numpy(mean).permute(2, 0, 1)[None])
    said = metadata(model={"kind": "mean"}, inference=WITHOUT_DROPOUT)
    save_tensors(Path("models/first_mean/last.safetensors"), network_tensors("generator", baseline), said)
    render(configuration.experiment("first_mean"))
    for id in (1, 2, 3):
        np.testing.assert_array_equal(read_image(Path(f"results/tiny/first_mean/images/val/{id}.png")), mean)


@pytest.mark.parametrize("split", ["val", "train"])
def test_a_failure_leaves_the_last_result_whole(first: Experiment, split: str) -> None:
    render(first)
    before = files(OUT)
    picture = PAIRS / split / "3.png"
    picture.write_bytes(picture.read_bytes()[:-200])
    with pytest.raises(ValueError, match=rf"{split}/3\.png: not a readable image"):
        render(first)
    assert files(OUT) == before


def test_missing_pairs_and_unreadable_weights_are_named_and_nothing_is_left(first: Experiment) -> None:
    (PAIRS / "pairs.csv").rename("pairs.csv")
    with pytest.raises(FileNotFoundError, match=r"data/pairs/houses/pairs\.csv"):
        render(first)
    Path("pairs.csv").rename(PAIRS / "pairs.csv")
    WEIGHTS.write_bytes(WEIGHTS.read_bytes()[:-1])
    Path("own").mkdir()
    write_png(Path("own/a.png"), random_image(0))
    with pytest.raises(ValueError, match=rf"^{WEIGHTS}: "):
        render(first)
    with pytest.raises(ValueError, match=rf"^{WEIGHTS}: "):
        render_folder("first", Path("own"), Path("out"))
    assert not Path("results").exists()
    assert not Path("out").exists()
