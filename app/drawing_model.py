"""What the drawing page is told of a network, as the entries of its models.json: made by `make app` and `make site`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open

from pix2pix.config.checks import check
from pix2pix.config.configuration import Configuration
from pix2pix.config.resolved import Experiment
from pix2pix.config.weights_metadata import WeightsMetadata, in_words
from pix2pix.evaluation.result_files import Card, Metrics, Spread
from pix2pix.files.image_grid import spread
from pix2pix.files.images import Uint8
from pix2pix.files.json_csv import read_json
from pix2pix.pairs.palettes import PALETTES, decode, palette
from pix2pix.pairs.stitched import read_pairs, read_sides
from pix2pix.reporting.records import LOGS, RECORDS, Record, duration

SIDE = 512  # pixels of the page's drawing
EXAMPLES = 8
GROUND = {"facades": "facade", "cityscapes": "building"}  # palette -> the class of an empty drawing
FIRST = {"facades": "window", "cityscapes": "car"}  # palette -> the class to begin with
SCORES = {"psnr": ("PSNR", "{:.2f} ± {:.2f} dB"), "ssim": ("SSIM", "{:.4f} ± {:.4f}"), "l1": ("L1", "{:.4f} ± {:.4f}")}


class Examples(BaseModel):
    """A picture of `count` inputs in a row, squares of the network's size; beneath them the targets, if `truth`."""

    file: str
    count: int
    truth: bool


class DrawingModel(BaseModel):
    """An entry of models.json. A network runs in the page (`onnx`), or drawings are posted to `address`."""

    name: str
    size: int
    onnx: str | None = None
    bytes: int | None = None
    address: str | None = None
    classes: dict[str, str]
    """name -> #rrggbb; empty where the sources are no label maps"""
    ground: str
    first: str
    pen: int
    """width of a line on a drawing of 512 pixels"""
    examples: Examples | None = None
    learned: str
    card: dict[str, str]


@dataclass(frozen=True)
class Scored:
    """The scores of an experiment's held-out images."""

    card: Card
    metrics: Metrics
    intervals: dict[str, Spread]


def drawing_model(experiment: Experiment, metadata: WeightsMetadata, weights: Path) -> DrawingModel:
    """What is told of an experiment's weights, whose file is `weights`, before it is known where they run."""
    labels = experiment.dataset.labels if experiment.direction == "BtoA" else None
    classes = PALETTES[labels] if labels else {}
    scored = read_scores(Path("results", experiment.study, experiment.name), metadata)
    return DrawingModel(
        name=experiment.name,
        size=metadata.recipe.size,
        classes={name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in classes.items()},
        ground=GROUND[labels] if labels else "",
        first=FIRST[labels] if labels else "",
        pen=max(2, SIDE // metadata.recipe.size),  # one pixel for the network
        learned=learned(metadata, read_record(experiment.name, weights)),
        card=card_rows(metadata, scored),
    )


def example_row(experiment: Experiment, *, size: int, truth: bool) -> tuple[Uint8, int] | None:
    """Held-out sources side by side, beneath them their targets, if `truth`; and their number. None without pairs.

    Label maps are in the clean colours of their classes, whatever JPEG made of them.
    """
    try:
        pairs = read_pairs(Path("data/pairs", experiment.dataset_name), experiment.split)
    except FileNotFoundError:
        return None
    sides = [read_sides(pairs[i], direction=experiment.direction, size=size) for i in spread(EXAMPLES, of=len(pairs))]
    sources = [source for source, _ in sides]
    if (labels := experiment.dataset.labels) and experiment.direction == "BtoA":
        sources = [palette(labels)[decode(source, labels)] for source in sources]
    rows = [sources, [target for _, target in sides]][: 1 + truth]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows]), len(sides)


def read_metadata(path: Path) -> WeightsMetadata:
    """What a weights file says of its weights, which are not read.

    Raises:
        FileNotFoundError, ValueError: no such file, or not weights of this project.
    """
    try:
        with path.open("rb"), safe_open(path, framework="numpy") as file:
            said = json.loads((file.metadata() or {})["metadata"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a weights file of this project ({error})") from None
    metadata: WeightsMetadata = check(f"{path}: metadata", WeightsMetadata, said)
    return metadata


def read_record(name: str, weights: Path) -> Record | None:
    """The record of the training that made this weights file, if there is one."""
    digest = hashlib.md5(weights.read_bytes()).hexdigest()
    paths = [folder / f"{name}.json" for folder in (LOGS, RECORDS)]
    records = [read_json(path, Record) for path in paths if path.exists()]
    return next((record for record in records if record.weights == digest), None)


def learned(metadata: WeightsMetadata, record: Record | None) -> str:
    """One sentence: how long a network was trained, and on what."""
    recipe = metadata.recipe
    pairs = round(metadata.step * recipe.batch_size / max(metadata.epoch, 1))
    time = f" {duration(record.seconds)}" if record else ""
    return f"Trained{time} on {pairs} pairs of {metadata.dataset}, {recipe.size} px, {metadata.epoch} epochs."


def drawable(configuration: Configuration) -> list[str]:
    """The experiments with trained weights here, in the order of their files, without the mean baselines.

    Raises:
        FileNotFoundError: there are none.
    """
    here = [name for name in configuration.names("experiments") if weights(name).is_file()]
    names = [name for name in here if configuration.experiment(name).learns]
    if not names:
        raise FileNotFoundError("models/: no trained network here yet; `make demo` makes two in a few minutes")
    return names


def weights(name: str) -> Path:
    return Path("models", name, "last.safetensors")


def read_scores(folder: Path, metadata: WeightsMetadata) -> Scored | None:
    """The scores in results/<study>/<experiment>/; None where these weights were not scored, but none or others."""
    try:
        card = read_json(folder / "card.json", Card)
        metrics = read_json(folder / "metrics.json", Metrics)
        intervals = read_json(folder / "intervals.json", dict[str, Spread])
    except FileNotFoundError:
        return None
    same = card.model_dump(include=set(WeightsMetadata.model_fields)) == metadata.model_dump()
    return Scored(card, metrics, intervals) if same else None


def card_rows(metadata: WeightsMetadata, scored: Scored | None) -> dict[str, str]:
    """Data, model and recipe of the weights, and their scores, in words."""
    source, target = metadata.direction.split("to")
    scores = "not evaluated yet"
    if scored:
        means, spreads = scored.metrics.values, scored.intervals
        each = [f"{title} {form.format(means[key], spreads[key].sd)}" for key, (title, form) in SCORES.items()]
        scores = f"{scored.metrics.n} images of {scored.card.split}: {', '.join(each)}"
    return {
        "data": f"{metadata.dataset}, {source} → {target}",
        "model": _listed(metadata.model.model_dump()),
        "recipe": _listed(metadata.recipe.model_dump()),
        "trained": f"{metadata.epoch} epochs, {metadata.step} steps, seed {metadata.seed}",
        **({"begun from": in_words(metadata.lineage)} if metadata.lineage else {}),
        "scores": scores,
    }


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items() if value is not None)
