"""What the page shows, as pure functions: the canvas, the brush's colours, sources of the network, the card.

Images are uint8 RGB (H, W, 3); the canvas is CANVAS x CANVAS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.config.configuration import Configuration
from pix2pix.config.resolved import Experiment
from pix2pix.config.weights_metadata import WeightsMetadata, in_words
from pix2pix.evaluation.result_files import Card, Metrics, Spread
from pix2pix.files.images import Uint8, resize
from pix2pix.files.json_csv import read_json
from pix2pix.pairs.palettes import PALETTES

CANVAS = 512  # pixels; a line of a prepared drawing of 256 is two pixels of it wide
PEN, BRUSH = 2, 24  # pixels: the default width of a line, and of a painted class
INK, WHITE = (0, 0, 0), (255, 255, 255)
GROUND = {"facades": "facade", "cityscapes": "building"}  # palette -> the class of an empty canvas
FIRST = {"facades": "window", "cityscapes": "car"}  # palette -> the class that the brush begins with
SCORES = {"psnr": ("PSNR", "{:.2f} ± {:.2f} dB"), "ssim": ("SSIM", "{:.4f} ± {:.4f}"), "l1": ("L1", "{:.4f} ± {:.4f}")}


@dataclass(frozen=True)
class Scored:
    """The scores of an experiment's held-out images."""

    card: Card
    metrics: Metrics
    intervals: dict[str, Spread]


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


def source_classes(experiment: Experiment) -> dict[str, tuple[int, int, int]]:
    """The classes and colours of an experiment's source images; empty where these are no label maps."""
    labels = experiment.dataset.labels
    return PALETTES[labels] if labels and experiment.direction == "BtoA" else {}


def empty_canvas(experiment: Experiment) -> Uint8:
    """(CANVAS, CANVAS, 3): white, or filled with one class where the source is a label map."""
    classes, labels = source_classes(experiment), experiment.dataset.labels
    return np.full((CANVAS, CANVAS, 3), classes[GROUND[labels]] if classes and labels else WHITE, np.uint8)


def brush_colours(experiment: Experiment) -> list[str]:
    """As #rrggbb, the one to begin with first: black, or the colours of the classes."""
    classes, labels = source_classes(experiment), experiment.dataset.labels
    colours = list(classes.values()) or [INK]
    if classes and labels:
        colours.sort(key=lambda colour: colour != classes[FIRST[labels]])
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours]


def legend(classes: Mapping[str, tuple[int, int, int]]) -> str:
    """HTML: each class beside its colour; empty without classes."""
    entries = (f'<span><i style="background: rgb{colour}"></i>{name}</span>' for name, colour in classes.items())
    return f'<div class="legend">{"".join(entries)}</div>' if classes else ""


def as_source(image: Uint8, *, size: int) -> Uint8:
    """Any image (H, W, 3) -> (size, size, 3), resized as `prepare` and `train` do."""
    return resize(image, width=size, height=size)


def on_canvas(source: Uint8) -> Uint8:
    """A source image -> (CANVAS, CANVAS, 3), to be drawn on."""
    return resize(source, width=CANVAS, height=CANVAS)


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


def card_text(metadata: WeightsMetadata, scored: Scored | None) -> str:
    """The card in Markdown: data, model and recipe of the weights, and their scores."""
    source, target = metadata.direction.split("to")
    scores = "not evaluated yet"
    if scored:
        means, spreads = scored.metrics.values, scored.intervals
        each = [f"{title} {form.format(means[key], spreads[key].sd)}" for key, (title, form) in SCORES.items()]
        scores = f"{scored.metrics.n} images of {scored.card.split}: {', '.join(each)}"
    rows = {
        "data": f"{metadata.dataset}, {source} → {target}",
        "model": _listed(metadata.model.model_dump()),
        "recipe": _listed(metadata.recipe.model_dump()),
        "trained": f"{metadata.epoch} epochs, {metadata.step} steps, seed {metadata.seed}",
        **({"begun from": in_words(metadata.lineage)} if metadata.lineage else {}),
        "scores": scores,
    }
    lines = [f"| {key} | {value} |" for key, value in rows.items()]
    return "\n".join([lines[0], "|:--|:--|", *lines[1:]])


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items() if value is not None)
