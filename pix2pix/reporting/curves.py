"""Curves over the epochs of a training as one SVG picture that needs no script and no network: losses, and scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from pix2pix.files.json_csv import Cell, read_rows

LOSSES = {"l1": "L1 (0–1)", "ce": "cross-entropy", "gan": "GAN, generator", "d": "GAN, discriminator"}
SPLITS = {"train": "training", "val": "validation"}
SCORES = {  # title of a panel -> keys of its lines, each with the line's name
    "spectrum distance": {"lsd": "of the set"},
    "Lab intersection": {"lab_l": "L", "lab_a": "a", "lab_b": "b"},
    "SSIM": {"ssim": "mean"},
}
COLOURS = ("#9aa5b1", "#0b5cad", "#b3541e")  # of the lines of a panel; a line alone has the second
WIDTH, HEIGHT = 320, 200  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 48, WIDTH - 16, 30, HEIGHT - 34  # of the axes in it
Row = Mapping[str, float]


@dataclass(frozen=True)
class Panel:
    """A title, and by name the points (epoch, value) of its lines."""

    title: str
    lines: dict[str, list[tuple[float, float]]]


def read_history(path: Path) -> list[dict[str, float]]:
    """history.csv of a training, or another table of values by epoch; NaN where there is no value.

    Raises:
        FileNotFoundError, ValueError: it is missing or broken.
    """
    return read_rows(path, dict[str, Cell], columns=["epoch"])


def loss_curves(history: Sequence[Row]) -> str:
    """SVG: a panel a loss, each with its training and its validation values.

    Args:
        history: epoch, and train_<loss> and val_<loss> of each loss.
    """
    losses = [key.removeprefix("train_") for key in history[0] if key.startswith("train_")]
    return _svg([_panel(LOSSES.get(x, x), {f"{s}_{x}": name for s, name in SPLITS.items()}, history) for x in losses])


def score_curves(rows: Sequence[Row]) -> str:
    """SVG: spectrum distance, Lab intersections and SSIM by epoch, those that the rows have."""
    return _svg([_panel(title, keys, rows) for title, keys in SCORES.items() if keys.keys() <= rows[0].keys()])


def _panel(title: str, keys: Mapping[str, str], rows: Sequence[Row]) -> Panel:
    points = {key: [(row["epoch"], row[key]) for row in rows if math.isfinite(row[key])] for key in keys}
    return Panel(title, {name: points[key] for key, name in keys.items()})


def _svg(panels: Sequence[Panel]) -> str:
    width = len(panels) * WIDTH
    last = max((epoch for panel in panels for line in panel.lines.values() for epoch, _ in line), default=1)
    drawn = [f'<g transform="translate({i * WIDTH} 0)">\n{_draw(panel, last)}\n</g>' for i, panel in enumerate(panels)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
    return "\n".join([f'{head} font-family="sans-serif" font-size="12">', *drawn, "</svg>\n"])


def _draw(panel: Panel, last: float) -> str:
    """The panel's axes, from epoch 0 to `last` and from the smallest value or zero to the largest, and its lines."""
    values = [0.0, *(value for line in panel.lines.values() for _, value in line)]
    step = _tick_distance(max(values) - min(values))
    low, high = math.floor(min(values) / step), max(math.ceil(max(values) / step), 1)  # in steps

    def place(epoch: float, value: float) -> tuple[float, float]:
        up = (value / step - low) / (high - low)
        return round(LEFT + (RIGHT - LEFT) * epoch / last, 1), round(BOTTOM - (BOTTOM - TOP) * up, 1)

    parts = [_text(LEFT, 14, escape(panel.title), 'font-weight="bold"')]
    for tick in range(low, high + 1):
        _, y = place(0, tick * step)
        parts.append(f'<path d="M{LEFT} {y}H{RIGHT}" stroke="#d8dee4"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{tick * step:g}", 'text-anchor="end"'))
    for epoch in sorted({0, round(last / 2), round(last)}):
        parts.append(_text(place(epoch, 0)[0], BOTTOM + 16, f"{epoch}", 'text-anchor="middle"'))
    parts.append(_text((LEFT + RIGHT) / 2, BOTTOM + 31, "epochs", 'text-anchor="middle" fill="#57606a"'))
    colours = dict(zip(panel.lines, COLOURS if len(panel.lines) > 1 else COLOURS[1:], strict=False))
    for name, line in panel.lines.items():
        path = "\n".join(f"{x} {y}" for x, y in (place(*point) for point in [*line[:1], *line]))  # one point is a dot
        stroke = f'stroke="{colours[name]}" stroke-width="2" stroke-linecap="round"'
        parts.append(f'<polyline points="{path}" fill="none" {stroke}/>')
    right = RIGHT
    for name in reversed(panel.lines):  # the legend
        parts.append(_text(right, 14, name, f'text-anchor="end" fill="{colours[name]}"'))
        right -= 14 + 6 * len(name)
    return "\n".join(parts)


def _tick_distance(height: float) -> float:
    """1, 2 or 5 times a power of ten: two to five of them are `height`."""
    power = 10.0 ** math.floor(math.log10(height / 2)) if height > 0 else 1.0
    return next(factor * power for factor in (1, 2, 5, 10) if height <= 5 * factor * power)


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" {style}>{text}</text>'
