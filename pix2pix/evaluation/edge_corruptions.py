"""Line drawings drawn worse, as a hand might: what a generator must bear that was trained on clean edges.

A drawing is uint8 RGB (H, W, 3), black lines on white; darker than mid-grey is line. Each way is a pure function of the
drawing, its strength in pixels of the drawing (0: the drawing itself) and a seed, and answers black (0) on white (255).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2pix.files.images import Uint8

THINNED = 0.4  # share of the strokes left out
PIECE = 32  # pixels: about as far as a hand draws in one stroke
GAP, EVERY = 6, 60  # gaps of 6 pixels, one for every 60 pixels of line
REACH = 4  # pixels that the wobble of a hand moves a line at most
WAVE = 24  # pixels from one turn of that wobble to the next
PEN = 2  # pixels by which a bold pen is wider

Lines = NDArray[np.bool_]


def corruptions(drawing: Uint8, *, seed: int) -> dict[str, Uint8]:
    """The drawing as it is, corrupted in each way alone, and in three ways at once, by name."""
    thin = thinned(drawing, share=THINNED, seed=seed)
    return {
        "as prepared": drawing,
        "thinned": thin,
        "broken": broken(drawing, gap=GAP, every=EVERY, seed=seed),
        "jittered": jittered(drawing, reach=REACH, seed=seed),
        "bold": bold(drawing, by=PEN),
        "thinned, jittered, bold": bold(jittered(thin, reach=REACH, seed=seed), by=PEN),
    }


def thinned(drawing: Uint8, *, share: float, seed: int) -> Uint8:
    """A share (0..1) of the strokes left out; a stroke is a connected piece of line within a cell PIECE pixels wide."""
    lines, rng = _lines(drawing), np.random.default_rng(seed)
    _, components = cv2.connectedComponents(lines.astype(np.uint8), connectivity=8)
    y, x = np.indices(lines.shape) + rng.integers(0, PIECE, (2, 1, 1))  # cells of another place in each drawing
    cells = (y // PIECE) * (lines.shape[1] // PIECE + 2) + x // PIECE
    strokes, index = np.unique(cells[lines] * (int(components.max()) + 1) + components[lines], return_inverse=True)
    left_out = np.zeros(len(strokes), bool)
    left_out[rng.permutation(len(strokes))[: round(share * len(strokes))]] = True
    kept = lines.copy()
    kept[lines] = ~left_out[index]
    return _drawing(kept)


def broken(drawing: Uint8, *, gap: int, every: int, seed: int) -> Uint8:
    """Gaps `gap` pixels wide at random places of the lines, on average one for each `every` pixels of line."""
    lines = _lines(drawing)
    if gap == 0 or not lines.any():
        return _drawing(lines)
    y, x = np.nonzero(lines)
    at = np.random.default_rng(seed).choice(len(y), -(-len(y) // every), replace=False)
    holes = np.zeros(lines.shape, np.uint8)
    holes[y[at], x[at]] = 1
    whole = cv2.dilate(holes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap))) == 0
    return _drawing(lines & whole)


def jittered(drawing: Uint8, *, reach: float, seed: int) -> Uint8:
    """Bent smoothly, as by an unsteady hand: no pixel moves by more than `reach`."""
    lines = _lines(drawing)
    height, width = lines.shape
    coarse = np.random.default_rng(seed).normal(size=(height // WAVE + 3, width // WAVE + 3, 2))
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    length = np.hypot(field[..., 0], field[..., 1])
    field = field * (reach / np.maximum(length, 1))[..., None]  # most places move by nearly all of it
    dx, dy = np.moveaxis(np.trunc(field).astype(np.int64), 2, 0)  # towards 0: never beyond reach
    y, x = np.indices(lines.shape)
    return _drawing(lines[(y + dy).clip(0, height - 1), (x + dx).clip(0, width - 1)])


def bold(drawing: Uint8, *, by: int) -> Uint8:
    """Lines `by` pixels wider."""
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (by + 1, by + 1))
    return _drawing(cv2.dilate(_lines(drawing).astype(np.uint8), pen) > 0)


def _lines(drawing: Uint8) -> Lines:
    return np.asarray(cv2.cvtColor(drawing, cv2.COLOR_RGB2GRAY) < 128)


def _drawing(lines: Lines) -> Uint8:
    return np.repeat(np.where(lines, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
