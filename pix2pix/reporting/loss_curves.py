"""The losses of a training, epoch by epoch, as one SVG picture that needs no script and no network."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from pix2pix.files.json_csv import Cell, read_rows

TITLES = {"l1": "L1 (0–1)", "ce": "cross-entropy", "gan": "GAN, generator", "d": "GAN, discriminator"}
SPLITS = {"train": ("training", "#9aa5b1"), "val": ("validation", "#0b5cad")}  # name and colour of their lines
WIDTH, HEIGHT = 320, 200  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 48, WIDTH - 16, 30, HEIGHT - 34  # of the axes in it


def read_history(path: Path) -> list[dict[str, float]]:
    """history.csv of a training, a row an epoch; NaN where there is no value.

    Raises:
        FileNotFoundError, ValueError: it is missing or broken.
    """
    return read_rows(path, dict[str, Cell], columns=["epoch"])


def loss_curves(history: Sequence[Mapping[str, float]]) -> str:
    """SVG: a panel a loss, side by side, each with its training and its validation values.

    Args:
        history: epoch, and train_<loss> and val_<loss> of each loss.
    """
    losses = [key.removeprefix("train_") for key in history[0] if key.startswith("train_")]
    width = len(losses) * WIDTH
    panels = [
        f'<g transform="translate({i * WIDTH} 0)">\n{_panel(history, loss)}\n</g>' for i, loss in enumerate(losses)
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
    return "\n".join([f'{head} font-family="sans-serif" font-size="12">', *panels, "</svg>\n"])


def _panel(history: Sequence[Mapping[str, float]], loss: str) -> str:
    lines = {
        split: [(row["epoch"], value) for row in history if math.isfinite(value := row[f"{split}_{loss}"])]
        for split in SPLITS
    }
    values = [0.0, *(value for line in lines.values() for _, value in line)]
    step = _tick_distance(max(values) - min(values))
    low, high = math.floor(min(values) / step), max(math.ceil(max(values) / step), 1)  # in steps
    last = history[-1]["epoch"]

    def place(epoch: float, value: float) -> tuple[float, float]:
        up = (value / step - low) / (high - low)
        return round(LEFT + (RIGHT - LEFT) * epoch / last, 1), round(BOTTOM - (BOTTOM - TOP) * up, 1)

    parts = [_text(LEFT, 14, escape(TITLES.get(loss, loss)), 'font-weight="bold"')]
    for tick in range(low, high + 1):
        _, y = place(0, tick * step)
        parts.append(f'<path d="M{LEFT} {y}H{RIGHT}" stroke="#d8dee4"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{tick * step:g}", 'text-anchor="end"'))
    for epoch in sorted({0, round(last / 2), round(last)}):
        parts.append(_text(place(epoch, 0)[0], BOTTOM + 16, f"{epoch}", 'text-anchor="middle"'))
    parts.append(_text((LEFT + RIGHT) / 2, BOTTOM + 31, "epochs", 'text-anchor="middle" fill="#57606a"'))
    for right, (split, (name, colour)) in zip((RIGHT - 68, RIGHT), SPLITS.items(), strict=True):
        points = [place(*point) for point in lines[split][:1] + lines[split]]  # one point alone is a dot
        path = "\n".join(f"{x} {y}" for x, y in points)
        stroke = f'stroke="{colour}" stroke-width="2" stroke-linecap="round"'
        parts.append(f'<polyline points="{path}" fill="none" {stroke}/>')
        parts.append(_text(right, 14, name, f'text-anchor="end" fill="{colour}"'))
    return "\n".join(parts)


def _tick_distance(height: float) -> float:
    """1, 2 or 5 times a power of ten: two to five of them are `height`."""
    power = 10.0 ** math.floor(math.log10(height / 2)) if height > 0 else 1.0
    return next(factor * power for factor in (1, 2, 5, 10) if height <= 5 * factor * power)


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" {style}>{text}</text>'
