"""Laws of the configuration: a mistake is one line that names file and key; it stops only who needs the entry."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pix2pix.config.configuration import Configuration
from pix2pix.config.models import Pix2Pix
from tests.support.repository import REPO
from tests.support.soaks import Soak
from tests.support.tiny import TINY

GONE = object()
ONE_HOT = {"set": {"source_classes": "facades"}}
SEGMENTER = {"kind": "unet", "channels": 4, "classes": "facades"}
CANNY = {"method": "canny", "blur_sigma": 1.0, "low": 40, "high": 110}
DOODLE = {"method": "doodle", "smoothing": 2.0, "low": 40, "high": 110, "min_length": 30, "width": 2}
CARS = {"layout": "carvana", "size": 64, "hold_out": 1, "seed": 0, "edges": CANNY}
PENCIL = {"method": "difference_of_gaussians", "sigma": 1.0, "threshold": 4.0}
LISTED = {"layout": "carvana", "size": 64, "hold_out": {"val": ["a"]}, "edges": CANNY}
TAKEN = {"of": "train", "first": 1, "last": 2}
PARTED = {"layout": "stitched"}
GTA5 = {"source": "gta5", "parts": [1], "expect_frames": 2500}
DRAWN = {"source": "drawn_cars", "cars": 2, "views": 2, "size": 64, "seed": 0}
HOLE = {"layout": "inpainting", "size": 64, "hole": 32}
ARCHIVE = {"source": "pix2pix", "archive": "facades", "expect": {"train": 1}}
QUICK, FIRST = TINY["recipes"]["quick"], TINY["experiments"]["first"]
SOURCE, PAIRS = "datasets.houses.download", "datasets.houses.prepare"


def redrawn(**changes: Any) -> dict[str, Any]:
    edges = {"method": "redrawn", "drawings": {"a": CANNY, "b": DOODLE}, "kept_out": PENCIL}
    return CARS | {"edges": edges | changes}


def changed(key: str, value: Any) -> dict[str, Any]:
    """TINY with the entry at a dotted path set, or left out."""
    whole = copy.deepcopy(TINY)
    *above, last = key.split(".")
    section = whole
    for part in above:
        section = section[part]
    section[last] = value
    if value is GONE:
        del section[last]
    return whole


def everything() -> dict[str, Any]:
    """TINY with an entry of every section: an FCN-score, drawings by canny and by doodle, and a test of robustness."""
    whole = copy.deepcopy(TINY)
    for name, edges in (("canny", CANNY), ("doodle", DOODLE)):
        prepare = CARS | {"edges": edges}
        whole["datasets"][name] = {"download": DRAWN, "prepare": prepare}
    whole["models"]["reader"] = SEGMENTER
    whole["recipes"]["alone"] = QUICK | {"gan_weight": 0.0, "l1_weight": 1.0}
    whole["experiments"] |= {
        "reader": FIRST | {"model": "reader", "recipe": "alone", "direction": "AtoB"},
        "car": FIRST | {"dataset": "canny", "direction": "AtoB"},
    }
    whole["fcn_scores"] = {"tiny": {"dataset": "houses", "segmenter": "reader"}}
    whole["robustness"] = {"car": {"study": "tiny", "canny": "canny", "doodle": "doodle"}}
    return copy.deepcopy(whole)  # of which a test may change a part


def problem(whole: dict[str, Any]) -> str:
    problems = Configuration(whole).problems()
    assert problems and all(line.isprintable() and len(line) < 2000 for line in problems), problems
    return "; ".join(problems)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("recipes.quick.epoch", 3, "recipes.quick.epoch: unknown key; did you mean epochs"),
        (PAIRS, CARS | {"edges": CANNY | {"blur": 1}}, f"{PAIRS}.edges.blur: unknown key"),
        ("models.mean.dropout", 0.5, "models.mean.dropout: unknown key"),
        ("recipes.quick.epochs", "1", "recipes.quick.epochs: .* integer, not '1'"),
        ("recipes.quick.epochs", True, "recipes.quick.epochs: .* integer, not True"),
        ("recipes.quick.beta1", "0.5", "recipes.quick.beta1: .* number, not '0.5'"),
        ("recipes.quick.mirror", 1, "recipes.quick.mirror: .* boolean, not 1"),
        ("recipes.quick.l1_weight", float("nan"), "recipes.quick.l1_weight: .* finite"),
        ("recipes.quick.generator_lr", 0.0, "recipes.quick.generator_lr: .* greater than 0"),
        ("recipes.quick.size", 96, "recipes.quick.size: 96 is not a power of two"),
        ("recipes.quick.size", GONE, "recipes.quick.size: this key is required"),
        ("recipes.quick.decay_share", 1.5, "recipes.quick.decay_share: .* less than or equal to 1"),
        ("recipes.quick", QUICK | {"size": 128}, "recipes.quick: load_size: 72 .* size: 128"),
        ("recipes.quick", QUICK | {"gan_weight": 0, "l1_weight": 0}, "recipes.quick: .* both 0"),
        (
            "recipes.quick",
            QUICK | {"gan_weight": 0.0, "feature_matching": 1.0},
            "recipes.quick: feature_matching needs a",
        ),
        ("experiments.first.set", {"source_classes": "cityscapes"}, "first: .* labels of houses cityscapes"),
        ("experiments.first", FIRST | ONE_HOT | {"direction": "AtoB"}, "first: .* direction must be BtoA"),
        ("models.mean", "mean", "models.mean: must be a map, not 'mean'"),
        ("models.tiny.kind", "gan", "models.tiny.kind: must be one of 'pix2pix', 'fcn', 'unet', 'mean', not 'gan'"),
        ("models.tiny.dropout", 1.0, "models.tiny.dropout: .* less than 1, not 1.0"),
        (f"{PAIRS}.labels", "cars", f"{PAIRS}.labels: .*'facades' or 'cityscapes'"),
        (PAIRS, HOLE | {"hole": 31}, f"{PAIRS}: hole: 31 .* even"),
        (PAIRS, CARS | {"edges": DOODLE | {"low": 111}}, rf"{PAIRS}.edges: low \(111\) must not be above high"),
        (PAIRS, redrawn(kept_out=CANNY), f"{PAIRS}.edges: kept_out: canny is a method of drawings, too"),
        (PAIRS, redrawn(drawings={"a": CANNY, "b": CANNY}), f"{PAIRS}.edges: drawings: a and b are the same"),
        (PAIRS, redrawn(drawings={"a": CANNY}), f"{PAIRS}.edges.drawings: .* at least 2 items"),
        (PAIRS, CARS | {"hold_out": 0}, f"{PAIRS}.hold_out: .* greater than or equal to 1, not 0"),
        (PAIRS, CARS | {"seed": None}, f"{PAIRS}: hold_out is a number of cars: seed is required"),
        (PAIRS, CARS | {"hold_out": {"val": ["a"]}}, f"{PAIRS}: hold_out lists the cars: seed has no effect"),
        (PAIRS, LISTED | {"hold_out": {"test": ["a"]}}, f"{PAIRS}.hold_out.val: this key is required"),
        (PAIRS, LISTED | {"hold_out": {"val": "a", "test": "b a"}}, f"{PAIRS}.hold_out: car a stands twice"),
        (PAIRS, LISTED | {"hold_out": {"val": 7}}, f"{PAIRS}.hold_out.val: .* list, not 7"),
        (PAIRS, PARTED | {"splits": {"test": TAKEN | {"last": 0}}}, r"splits.test: first \(1\) must not be above last"),
        (PAIRS, PARTED | {"splits": {"train": TAKEN}}, f"{PAIRS}.splits.train: .*'val' or 'test'"),
        (PAIRS, PARTED | {"splits": {"test": TAKEN | {"of": "test"}}}, "splits.test: of: test is not a split of the"),
        (PAIRS, PARTED | {"splits": {"test": TAKEN, "val": TAKEN}}, "splits: number 1 of train is in two splits"),
        (f"{SOURCE}.source", GONE, f"{SOURCE}.source: this key is required"),
        (f"{SOURCE}.source", "web", f"{SOURCE}.source: .*'drawn_cars', .* not 'web'"),
        (SOURCE, GTA5 | {"parts": [11]}, f"{SOURCE}.parts.0: .* equal to 10, not 11"),
        (SOURCE, GTA5 | {"parts": [2, 2]}, f"{SOURCE}.parts: .* a part stands twice"),
        (SOURCE, ARCHIVE | {"limit": {"dev": 1}}, f"{SOURCE}.limit.dev: .*'train'"),
        (SOURCE, {"source": "local", "path": "data/raw/x"}, f"{SOURCE}.path: data/raw/x lies in a folder of outputs"),
        ("experiments.first.seed", -1, "experiments.first.seed: .* greater than or equal to 0"),
        ("experiments.first.dataset", "x", r"experiments.first.dataset: there is no 'x' \(there are: .*houses\)"),
        ("experiments.first.model", "tinny", "experiments.first.model: there is no 'tinny'"),
        ("experiments.first.study", "x", "experiments.first.study: there is no 'x'"),
        (
            "experiments.first.set",
            {"epoch": 3},
            "first.set.epoch: unknown key, neither .* nor of a recipe; did you mean epochs",
        ),
        ("experiments.first.set", {"epochs": -1}, "experiments.first.set.epochs: .* greater than or equal to 0"),
        (
            "experiments.first.set",
            {"kind": "mean"},
            "experiments.first.set.kind: unknown key, neither of model tiny nor",
        ),
        ("recipes.paper", QUICK | {"beta1": "x"}, "recipes.paper.beta1: .* number"),
        ("experiments.first.recipe", "alone", "experiments.first.recipe: there is no 'alone'"),
        ("models.tiny", SEGMENTER, "experiments.first: .* one loss: recipes.quick.gan_weight must be 0, l1_weight 1"),
        ("models.tiny.discriminator_layers", 5, "experiments.first: .* 5 layers needs images of 96 pixels or more"),
        ("studies.tiny.baselines", ["x"], "studies.tiny.baselines: there is no 'x'"),
        ("studies.tiny.figure", ["x"], "studies.tiny.figure: there is no 'x'"),
        ("studies.tiny.tables", {"All": ["first"]}, "studies.tiny.tables: 'first_mean' stands in none of them"),
        ("studies.other", TINY["studies"]["tiny"], "studies.other: no experiment has study: other"),
        (
            "studies.tiny.reference_numbers",
            {"source": "a", "scores": ["l1"], "rows": {"b": []}},
            "studies.tiny.reference_numbers: rows.b: 0 numbers for 1 scores",
        ),
        ("studies.tiny.split", "train", "studies.tiny.split: .*'val' or 'test', not 'train'"),
        ("studies.tiny.split", "test", "studies.tiny.split: datasets.houses has no test .it has train, val"),
    ],
)
def test_a_mistake_is_named_by_the_path_of_its_key(key: str, value: Any, says: str) -> None:
    assert re.search(says, problem(changed(key, value)))


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("models.reader.classes", "cityscapes", "experiments.reader: models.reader predicts cityscapes"),
        ("experiments.reader.direction", "BtoA", "experiments.reader: .* direction must be AtoB"),
        ("fcn_scores.tiny.dataset", "x", "fcn_scores.tiny.dataset: there is no 'x'"),
        ("fcn_scores.tiny.dataset", "canny", "fcn_scores.tiny: only photos made from labels are scored"),
        ("fcn_scores.tiny.segmenter", "x", "fcn_scores.tiny.segmenter: there is no 'x'"),
        ("fcn_scores.tiny.segmenter", "car", "tiny.segmenter: car is not direction AtoB on a dataset with these"),
        (
            "experiments.reader.set",
            {"size": 128, "load_size": 128},
            r"reader reads 128 pixels, tiny has \{64\}",
        ),
        ("robustness.car.study", "x", "robustness.car.study: 'x', but experiments.car has 'tiny'"),
        ("robustness.car.doodle", "canny", "robustness.car.doodle: the edges of 'canny' are not drawn by doodle"),
        ("robustness.car.doodle", "x", "robustness.car.doodle: there is no 'x'"),
        ("experiments.car.dataset", "houses", "robustness.car: car does not translate edges of cars to photos"),
        ("datasets.doodle.prepare.hold_out", 2, "'doodle' and 'canny', of car, differ in more than prepare.edges"),
    ],
)
def test_entries_that_contradict_each_other_are_named(key: str, value: Any, says: str) -> None:
    whole = everything()
    assert Configuration(whole).problems() == []
    *above, last = key.split(".")
    section = whole
    for part in above:
        section = section[part]
    section[last] = value
    assert re.search(says, problem(whole))


def test_what_was_trained_on_redrawn_edges_is_tried_on_canny_and_doodle() -> None:
    whole = everything()
    whole["datasets"]["redrawn"] = whole["datasets"]["canny"] | {"prepare": redrawn()}
    whole["experiments"]["car"]["dataset"] = "redrawn"
    configuration = Configuration(whole)
    assert configuration.problems() == []
    test = configuration.robustness("car")
    assert (test.experiment.dataset_name, test.canny, test.doodle) == ("redrawn", "canny", "doodle")


def test_an_entry_is_checked_when_it_is_needed() -> None:
    whole = everything()
    whole["recipes"]["alone"]["epochs"] = -1
    configuration = Configuration(whole)
    assert configuration.experiment("first").recipe.epochs == 3
    with pytest.raises(ValueError, match=r"recipes\.alone\.epochs"):
        configuration.experiment("reader")


def test_models_and_recipes_say_only_what_differs_and_an_experiment_turns_its_own() -> None:
    whole = copy.deepcopy(TINY)
    whole["models"] = {"pix2pix": TINY["models"]["tiny"], "tiny": {"generator_channels": 8}}
    whole["recipes"] = {"paper": QUICK, "quick": {"epochs": 4}}
    whole["experiments"]["first"] |= {"set": {"epochs": 9, "dropout": 0.0}}
    experiment = Configuration(whole).experiment("first")
    assert isinstance(experiment.model, Pix2Pix)
    assert (experiment.model.generator_channels, experiment.model.dropout_blocks, experiment.model.dropout) == (8, 3, 0)
    assert (experiment.recipe.epochs, experiment.recipe.size) == (9, 64)


def test_a_row_of_a_table_brings_its_seeds_along_and_the_means_are_the_baselines() -> None:
    whole = copy.deepcopy(TINY)
    whole["experiments"] |= {"first_seed1": FIRST | {"seed": 1}, "again": FIRST | {"set": {"epochs": 4}}}
    whole["studies"]["tiny"]["tables"] = {"One": ["first", "first_mean"], "Two": ["first_seed1", "first", "again"]}
    study = Configuration(whole).study("tiny")
    assert study.tables == {"One": ["first", "first_seed1", "first_mean"], "Two": ["first", "first_seed1", "again"]}
    assert study.baselines == ["first_mean"]
    whole["studies"]["tiny"]["baselines"] = ["first"]
    assert Configuration(whole).study("tiny").baselines == ["first"]


@pytest.mark.parametrize(
    ("source", "prepare", "splits"),
    [
        (TINY["datasets"]["houses"]["download"], PARTED, ["train", "val"]),
        (ARCHIVE | {"expect": {"train": 1, "val": 1}}, PARTED, ["train", "val"]),
        (ARCHIVE | {"expect": {"train": 1}}, PARTED | {"splits": {"test": TAKEN}}, ["train", "test"]),
        ({"source": "local", "path": "../pairs"}, {"layout": "folders"}, ["train", "val", "test"]),
        (DRAWN, LISTED, ["train", "val"]),
        (DRAWN, LISTED | {"hold_out": {"val": "a", "test": "b c"}}, ["train", "val", "test"]),
    ],
)
def test_the_splits_of_a_data_set_are_known_before_it_is_there(
    source: dict[str, Any], prepare: dict[str, Any], splits: list[str]
) -> None:
    dataset = {"download": source, "prepare": prepare}
    assert Configuration({"datasets": {"houses": dataset}}).dataset("houses").splits == splits


def test_a_name_that_is_not_there_is_answered_by_similar_ones() -> None:
    many = {f"experiment_{i}": FIRST for i in range(50)}
    with pytest.raises(ValueError, match=r"no 'experimnt_7' \(did you mean experiment_7 or .*\?\)"):
        Configuration(TINY | {"experiments": many}).experiment("experimnt_7")
    with pytest.raises(ValueError, match=r"no 'x' \(there are: first, first_mean\)"):
        Configuration(TINY).experiment("x")


def keys(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key below a section's entries, at any depth, and every place of a list."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in items:
        if len(above) >= 2:
            yield (*above, name)
        yield from keys(part, (*above, name))


WRONG = [None, True, "x", "", [], {}, -1, 10**9, 2**70, 1.5, float("nan"), float("inf"), [[1]], {"a": 1}, "x" * 10**5]


@pytest.mark.soak
def test_a_wrong_value_at_any_key_is_named(soak: Soak) -> None:
    """Or it is one that the key may have: then it is the value that is read."""
    refused = 0
    places = list(keys(everything()))
    cases = [(key, value) for key in places for value in WRONG]
    for key, value in cases[:: 1 if soak.full else 7]:
        whole = everything()
        above = whole
        for part in key[:-1]:
            above = above[part]
        if above[key[-1]] == value:
            continue
        above[key[-1]] = value
        if problems := Configuration(whole).problems():
            refused += 1
            assert any(f"{key[0]}.{key[1]}" in line or f"'{key[1]}'" in line for line in problems), (key, value)
            assert all(line.isprintable() and len(line) < 2000 for line in problems), problems
    assert refused > len(cases[:: 1 if soak.full else 7]) / 2
    soak.counts["values"] = len(cases)
    soak.counts["refused"] = refused


def test_an_outside_folder_may_lie_anywhere_but_in_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    for path in ("../pairs", "~/pairs", "sketches", str(Path.home())):
        assert Configuration(changed(SOURCE, {"source": "local", "path": path})).dataset("houses")
