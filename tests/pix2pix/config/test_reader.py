"""Laws of reading: files as DVC reads and writes them, each explained key by key; what is broken is said in a line."""

import difflib
import importlib
import re
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from pix2pix.config.datasets import Dataset
from pix2pix.config.models import Model
from pix2pix.config.reader import read_configuration
from pix2pix.config.recipes import Recipe
from pix2pix.files.entry_point import run
from tests.support.repository import REPO
from tests.support.tiny import TINY, write_configuration

SHIPPED = [REPO / "params.yaml", *sorted((REPO / "config").rglob("*.yaml"))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_configuration(TINY)
    return tmp_path


def replace(file: str, old: str, new: str) -> None:
    text = Path(file).read_text(encoding="utf-8")
    assert old in text
    Path(file).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_shipped_configuration_has_no_mistake() -> None:
    configuration = read_configuration(REPO)
    assert configuration.problems() == []
    for study in map(configuration.study, configuration.names("studies")):
        rows = [configuration.experiment(name) for name in study.experiments]
        means = {(row.dataset_name, row.direction) for row in rows if not row.learns}
        assert {(row.dataset_name, row.direction) for row in rows} == means, f"{study.name}: a baseline for every row"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(REPO)))
def test_a_file_is_in_the_form_that_dvc_writes(path: Path) -> None:
    """`dvc exp run -S` rewrites the file: only the changed value may differ then."""
    from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update  # noqa: PLC0415  # the engine, for this law alone

    text = path.read_text(encoding="utf-8")
    assert dumps_yaml(parse_yaml_for_update(text, path)) == text


@pytest.mark.parametrize(
    ("file", "value"),
    [("params.yaml", "recipes.small.epochs=7"), ("config/datasets.yaml", "datasets.toy_cars.download.cars=7")],
)
def test_trying_a_value_changes_one_line_of_the_files_one_plays_with(file: str, value: str, tmp_path: Path) -> None:
    """By what `dvc exp run -S` calls. (In a study's file it writes the rows of `<<` out.)"""
    from dvc.utils.hydra import apply_overrides  # noqa: PLC0415

    before = (REPO / file).read_text(encoding="utf-8")
    copy = tmp_path / Path(file).name
    copy.write_text(before, encoding="utf-8")
    apply_overrides(str(copy), [value])
    after = copy.read_text(encoding="utf-8")
    assert len([line for line in difflib.ndiff(before.split("\n"), after.split("\n")) if line[0] == "-"]) == 1
    assert after.count("\n") == before.count("\n")


def models(annotation: Any) -> set[type[BaseModel]]:
    """Every model that an annotation mentions, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}.union(*(models(field.annotation) for field in annotation.model_fields.values()))
    return set[type[BaseModel]]().union(*(models(part) for part in get_args(annotation)))


# that were added later: params.yaml has them only where they differ from their neutral defaults
OPTIONS = {name for kind in models(Model | Recipe) for name, key in kind.model_fields.items() if not key.is_required()}


@pytest.mark.parametrize(
    ("file", "kinds", "nowhere"),
    [
        ("params.yaml", Model | Recipe, OPTIONS),
        (
            "config/datasets.yaml",
            Dataset,
            {"download", "prepare", "edges", "sha256", "layout", "size", "seed", "parts", "label_numbers", "leave_out"}
            | {"hold_out", "pair_by", "A", "B"},
        ),
    ],
)
def test_each_key_is_explained_once_in_the_words_of_its_type(file: str, kinds: Any, nowhere: set[str]) -> None:
    """`nowhere`: keys of which the head of the file, or the schema alone, says more."""
    described: dict[str, set[str]] = {}
    for model in models(kinds):
        for name, field in model.model_fields.items():
            assert field.description, (model, name)
            own_name = re.match(r"[a-z0-9_]+: ", field.description)  # of one of several kinds
            description = field.description[own_name.end() if own_name else 0 :]
            described.setdefault(name, set()).add(description)
    text = (REPO / file).read_text(encoding="utf-8")
    comments = re.findall(r"^ +([a-z0-9_]+):[^\n#]*  # ([^\n]*)$", text, re.MULTILINE)
    comments += [(key, line) for line, key in re.findall(r"^ +# ([^\n]*)\n +([a-z0-9_]+):", text, re.MULTILINE)]
    explained = [(key, comment) for key, comment in comments if key in described and not comment.startswith("----")]
    assert len(set(explained)) == len(explained), "a key is explained twice"
    assert [(key, comment) for key, comment in explained if comment not in described[key]] == []
    left_out = {key for key, lines in described.items() for line in lines if (key, line) not in explained}
    assert left_out == nowhere


def test_yaml_is_read_as_dvc_reads_it(folder: Path) -> None:
    """YAML 1.2: 1e-4 is a number, `no` is a word."""
    replace("params.yaml", "generator_lr: 0.0002", "generator_lr: 1e-4")
    assert read_configuration().experiment("first").recipe.generator_lr is not None
    replace("params.yaml", "mirror: true", "mirror: no")
    assert "mirror: Input should be a valid boolean, not 'no'" in "; ".join(read_configuration().problems())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"- 1\n", "must be a map of sections"),
        (b"experiments: [1]\n", "experiments: must be a map of names"),
        (b"experiment: {}\n", "experiment: unknown section"),
        (b"experiments: {My-Big: {}}\n", "experiments.My-Big: a name has small letters, .*, such as my_big"),
        (b"studies: [", "not readable as YAML: .*line"),
        (b"studies:\n\tx: 1\n", "not readable as YAML"),
        (b"studies: {}\nstudies: {}\n", r"found duplicate key .studies. \(line 2\)"),
        (b"a: !!python/object/apply:os.getcwd []\n", "not readable as YAML: could not determine a constructor"),
        (b"\xff\xfe\x00", "not readable as YAML"),
        (b"datasets: {houses: {}}\n", "datasets.houses stands in config/datasets.yaml already"),
    ],
)
def test_a_broken_file_is_a_warning_and_stops_who_needs_it(
    folder: Path, content: bytes, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config/studies/other.yaml").write_bytes(content)
    configuration = read_configuration()
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(f"warning: config/studies/other.yaml: .*{says}.*", line)
    assert configuration.experiment("first").study == "tiny"
    assert line.removeprefix("warning: ") in configuration.problems()
    with pytest.raises(ValueError, match=rf"no 'x' .*; {re.escape(line.removeprefix('warning: '))}"):
        configuration.experiment("x")


def test_a_mistake_names_its_file(folder: Path) -> None:
    replace("config/studies/tiny.yaml", "dataset: houses", "dataset: villas")
    (line,) = [line for line in read_configuration().problems() if "villas" in line]
    assert line.startswith("config/studies/tiny.yaml: experiments.first.dataset: there is no 'villas'")


@pytest.mark.parametrize(
    ("words", "file", "change", "says"),
    [
        (["train", "nope"], None, None, "experiments: there is no 'nope' (there are: first, first_mean)"),
        (["report", "nope"], None, None, "studies: there is no 'nope' (there are: tiny)"),
        (["prepare", "nope"], None, None, "datasets: there is no 'nope' (there are: houses)"),
        (["train", "first"], "params.yaml", ("size: 64", "size: 96"), "params.yaml: recipes.paper.size: 96 is not a"),
    ],
)
def test_the_command_line_answers_with_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    file: str | None,
    change: tuple[str, str] | None,
    says: str,
) -> None:
    if file and change:
        replace(file, *change)
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        run(importlib.import_module(f"stages.{words[0]}").main)
    assert re.fullmatch(rf"error: {re.escape(says)}[^\n]*", str(ended.value.code))
    assert not Path("models").exists()


def test_without_params_yaml_the_line_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"params\.yaml: no such file; run from the repository's root"):
        read_configuration(tmp_path)
