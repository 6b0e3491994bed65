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
from pix2pix.files.images import read_image
from pix2pix.networks.build import build_generator
from pix2pix.networks.inference import load_trained
from pix2pix.networks.layers import initialise
from pix2pix.networks.weights import network_tensors, save_tensors
from pix2pix.pairs.palettes import FACADES, decode
from pix2pix.pairs.stitched import read_classes, read_pairs, split_sides
from stages.fcn_score import COLUMNS, SHOWN, fcn_score, main
from tests.support.results import save_rendered
from tests.support.tiny import TINY, make_pairs, write_configuration

OUT = Path("results/tiny/first")
SCORES, FIGURE = Path("results/tiny/fcn_scores.json"), Path("results/tiny/fcn_scores.png")
SEGMENTER = {"kind": "unet", "channels": 4, "classes": "facades"}
SCORED: dict[str, Any] = TINY | {
    "models": TINY["models"] | {"segmenter": SEGMENTER},
    "recipes": TINY["recipes"] | {"alone": TINY["recipes"]["quick"] | {"gan_weight": 0.0, "l1_weight": 1.0}},
    "experiments": {"first": TINY["experiments"]["first"]}
    | {"reader": TINY["experiments"]["first"] | {"direction": "AtoB", "model": "segmenter", "recipe": "alone"}},
    "fcn_scores": {"tiny": {"dataset": "houses", "segmenter": "reader"}},
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
    save_tensors(Path("models/reader/last.safetensors"), tensors, reader.metadata(precision="fp32", epoch=3, step=12))
    return configuration


def read_score() -> dict[str, Any]:
    return dict(json.loads(SCORES.read_text(encoding="utf-8"))["first"])


def test_the_more_alike_to_the_real_ones_the_photos_the_nearer_their_score_to_the_upper_bound(
    repo: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    fcn_score(repo.fcn_scoring("tiny"))
    noisy = read_score()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{SCORES}: 1 experiments, pixel accuracy at most {noisy['pixel_accuracy']:.3f} (first)"
    shutil.rmtree(OUT)
    save_rendered(noise=0)
    fcn_score(repo.fcn_scoring("tiny"))
    equal = read_score()
    assert [equal[key] for key in KEYS] == [equal[f"real_{key}"] for key in KEYS]
    assert [noisy[f"real_{key}"] for key in KEYS] == [equal[f"real_{key}"] for key in KEYS]
    assert [noisy[key] for key in KEYS] != [equal[key] for key in KEYS]


def test_the_numbers_and_the_figure_are_those_of_the_photos(repo: Configuration) -> None:
    """First and last image are shown: photos, label map and the classes that the segmenter sees in the photos."""
    fcn_score(repo.fcn_scoring("tiny"))
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
    np.testing.assert_array_equal(read_image(FIGURE), grid([rows[0], rows[2]], columns=COLUMNS, labels=["first"] * 2))
    for matrix, prefix in zip(total, ("", "real_"), strict=True):
        expected = label_scores(matrix, classes=classes)
        assert {key: found[prefix + key] for key in KEYS} == pytest.approx(expected, abs=1e-8)
    assert (found["n"], found["segmenter"], len(found)) == (3, "reader", 8)


def test_the_command_writes_the_same_bytes_again(repo: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    fcn_score(repo.fcn_scoring("tiny"))
    before = [file.read_bytes() for file in (SCORES, FIGURE)]
    write_configuration(SCORED)
    monkeypatch.setattr("sys.argv", ["fcn_score", "tiny"])
    main()
    assert [file.read_bytes() for file in (SCORES, FIGURE)] == before


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        (OUT, r"first/card\.json: there is no such file; run `python -m stages\.render first` first"),
        (OUT / "images", r"images/val: does not hold exactly the images of split 'val'; render again"),
        (Path("models/reader"), r"models/reader/last\.safetensors: no such weights file"),
    ],
)
def test_what_cannot_be_scored_is_named(repo: Configuration, missing: Path, says: str) -> None:
    shutil.rmtree(missing)
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        fcn_score(repo.fcn_scoring("tiny"))
    assert not SCORES.exists()


def test_a_segmenter_of_other_parameters_is_refused(repo: Configuration) -> None:
    other = SCORED["recipes"]["alone"] | {"epochs": 9}
    configuration = Configuration(SCORED | {"recipes": SCORED["recipes"] | {"alone": other}})
    with pytest.raises(ValueError, match=r"models/reader: trained with recipe\..*, but the configuration has"):
        fcn_score(configuration.fcn_scoring("tiny"))


def test_of_many_images_score_counts_all_and_shows_some(repo: Configuration) -> None:
    shutil.rmtree("data/pairs/houses")
    shutil.rmtree(OUT)
    make_pairs(Path("data/pairs/houses"), {"train": 1, "val": 7})
    save_rendered()
    fcn_score(repo.fcn_scoring("tiny"))
    assert read_score()["n"] == 7
    height = read_image(FIGURE).shape[0]
    assert SHOWN * 64 < height < 4 * 64


def test_every_row_that_makes_photos_of_these_labels_is_scored_and_no_other(repo: Configuration) -> None:
    rows = SCORED["experiments"] | {
        "again": SCORED["experiments"]["first"] | {"seed": 1},
        "reverse": SCORED["experiments"]["first"] | {"direction": "AtoB"},
    }
    save_rendered(OUT.with_name("again"), seed=1, noise=0)
    fcn_score(Configuration(SCORED | {"experiments": rows}).fcn_scoring("tiny"))
    found = json.loads(SCORES.read_text(encoding="utf-8"))
    assert [*found] == ["first", "again"]
    assert found["first"] == read_score() and found["again"]["real_mean_iou"] == found["first"]["real_mean_iou"]
    assert found["again"]["mean_iou"] == found["again"]["real_mean_iou"] != found["first"]["mean_iou"]


def test_a_row_of_the_incumbent_is_scored_where_all_its_images_are(repo: Configuration) -> None:
    row = {"first_incumbent": SCORED["experiments"]["first"]}
    folder, scoring = OUT.with_name("first_incumbent"), Configuration(SCORED | {"incumbent": row}).fcn_scoring("tiny")
    save_rendered(folder, noise=0, incumbent="0123")
    for names in (["first", "first_incumbent"], ["first"]):
        fcn_score(scoring)
        assert [*json.loads(SCORES.read_text(encoding="utf-8"))] == names
        (folder / "images/val/2.png").unlink(missing_ok=True)
