"""A row of a table: what stands under results/<table>/<experiment>/."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from stages.pix2pix.grids import tiles
from stages.pix2pix.images import Uint8, read_image


@dataclass(frozen=True)
class Row:
    """`score` and `perceptual` are empty where the experiment has none."""

    name: str
    folder: Path
    card: dict[str, Any]
    metrics: dict[str, Any]
    score: dict[str, Any]
    perceptual: dict[str, Any]
    per_image: pd.DataFrame

    @property
    def data(self) -> tuple[str, str, int]:
        """Rows are comparable image by image where this is equal."""
        return self.card["dataset"], self.card["direction"], self.card["recipe"]["size"]

    @property
    def learned(self) -> bool:
        return bool(self.card["model"]["kind"] != "mean")

    @property
    def numbers(self) -> dict[str, Any]:
        """Every number of the row by one name: of metrics.json, fcn_... of score.json, fid and lpips."""
        return self.metrics | {f"fcn_{key}": value for key, value in self.score.items()} | self.perceptual

    @cached_property
    def pictures(self) -> list[list[Uint8]]:
        """Input, generated and target of each image of grid.png; the ids stand in the card.

        Raises:
            ValueError: grid.png is not such a grid.
        """
        size = self.card["recipe"]["size"]
        picture = read_image(self.folder / "grid.png")
        try:
            return tiles(picture, rows=len(self.card["grid"]), columns=3, size=(size, size), across=2)
        except ValueError as error:
            raise ValueError(f"{self.folder}/grid.png: {error}; render again") from None


def read_row(folder: Path, *, scored: bool) -> Row:
    """Read the results of the experiment whose name is the folder's; score.json where it is `scored`.

    Raises:
        FileNotFoundError: a file is missing; says which stage makes it.
        ValueError: FID and LPIPS are of other images.
    """
    name, stage = folder.name, "evaluate"
    try:
        card, metrics = (_json(folder / file) for file in ("card.json", "metrics.json"))
        words = {"split": str, "id": str, "group": str}  # an image may be called NA, a map may be all void
        empty = {"pixel_accuracy": [""]}
        per_image = pd.read_csv(folder / "per_image.csv", dtype=words, keep_default_na=False, na_values=empty)
        stage = "score"
        score = _json(folder / "score.json") if scored else {}
    except FileNotFoundError as error:
        missing = f"{error.filename}: {name} is not {stage}d yet"
        raise FileNotFoundError(f"{missing}; run `dvc repro {stage}@{name}`") from None
    path = folder / "perceptual.json"
    perceptual = _json(path) if path.exists() else {}
    if perceptual and perceptual.pop("card", None) != card:
        raise ValueError(
            f"{path}: of images that were rendered before; delete it, or `python -m tools.perceptual {name}`"
        )
    return Row(name, folder, card, metrics, score, perceptual, per_image)


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))
