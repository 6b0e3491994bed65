"""Laws of params.yaml: every mistake is one line that names its key by path, and every key is documented."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from tests.support.repository import REPO
from tests.support.tiny import TINY

GONE = object()
SEGMENTER = {"kind": "unet", "channels": 4, "norm": "instance", "classes": "facades"}
CANNY = {"method": "canny", "blur_sigma": 1.0, "low": 40, "high": 110}
DOODLE = {"method": "doodle", "smoothing": 2.0, "low": 40, "high": 110, "min_length": 30, "width": 2}
CARS = {"layout": "carvana", "size": 64, "hold_out": 1, "seed": 0, "edges": CANNY}
KAGGLE = {"source": "carvana", "expect_cars": 1, "expect_views": 16}
GTA5 = {"source": "gta5", "parts": [1], "expect_frames": 2500}
HOLE = {"layout": "inpainting", "size": 64, "hole": 32}
ARCHIVE = {"source": "pix2pix", "archive": "facades", "expect": {"train": 1}}


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


def error_of(folder: Path, content: dict[str, Any] | str) -> str:
    """What `read_params` says of a file, without the file's name; it must be one line."""
    path = folder / "params.yaml"
    with path.open("w", encoding="utf-8") as file:
        file.write(content) if isinstance(content, str) else YAML().dump(content, file)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        read_configuration(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("key", "value", "named", "says"),
    [
        ("datsets", {}, "datsets", "unknown key"),
        ("recipes.quick.epoch", 3, "recipes.quick.epoch", "unknown key"),
        (
            "datasets.houses.prepare",
            CARS | {"edges": CANNY | {"blur": 1}},
            "datasets.houses.prepare.edges.blur",
            "unkn",
        ),
        ("models.mean.dropout", 0.5, "models.mean.dropout", "unknown key"),
        ("recipes.quick.epochs", "1", "recipes.quick.epochs", "integer, not '1'"),
        ("recipes.quick.epochs", True, "recipes.quick.epochs", "integer, not True"),
        ("recipes.quick.epochs", 3.0, "recipes.quick.epochs", "integer, not 3.0"),
        ("recipes.quick.beta1", "0.5", "recipes.quick.beta1", "number, not '0.5'"),
        ("recipes.quick.beta1", True, "recipes.quick.beta1", "number, not True"),
        ("recipes.quick.mirror", 1, "recipes.quick.mirror", "boolean, not 1"),
        ("experiments.first.dataset", 3, "experiments.first.dataset", "string, not 3"),
        ("reports.tiny.references", "first", "reports.tiny.references", "list, not 'first'"),
        ("models.mean", "mean", "models.mean", "dictionary"),
        ("recipes.quick.size", GONE, "recipes.quick.size", "required"),
        ("reports", GONE, "reports", "required"),
        ("datasets.houses.labels", GONE, "datasets.houses.labels", "required"),
        ("datasets.houses.labels", "cars", "datasets.houses.labels", "'facades' or 'cityscapes'"),
        ("datasets.houses.prepare", HOLE | {"hole": 64}, "datasets.houses.prepare", "hole: 64 .* size: 64"),
        ("datasets.houses.prepare", HOLE | {"hole": 31}, "datasets.houses.prepare", "hole: 31 .* even"),
        ("datasets.houses.download", GTA5 | {"parts": [11]}, "datasets.houses.download.parts.0", "equal to 10, not 11"),
        ("datasets.houses.download", GTA5 | {"parts": [2, 2]}, "datasets.houses.download.parts", "a part stands twice"),
        ("datasets.houses.download.source", GONE, "datasets.houses.download.source", "required"),
        ("datasets.houses.download.source", "web", "datasets.houses.download.source", "'drawn_cars', .* not 'web'"),
        ("models.tiny.kind", "gan", "models.tiny.kind", "'pix2pix', 'fcn', 'unet', 'mean', not 'gan'"),
        ("datasets.houses.download", ARCHIVE | {"archive": "x"}, "datasets.houses.download.archive", "'facades'"),
        ("datasets.houses.download", ARCHIVE | {"sha256": "0"}, "datasets.houses.download.sha256", "not '0'"),
        ("datasets.houses.download", ARCHIVE | {"limit": {"dev": 1}}, "datasets.houses.download.limit.dev", "'train'"),
        ("datasets.houses.download", KAGGLE | {"cars": ["x"]}, "datasets.houses.download.cars.0", "pattern"),
        ("datasets.houses.download.train", 0, "datasets.houses.download.train", "greater than or equal to 1, not 0"),
        ("models.tiny.dropout", 1.0, "models.tiny.dropout", "less than 1, not 1.0"),
        ("recipes.quick.generator_lr", 0.0, "recipes.quick.generator_lr", "greater than 0"),
        ("recipes.quick.l1_weight", float("inf"), "recipes.quick.l1_weight", "finite"),
        ("recipes.quick.l1_weight", float("nan"), "recipes.quick.l1_weight", "finite"),
        ("experiments.first.seed", -1, "experiments.first.seed", "greater than or equal to 0"),
        ("experiments.Big", TINY["experiments"]["first"], "experiments.Big", "pattern"),
        ("recipes.quick.size", 96, "recipes.quick.size", "96 is not a power of two"),
        ("recipes.quick.size", 32, "recipes.quick.size", "greater than or equal to 64"),
        ("recipes.quick", TINY["recipes"]["quick"] | {"size": 128}, "recipes.quick", "jitter: 72 .* size: 128"),
        ("recipes.quick.decay_epochs", 4, "recipes.quick", "decay_epochs: 4 is more than epochs: 3"),
        ("recipes.quick", TINY["recipes"]["quick"] | {"gan_weight": 0, "l1_weight": 0}, "recipes.quick", "both 0"),
        ("models.tiny", SEGMENTER, "experiments.first", "one loss: recipes.quick.gan_weight must be 0, l1_weight 1"),
        ("models.tiny.conditional", "yes", "models.tiny.conditional", "boolean"),
        ("experiments.first.dataset", "x", "experiments.first.dataset", "no 'x' .*houses"),
        ("experiments.first.model", "x", "experiments.first.model", "no 'x' .*mean, tiny"),
        ("experiments.first.recipe", "x", "experiments.first.recipe", "no 'x' .*quick"),
        ("experiments.first.table", "x", "experiments.first.table", "no 'x' .*tiny"),
        ("reports.tiny.references", ["x"], "reports.tiny.references", "no 'x' .*first, first_mean"),
        ("reports.other", {"title": "O", "references": ["first"]}, "reports.other.references", "no 'first'"),
    ],
)
def test_a_mistake_is_named_by_the_path_of_its_key(tmp_path: Path, key: str, value: Any, named: str, says: str) -> None:
    assert re.fullmatch(f"{re.escape(named)}: .*{says}.*", error_of(tmp_path, changed(key, value)))


@pytest.mark.parametrize(
    ("direction", "labels", "says"),
    [("BtoA", "facades", "direction must be AtoB"), ("AtoB", None, "predicts facades; datasets.houses has others")],
)
def test_classes_are_those_of_b(tmp_path: Path, direction: str, labels: str | None, says: str) -> None:
    whole = changed("models.tiny", SEGMENTER)
    whole["recipes"]["quick"] |= {"gan_weight": 0.0, "l1_weight": 1.0}
    whole["experiments"]["first"]["direction"] = direction
    whole["datasets"]["houses"]["labels"] = labels
    assert says in error_of(tmp_path, whole)


@pytest.mark.parametrize("edges", [CANNY, DOODLE])
def test_thresholds_are_ordered(tmp_path: Path, edges: dict[str, Any]) -> None:
    error = error_of(tmp_path, changed("datasets.houses.prepare", CARS | {"edges": edges | {"low": 111}}))
    assert error == "datasets.houses.prepare.edges: low (111) must not be above high (110)"


def test_every_mistake_of_a_file_is_named(tmp_path: Path) -> None:
    error = error_of(tmp_path, changed("recipes.quick.epochs", "1") | {"reports": {"tiny": {"title": "Tiny"}}})
    assert re.fullmatch(r"recipes\.quick\.epochs: .*; reports\.tiny\.references: Field required", error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "dictionary"),
        ("- 1\n", "dictionary"),
        ("a: [", "not readable as YAML: .*line 1"),
        ("\ta: 1\n", "not readable as YAML"),
        ("a: 1\nb: 2\na: 3\n", 'duplicate key "a" .*line 3'),
        ("a: 1\n---\nb: 1\n", "not readable as YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "not readable as YAML: could not determine a constructor"),
        ("a: !!int x\n", "not readable as YAML"),
    ],
)
def test_what_is_not_a_mapping_in_yaml_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    assert re.search(says, error_of(tmp_path, text))


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(FileNotFoundError, match=r"params\.yaml: no such file"):
        read_configuration(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"params\.yaml: not readable as YAML"):
        read_configuration(path)


def test_yaml_is_read_as_dvc_reads_it(tmp_path: Path) -> None:
    """YAML 1.2: 1e-4 is a number, `no` is a word."""
    path = tmp_path / "params.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(TINY, file)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("generator_lr: 0.0002", "generator_lr: 1e-4"), encoding="utf-8")
    assert read_configuration(path).recipes["quick"].generator_lr == 1e-4
    error = error_of(tmp_path, text.replace("mirror: true", "mirror: no"))
    assert error == "recipes.quick.mirror: Input should be a valid boolean, not 'no'"


def test_an_unknown_name_lists_what_there_is(configuration: Configuration) -> None:
    with pytest.raises(
        ValueError, match=r"^params.yaml: experiments: there is no 'x' \(there are: first, first_mean\)$"
    ):
        entry(configuration.experiments, "x", "experiments")


@pytest.mark.parametrize(("verb", "name", "recipe"), [("train", "nope", {}), ("report", "tiny", {"size": 96})])
def test_the_command_line_answers_with_one_line_and_exit_code_1(
    tiny_repo: Path, verb: str, name: str, recipe: dict[str, Any]
) -> None:
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(TINY | {"recipes": {"quick": TINY["recipes"]["quick"] | recipe}}, file)
    command = [sys.executable, "-m", f"stages.{verb}", name]
    done = subprocess.run(command, env={"PYTHONPATH": str(REPO)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"error: params.yaml: [^\n]*(nope|recipes.quick.size: 96)[^\n]*\n", done.stderr)
    assert not Path("models").exists()


@pytest.mark.parametrize("section", list(Configuration.model_fields))
def test_params_yaml_is_documented_key_by_key(section: str) -> None:
    """The comment that heads a section explains every field of its models, and nothing that is not one."""
    text = (REPO / "params.yaml").read_text(encoding="utf-8")
    header = text.partition(f"# ---- {section}: ")[2].partition(f"\n{section}:\n")[0]
    lines = re.findall(r"^#  ?(?: *)([a-z][a-z0-9_]*(?:, [a-z0-9_]+)*):", header, re.MULTILINE)
    documented = {key for line in lines for key in line.split(", ")}
    fields = {name for model in models(Configuration.model_fields[section].annotation) for name in model.model_fields}
    assert documented == fields


def models(annotation: Any) -> set[type[BaseModel]]:
    """Every model that an annotation mentions, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.values()
        return {annotation}.union(*(models(field.annotation) for field in fields))
    return set[type[BaseModel]]().union(*(models(part) for part in get_args(annotation)))


def test_the_shipped_params_are_valid() -> None:
    shipped = read_configuration(REPO)
    assert {"demo_cars", "demo_facades", "facades", "cars", "cars_28", "facades_small"} <= set(shipped.experiments)
    for table in {experiment.table for experiment in shipped.experiments.values()}:
        rows = [e for e in shipped.experiments.values() if e.table == table]
        assert {e.dataset for e in rows} == {e.dataset for e in rows if e.model == "mean"}, "a baseline for every row"
