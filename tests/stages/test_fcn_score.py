"""Laws of the FCN-score: real photos are the ceiling, equal photos reach it, and only the asked for are scored."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.config.configuration import Configuration
from pix2pix.evaluation.segmentation import confusion, label_scores
from pix2pix.files.image_grid import grid
from pix2pix.files.images import read_image, write_png
from pix2pix.networks.build import build_generator
from pix2pix.networks.inference import load_trained
from pix2pix.networks.layers import initialise
from pix2pix.networks.weights import network_tensors, save_tensors
from pix2pix.pairs.palettes import FACADES, decode
from pix2pix.pairs.stitched import read_classes, read_pairs, split_sides
from stages.fcn_score import COLUMNS, SHOWN, fcn_score, main
from tests.support.results import save_rendered
from tests.support.tiny import TINY, make_pairs, random_image, write_configuration

OUT = Path("results/tiny/first")
SEGMENTER = {"kind": "unet", "channels": 4, "classes": "facades"}
SCORED: dict[str, Any] = TINY | {
    "models": TINY["models"] | {"segmenter": SEGMENTER},
    "recipes": TINY["recipes"] | {"alone": TINY["recipes"]["quick"] | {"gan_weight": 0.0, "l1_weight": 1.0}},
    "experiments": TINY["experiments"]
    | {"reader": TINY["experiments"]["first"] | {"direction": "AtoB", "model": "segmenter", "recipe": "alone"}},
    "fcn_scores": {"first": {"study": "tiny", "dataset": "houses", "segmenter": "reader"}},
}
KEYS = ("pixel_accuracy", "class_accuracy", "mean_iou")


@pytest.fixture
def repo(tiny_repo: Path) -> Configuration:
    """Rendered photos, and a segmenter of random weights that finds many classes."""
    configuration = Configuration(SCORED)
    save_rendered()
    reader = configuration.experiment("reader")
    generator = build_generator(reader.model, size=64)
    initialise(generator, 1)
    tensors = network_tensors("generator", generator)
    save_tensors(Path("models/reader/last.safetensors"), tensors, reader.metadata(epoch=3, step=12))
    return configuration


def read_score() -> dict[str, Any]:
    return dict(json.loads((OUT / "fcn_score.json").read_text(encoding="utf-8")))


def test_photos_equal_to_the_real_ones_reach_the_ceiling(repo: Configuration) -> None:
    shutil.rmtree(OUT)
    save_rendered(noise=0)
    fcn_score(repo.experiment("first"), repo.segmenter("first"))
    found = read_score()
    assert [found[key] for key in KEYS] == [found[f"real_{key}"] for key in KEYS]


def test_other_photos_have_other_scores_under_the_same_ceiling(repo: Configuration) -> None:
    fcn_score(repo.experiment("first"), repo.segmenter("first"))
    before = read_score()
    for path in (OUT / "images/val").iterdir():
        write_png(path, random_image(int(path.stem)))
    fcn_score(repo.experiment("first"), repo.segmenter("first"))
    after = read_score()
    assert [after[f"real_{key}"] for key in KEYS] == [before[f"real_{key}"] for key in KEYS]
    assert [after[key] for key in KEYS] != [before[key] for key in KEYS]


def test_the_numbers_and_the_figure_are_those_of_the_photos(repo: Configuration) -> None:
    """All three images are shown: photos, label map and the classes that the segmenter sees in the photos."""
    fcn_score(repo.experiment("first"), repo.segmenter("first"))
    found, classes = read_score(), list(FACADES)
    segmenter = load_trained(Path("models/reader/last.safetensors"), torch.device("cpu"))
    rows, total = [], np.zeros((2, 12, 12), np.int64)
    for pair in read_pairs(Path("data/pairs/houses"), "val"):
        generated = read_image(OUT / f"images/val/{pair.id}.png")
        real, label_map = split_sides(read_image(pair.path))
        seen = [segmenter.generate(photo, id=pair.id) for photo in (generated, real)]
        rows.append([generated, seen[0], label_map, seen[1], real])
        truth = read_classes(pair, "facades", size=64)
        total += [confusion(decode(image, "facades"), truth, classes=classes) for image in seen]
    np.testing.assert_array_equal(read_image(OUT / "fcn_score.png"), grid(rows, columns=COLUMNS))
    for matrix, prefix in zip(total, ("", "real_"), strict=True):
        expected = label_scores(matrix, classes=classes)
        assert {key: found[prefix + key] for key in KEYS} == pytest.approx(expected, abs=1e-8)
    assert (found["n"], found["segmenter"], len(found)) == (3, "reader", 8)


def test_scoring_again_changes_no_byte(repo: Configuration) -> None:
    fcn_score(repo.experiment("first"), repo.segmenter("first"))
    before = [(OUT / file).read_bytes() for file in ("fcn_score.json", "fcn_score.png")]
    fcn_score(repo.experiment("first"), repo.segmenter("first"))
    assert [(OUT / file).read_bytes() for file in ("fcn_score.json", "fcn_score.png")] == before


def spoil(kind: str) -> None:
    match kind:
        case "nothing rendered":
            shutil.rmtree(OUT)
        case "a missing picture":
            (OUT / "images/val/2.png").unlink()
        case "another size":
            write_png(OUT / "images/val/2.png", random_image(0, 64, 63))
        case "no segmenter":
            shutil.rmtree("models/reader")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("nothing rendered", r"first/card\.json: there is no such file; run `python -m stages\.render first` first"),
        ("a missing picture", r"images/val: does not hold exactly the images of split 'val'; render again"),
        ("another size", r"images/val/2\.png: 63 x 64 pixels, its target 64 x 64; render again"),
        ("no segmenter", r"models/reader/last\.safetensors: no such weights file"),
    ],
)
def test_what_cannot_be_scored_is_named(repo: Configuration, kind: str, says: str) -> None:
    spoil(kind)
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        fcn_score(repo.experiment("first"), repo.segmenter("first"))
    assert not (OUT / "fcn_score.json").exists()


def test_a_segmenter_of_other_parameters_is_refused(repo: Configuration) -> None:
    other = SCORED["recipes"]["alone"] | {"epochs": 9}
    configuration = Configuration(SCORED | {"recipes": SCORED["recipes"] | {"alone": other}})
    with pytest.raises(ValueError, match="models/reader: trained with another recipe"):
        fcn_score(configuration.experiment("first"), configuration.segmenter("first"))


def test_an_experiment_that_is_not_asked_for_has_no_score(repo: Configuration) -> None:
    with pytest.raises(ValueError, match="fcn_scores: there is no 'first_mean'"):
        fcn_score(repo.experiment("first_mean"), repo.segmenter("first_mean"))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("first", {"segmenter": "nope"}, r"fcn_scores\.first\.segmenter: there is no 'nope'"),
        ("nope", {}, r"experiments: there is no 'nope'"),
        ("first", {"study": "other"}, r"fcn_scores\.first\.study: 'other', but experiments\.first has 'tiny'"),
        ("first", {"dataset": "cars"}, r"fcn_scores\.first\.dataset: 'cars', but experiments\.first has 'houses'"),
        ("first", {"segmenter": "first_mean"}, r"first_mean is not direction AtoB on a dataset with these labels"),
        ("first", {"segmenter": "large"}, r"large reads 128 pixels, first has 64"),
        ("reader", {}, r"fcn_scores\.reader: only photos made from labels are scored"),
    ],
)
def test_a_wrong_entry_is_named_by_its_key(name: str, change: dict[str, str], says: str) -> None:
    large = {"large": SCORED["recipes"]["alone"] | {"size": 128, "load_size": 128}}
    experiments = {"large": SCORED["experiments"]["reader"] | {"recipe": "large"}}
    wrong = SCORED | {
        "recipes": SCORED["recipes"] | large,
        "experiments": SCORED["experiments"] | experiments,
        "fcn_scores": {name: SCORED["fcn_scores"]["first"] | change},
    }
    with pytest.raises(ValueError, match=says):
        Configuration(wrong).segmenter(name)


def test_the_command_scores(repo: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    fcn_score(repo.experiment("first"), repo.segmenter("first"))
    before = read_score()
    (OUT / "fcn_score.json").unlink()
    write_configuration(SCORED)
    monkeypatch.setattr("sys.argv", ["score", "first"])
    main()
    assert read_score() == before


def test_of_many_images_score_counts_all_and_shows_some(repo: Configuration) -> None:
    shutil.rmtree("data/pairs/houses")
    shutil.rmtree(OUT)
    make_pairs(Path("data/pairs/houses"), {"train": 1, "val": 7})
    save_rendered()
    fcn_score(repo.experiment("first"), repo.segmenter("first"))
    assert read_score()["n"] == 7
    height = read_image(OUT / "fcn_score.png").shape[0]
    assert SHOWN * 64 < height < 7 * 64
