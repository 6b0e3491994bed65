"""A row of a table: what stands under results/<table>/<experiment>/."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pix2pix.files.checked import Wanted, read_object, read_table
from pix2pix.files.image_grid import tiles
from pix2pix.files.images import Uint8, read_image

CARD: dict[str, Wanted] = {
    "dataset": str,
    "direction": ("AtoB", "BtoA"),
    "split": str,
    "seed": int,
    "epoch": int,
    "grid": list,
    "model": {"kind": str},
    "recipe": {"size": int},
}
PER_IMAGE = ["split", "id", "group"]
SCORES = [f"{score}{end}" for score in ("psnr", "ssim", "l1") for end in ("", "_sd", "_ci95_low", "_ci95_high")]
FCN_SCORES = [f"{real}{key}" for real in ("", "real_") for key in ("pixel_accuracy", "class_accuracy", "mean_iou")]


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
        """Every number of the row by one name: of metrics.json, fcn_... of fcn_score.json, fid and lpips."""
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
    """Read the results of the experiment whose name is the folder's; fcn_score.json where it is `scored`.

    Raises:
        FileNotFoundError: a file is missing; says which stage makes it.
        ValueError: a file is broken, or FID and LPIPS are of other images.
    """
    name, stage = folder.name, "evaluate"
    try:
        card = read_object(folder / "card.json", CARD)
        metrics = _numbers(folder / "metrics.json", words={"n": int, "groups": int}, numbers=SCORES)
        per_image = read_table(folder / "per_image.csv", words=PER_IMAGE, numbers=["psnr", "ssim", "l1"])
        stage = "fcn_score"
        score = _numbers(folder / "fcn_score.json", words={"segmenter": str}, numbers=FCN_SCORES) if scored else {}
    except FileNotFoundError as error:
        missing = f"{error.filename}: {name} has no results of {stage} yet"
        raise FileNotFoundError(f"{missing}; run `dvc repro {stage}@{name}`") from None
    path = folder / "perceptual.json"
    perceptual = _numbers(path, words={"card": dict}, numbers=[]) if path.exists() else {}
    if perceptual and perceptual.pop("card", None) != card:
        raise ValueError(
            f"{path}: of images that were rendered before; delete it, or `python -m tools.perceptual {name}`"
        )
    if per_image.duplicated(["split", "id"]).any():
        raise ValueError(f"{folder}/per_image.csv: an image stands twice; run `dvc repro {stage}@{name}`")
    return Row(name, folder, card, metrics, score, perceptual, per_image)


def _numbers(path: Path, *, words: dict[str, Wanted], numbers: Sequence[str]) -> dict[str, Any]:
    """A flat object of `words`, and of numbers or null, among them `numbers`."""
    content = read_object(path, words)
    if "fg_ssim" in content:
        numbers = [*numbers, *(f"fg_{key}" for key in SCORES)]
    for key in [*numbers, *content]:
        if key not in words and not isinstance(content.get(key, ""), int | float | None):
            raise ValueError(f"{path}: {key} must be a number, not {content.get(key, 'missing')!r:.80}")
    return content
