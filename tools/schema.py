"""Write config/schema.json, by which an editor completes and explains params.yaml and config/**/*.yaml: `make schema`

It comes from the types of pix2pix/config. Models and recipes may be partial there, since they say only what differs
from `pix2pix` and `paper`; names that an entry refers to are checked when a command reads it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from pix2pix.config.datasets import Dataset
from pix2pix.config.fields import Strict
from pix2pix.config.models import Model
from pix2pix.config.recipes import Recipe
from pix2pix.config.study_entries import ExperimentEntry, FcnScoreEntry, RobustnessEntry, StudyEntry
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run

SCHEMA = Path("config/schema.json")


class Sections(Strict):
    """A file of the configuration: it holds some of these sections."""

    models: dict[str, Model]
    """what is trained; a pix2pix model says only what differs from `pix2pix`"""
    recipes: dict[str, Recipe]
    """how it is trained; a recipe says only what differs from `paper`"""
    datasets: dict[str, Dataset]
    """sets of pairs: data/raw/<dataset>/ and data/pairs/<dataset>/"""
    studies: dict[str, StudyEntry]
    """tables: results/<study>.md, .png and .html"""
    experiments: dict[str, ExperimentEntry]
    """trainings, the rows of the study's table"""
    refined: dict[str, ExperimentEntry]
    """trainings that begin from the last weights of another experiment, which their `init` names"""
    incumbent: dict[str, ExperimentEntry]
    """rows that pytorch-CycleGAN-and-pix2pix trains, outside the graph, by tools/incumbent.py; their names say so"""
    fcn_scores: dict[str, FcnScoreEntry]
    """studies whose experiments get an FCN-score"""
    robustness: dict[str, RobustnessEntry]
    """experiments that are tried on other drawings"""


def schema() -> dict[str, Any]:
    """The JSON Schema of any file of the configuration."""
    whole = Sections.model_json_schema()
    entries = whole["$defs"]
    for partial in (whole, entries["Pix2Pix"], entries["Recipe"]):
        del partial["required"]
    dials: dict[str, Any] = {}
    for name in ("Pix2Pix", "FCN", "UNetAlone", "Recipe"):
        dials |= entries[name]["properties"]
    del dials["kind"]
    entries["ExperimentEntry"]["properties"]["set"] |= {"properties": dials, "additionalProperties": False}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_plain(whole)}


def _plain(node: Any) -> Any:
    """Without pydantic's titles, which repeat the keys, and without defaults.

    Of a choice by a key (`kind`, `source`, ...) only the schema of the chosen value is asked, so that it names what is
    wrong.
    """
    if isinstance(node, dict) and "discriminator" in node:
        mapping, key = map(node.pop("discriminator").get, ("mapping", "propertyName"))
        del node["oneOf"]
        node |= {"type": "object", "properties": {key: {"enum": [*mapping]}}, "required": [key] * (key != "kind")}
        node["allOf"] = [  # a model that does not say its kind is of pix2pix
            {
                "if": {"properties": {key: {"const": value}}, "required": [key] * (value != "pix2pix")},
                "then": {"$ref": entry},
            }
            for value, entry in mapping.items()
        ]
    if isinstance(node, dict):
        titled = isinstance(node.get("title"), str)  # else it is a key of ours
        return {k: _plain(v) for k, v in node.items() if k != "default" and not (k == "title" and titled)}
    return [_plain(entry) for entry in node] if isinstance(node, list) else node


def main() -> None:
    argparse.ArgumentParser(description="Write config/schema.json from the types of pix2pix/config.").parse_args()
    with whole_file(SCHEMA) as partial:
        partial.write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
