"""Three experiments, rendered and evaluated, as `report` finds them; and reading what it wrote."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pix2pix.config.configuration import Configuration
from pix2pix.files.image_grid import grid
from pix2pix.files.images import Uint8, write_png
from stages.evaluate import evaluate
from tests.stages.test_evaluate import save_rendered
from tests.support.tiny import TINY, random_image

FOLDER = Path("results/tiny")
ROWS: dict[str, dict[str, Any]] = {
    "first": {"noise": 10},
    "first_seed1": {"noise": 12, "seed": 1},
    "first_mean": {"noise": 40, "model": {"kind": "mean"}},
}


pictures: dict[str, list[list[Uint8]]] = {}  # the tiles of each experiment's grid.png


@pytest.fixture(name="three")
def three_rows(tiny_repo: Path) -> Configuration:
    """Two seeds and a baseline, rendered and evaluated."""
    experiments = TINY["experiments"] | {"first_seed1": TINY["experiments"]["first"] | {"seed": 1}}
    configuration = Configuration(TINY | {"experiments": {name: experiments[name] for name in ROWS}})
    pictures.clear()
    for seed, (name, row) in enumerate(ROWS.items()):
        save_rendered(FOLDER / name, **row)
        evaluate(configuration.experiment(name))
        pictures[name] = [[random_image(100 * seed + 10 * i + x) for x in range(3)] for i in range(3)]
        write_png(FOLDER / name / "grid.png", grid(pictures[name], columns=["input", "generated", "target"], across=2))
    return configuration


def edit(name: str, file: str, **values: Any) -> None:
    path = FOLDER / name / file
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def tables(text: str) -> list[list[dict[str, str]]]:
    """The Markdown tables of a text, each a list of rows."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        found.append([dict(zip(cells[0], row, strict=True)) for row in cells[2:]])
    return found


def read_report() -> str:
    return Path("results/tiny.md").read_text(encoding="utf-8")
