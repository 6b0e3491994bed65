"""What the page shows, as pure functions: a drawing or a file as a source, pens and papers, cards.

Sources are uint8 RGB (size, size, 3), as training saw them; the canvas is CANVAS x CANVAS.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.config.configuration import Configuration
from pix2pix.config.experiment import Experiment
from pix2pix.evaluation.result_files import Card, Metrics, Spread
from pix2pix.files.checked import read_json
from pix2pix.files.images import Uint8, resize
from pix2pix.pairs.palettes import PALETTES

CANVAS = 512  # pixels; a line of a prepared drawing of 256 is two pixels of it wide
PEN = 2
BRUSH = 24
INK, WHITE = (0, 0, 0), (255, 255, 255)
GROUND = {"facades": "facade", "cityscapes": "building"}  # what a blank sheet is full of
FIRST = {"facades": "window", "cityscapes": "car"}  # what the brush paints first
SCORES = {"psnr": ("PSNR", "{:.2f} ± {:.2f} dB"), "ssim": ("SSIM", "{:.4f} ± {:.4f}"), "l1": ("L1", "{:.4f} ± {:.4f}")}


def drawable(configuration: Configuration) -> list[str]:
    """The experiments whose trained networks are here, in the order of their files, without the mean baselines.

    Raises:
        FileNotFoundError: there is none.
    """
    names = [
        name
        for name in configuration.names("experiments")
        if weights(name).is_file() and configuration.experiment(name).learns
    ]
    if not names:
        raise FileNotFoundError("models/: no trained network here yet; `make demo` makes two in a few minutes")
    return names


def weights(name: str) -> Path:
    return Path("models", name, "last.safetensors")


def source_classes(experiment: Experiment) -> dict[str, tuple[int, int, int]]:
    """The classes, with their colours, that sources of this experiment are painted in; empty where they are none."""
    labels = experiment.dataset.labels
    return PALETTES[labels] if labels and experiment.direction == "BtoA" else {}


def blank(experiment: Experiment) -> Uint8:
    """The empty canvas (CANVAS, CANVAS, 3): white, or where classes are painted, full of their ground."""
    classes = source_classes(experiment)
    labels = experiment.dataset.labels
    return np.full((CANVAS, CANVAS, 3), classes[GROUND[labels]] if classes and labels else WHITE, np.uint8)


def pens(experiment: Experiment) -> list[str]:
    """The brush's colours as #rrggbb, the one to begin with first: black, or those of the classes."""
    classes = source_classes(experiment)
    labels = experiment.dataset.labels
    colours = list(classes.values())
    if labels and classes:
        colours.sort(key=lambda colour: colour != classes[FIRST[labels]])
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours or [INK]]


def legend(classes: Mapping[str, tuple[int, int, int]]) -> str:
    """HTML: each class beside its colour; empty without classes."""
    entries = (f'<span><i style="background: rgb{colour}"></i>{name}</span>' for name, colour in classes.items())
    return f'<div class="legend">{"".join(entries)}</div>' if classes else ""


def as_source(image: Uint8, *, size: int) -> Uint8:
    """Any image (H, W, 3) -> (size, size, 3), resized as `prepare` and `train` resize theirs."""
    return resize(image, width=size, height=size)


def on_canvas(source: Uint8) -> Uint8:
    """A source as it is shown to be drawn on: (CANVAS, CANVAS, 3)."""
    return resize(source, width=CANVAS, height=CANVAS)


def read_scores(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Means and (with _sd) spreads in results/<study>/<experiment>/, n and split; {} where these weights have none.

    Results of earlier weights (another card) are none of these weights'.
    """
    try:
        card = read_json(folder / "card.json", Card)
        metrics = read_json(folder / "metrics.json", Metrics)
        intervals = read_json(folder / "intervals.json", dict[str, Spread])
    except FileNotFoundError:
        return {}
    if card.model_dump(include=set(about)) != about:
        return {}
    spreads = {f"{key}_sd": spread.sd for key, spread in intervals.items()}
    return {**metrics.values, **spreads, "n": metrics.n, "split": card.split}


def card_text(about: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    """The card in Markdown: data, model and recipe as the weights state them, and the scores of the held-out images."""
    first, second = ("A", "B") if about["direction"] == "AtoB" else ("B", "A")
    scored = [
        f"{name} {form.format(scores[key], scores[f'{key}_sd'])}" for key, (name, form) in SCORES.items() if scores
    ]
    rows = {
        "data": f"{about['dataset']}, {first} → {second}",
        "model": _listed(about["model"]),
        "recipe": _listed(about["recipe"]),
        "trained": f"{about['epoch']} epochs, {about['step']} steps, seed {about['seed']}",
        "scores": f"{scores['n']} images of {scores['split']}: {', '.join(scored)}" if scores else "not evaluated yet",
    }
    lines = [f"| {key} | {value} |" for key, value in rows.items()]
    return "\n".join([lines[0], "|:--|:--|", *lines[1:]])


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items() if value is not None)
