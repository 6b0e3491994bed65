"""Laws of config/schema.json: it is that of today's types, explains every key, and knows a wrong file."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from pix2pix.config.configuration import SECTIONS
from tests.support.repository import REPO
from tools.schema import SCHEMA, schema

FILES = [REPO / "params.yaml", *sorted((REPO / "config").rglob("*.yaml"))]
VALID = Draft202012Validator(schema())


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def test_the_file_is_that_of_todays_types() -> None:
    assert json.loads((REPO / SCHEMA).read_text(encoding="utf-8")) == schema(), "run `make schema` and commit"
    assert tuple(schema()["properties"]) == SECTIONS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_shipped_file_is_valid_and_names_the_schema(path: Path) -> None:
    assert [error.message for error in VALID.iter_errors(read(path))] == []
    named = path.read_text(encoding="utf-8").split("\n")[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == REPO / SCHEMA


@pytest.mark.parametrize(
    ("file", "keys", "value", "says"),
    [
        ("params.yaml", ["recipes", "small", "epoch"], 3, "'epoch' was unexpected"),
        ("params.yaml", ["recipes", "small", "epochs"], "3", "'3' is not of type 'integer'"),
        ("params.yaml", ["models", "pix2pix_small", "dropout"], 1, "1 is greater than or equal to the maximum"),
        ("params.yaml", ["models", "mean", "channels"], 3, "'channels' was unexpected"),
        ("config/datasets.yaml", ["datasets", "facades", "download", "archive"], "faces", "'faces' is not one of"),
        ("config/datasets.yaml", ["datasets", "maps", "prepare", "layout"], "tiled", "'tiled' is not one of"),
        ("config/studies/demo.yaml", ["experiments", "demo_cars", "set"], {"lr": 0.1}, "'lr' was unexpected"),
        ("config/studies/demo.yaml", ["experiment"], {}, "'experiment' was unexpected"),
    ],
)
def test_a_wrong_key_or_value_is_named(file: str, keys: list[str], value: Any, says: str) -> None:
    content = copy.deepcopy(read(REPO / file))
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    [error] = VALID.iter_errors(content)
    assert says in error.message


def test_every_key_is_explained() -> None:
    whole = schema()
    for name, entry in {"": whole, **whole["$defs"]}.items():
        assert entry["description"], name
        assert all(key["description"] for key in entry["properties"].values()), name
