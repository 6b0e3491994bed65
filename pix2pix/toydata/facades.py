"""Drawn house fronts and their label maps, so that the first run needs no network: a toy version of CMP Facades."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from pix2pix.pairs.palettes import palette
from pix2pix.toydata.facade_parts import BACKGROUND, CORNICE, FACADE, FINE, MOLDING, SILL, Front
from pix2pix.toydata.renderer import Array, rgb

LABEL_COLOURS = palette("facades")


@dataclass(frozen=True)
class Style:
    """A style of house: its possible colours and its parts, so that the parts predict the colours."""

    walls: tuple[str, ...]
    trim: str
    joinery: tuple[str, ...]  # shutters, doors and shop fronts
    roof: str
    brick: bool
    window_aspect: float  # height of a window / its width
    shutters: bool
    balconies: float  # probability of a storey with balconies
    pillars: bool
    deco: float  # probability of ornaments over the windows


STYLES = (
    # Parisian stone
    Style(walls=("#d9c9a8", "#e0d6c0", "#cbbb9c"), trim="#efe8d8",
          joinery=("#31424f", "#5b2f2a"), roof="#5d6672", brick=False, window_aspect=1.9,
          shutters=False, balconies=0.6, pillars=False, deco=0.6),
    # brick
    Style(walls=("#9a4a36", "#83402f", "#ab6248"), trim="#d8cfc0",
          joinery=("#1f2a30", "#274538"), roof="#4a4543", brick=True, window_aspect=1.5,
          shutters=False, balconies=0.0, pillars=False, deco=0.0),
    # Mediterranean
    Style(walls=("#e0a04c", "#d98363", "#e7c06d"), trim="#f3e6cc",
          joinery=("#2f6e57", "#3b6ea5"), roof="#b2603f", brick=False, window_aspect=1.5,
          shutters=True, balconies=0.3, pillars=False, deco=0.0),
    # Viennese
    Style(walls=("#a9c3b4", "#b5c4d6", "#d9b7b4"), trim="#f6f2ea",
          joinery=("#6a4a2f", "#40342c"), roof="#7a4a3c", brick=False, window_aspect=1.7,
          shutters=False, balconies=0.1, pillars=True, deco=0.9),
)  # fmt: skip


def draw_facade(*, index: int, size: int = 128, seed: int = 0) -> tuple[Array, Array]:
    """Draw one house front and its label map.

    Both are uint8 RGB (size, size, 3) and match pixel for pixel; the label map holds only the palette of facades.
    (seed, index) decides style, storeys, columns and colours. There are four styles, and the parts of a house predict
    its likely colours (brick has no ornaments, shutters go with warm plaster, pillars with pastels). The same arguments
    give the same arrays.
    """
    assert size >= 64, size  # as the configuration asks for
    rng = np.random.default_rng([seed, index])
    style = STYLES[rng.integers(len(STYLES))]
    wall = rgb(style.walls[rng.integers(len(style.walls))]) * np.float32(rng.uniform(0.92, 1.05))
    joinery = rgb(style.joinery[rng.integers(len(style.joinery))])
    front = Front(size, wall=wall, trim=rgb(style.trim), joinery=joinery, rng=rng)
    _compose(front, style)
    photo = cv2.resize(front.photo, (size, size), interpolation=cv2.INTER_AREA)

    # Light falls off to one side and downwards; plaster and film are grainy.
    row, column = np.mgrid[:size, :size].astype(np.float32) / size
    slope = rng.uniform(-0.14, 0.14)
    photo *= (1.06 + slope * (column - 0.5) - 0.12 * row)[..., None] * np.array(rng.uniform(0.96, 1.04, 3), np.float32)
    stains = cv2.resize(rng.normal(0, 1, (9, 9)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    photo *= (1 + 0.02 * stains + 0.018 * rng.standard_normal((size, size), np.float32))[..., None]
    return np.clip(photo * 255, 0, 255).astype(np.uint8), LABEL_COLOURS[front.classes]


def _compose(front: Front, style: Style) -> None:
    size, rng = front.size, front.rng
    left, right = (int(size * rng.choice([0, 0, 0.05, 0.09])) for _ in range(2))
    right = size - right
    eaves, street = int(size * rng.uniform(0.10, 0.17)), int(size * rng.uniform(0.955, 0.98))
    _surroundings(front, style, left, right, eaves, street)
    front.fill(FACADE, left, eaves, right, street, colour=front.wall)
    if style.brick:
        front.bricks(left, eaves, right, street)

    columns = int(rng.integers(3, 6 if right - left > 0.9 * size else 5))
    storeys = int(rng.integers(2, 5))
    ground = street - int((street - eaves) * rng.uniform(0.24, 0.30))
    cornice = max(3, int(0.035 * size))
    heights = np.linspace(eaves + cornice, ground, storeys + 1).astype(int)
    edges = np.linspace(left, right, columns + 1).astype(int)
    pillar = max(2, int(0.022 * size))
    if style.pillars:
        for x in edges:
            x0 = int(np.clip(x - pillar // 2, left, right - pillar))
            front.pillar(x0, eaves + cornice, x0 + pillar, ground)
    for top, bottom in zip(heights[1:-1], heights[1:-1] + max(1, size // 64), strict=True):
        front.band(MOLDING, left, top, right, bottom)
    width = int(min((right - left) / columns * rng.uniform(0.42, 0.54), np.diff(heights).min() * 0.55))
    for storey, (top, bottom) in enumerate(pairwise(heights)):
        _storey(front, style, top, bottom, edges, width, balconies=storey > 0 and rng.random() < style.balconies)
    front.band(CORNICE, left, eaves, right, eaves + cornice, dentils=True)
    front.band(MOLDING, left, ground - max(2, size // 50), right, ground)
    _ground(front, ground, street, edges, width)


def _surroundings(front: Front, style: Style, left: int, right: int, eaves: int, street: int) -> None:
    """Sky, neighbouring houses, roof and pavement: all of them background."""
    size, rng = front.size, front.rng
    high, low = np.array([0.42, 0.64, 0.90]) + rng.uniform(0, 0.18), np.array([0.82, 0.88, 0.93])
    share = np.linspace(0, 1, int(size * FINE * 0.4))[:, None, None]
    front.photo[: len(share)] = high * (1 - share) + low * share
    front.photo[len(share) :] = low
    for x0, x1 in ((0, left), (right, size)):
        grey = np.float32(rng.uniform(0.35, 0.6)) * np.array([1.0, 0.95, 0.88], np.float32)
        front.fill(BACKGROUND, x0, int(eaves * rng.uniform(0.8, 2.5)), x1, size, colour=grey)
    roof = rgb(style.roof)
    ridge = int(eaves * rng.uniform(0.3, 0.55))
    for x in rng.integers(left + size // 10, right - size // 6, 2):
        front.fill(BACKGROUND, x, ridge // 2, x + size // 18, eaves, colour=roof * np.float32(0.75))
    for y in range(ridge, eaves):
        slant = int((eaves - y) * 0.35)
        front.fill(BACKGROUND, left + slant, y, right - slant, y + 1, colour=roof * (0.85 + 0.15 * (y % 2)))
    front.fill(BACKGROUND, 0, street, size, size, colour=np.array([0.42, 0.42, 0.43], np.float32))


def _storey(front: Front, style: Style, top: int, bottom: int, edges: Array, width: int, *, balconies: bool) -> None:
    size, rng = front.size, front.rng
    height = int(min((bottom - top) * (0.58 if style.deco else 0.66), width * style.window_aspect))
    y1 = bottom - int((bottom - top - height) * 0.42)
    ornament = int(rng.integers(3)) if rng.random() < style.deco else -1
    curtains, blinds = rng.random() < 0.5, rng.random() < 0.3
    rail = max(4, int(height * 0.42))
    for x in (edges[:-1] + edges[1:]) // 2:
        x0 = int(x - width // 2)
        x1, y0 = x0 + width, y1 - height
        front.window(x0, y0, x1, y1, curtains=curtains and rng.random() < 0.7)
        if blinds and not style.shutters and rng.random() < 0.5:
            front.slats(x0, y0, x1, y0 + int(height * rng.uniform(0.25, 0.6)), front.trim * 0.92)
        if style.shutters:
            leaf = max(2, int(width * 0.34))
            front.slats(x0 - leaf, y0, x0, y1, front.joinery)
            front.slats(x1, y0, x1 + leaf, y1, front.joinery)
        lintel = max(3, int(0.035 * size))
        if ornament >= 0 and y0 - top > lintel + 1:
            front.ornament(x0 - 1, y0 - lintel - 1, x1 + 1, y0 - 1, ornament)
        if balconies:
            front.balcony(x0 - 2, y1 - rail, x1 + 2, y1 + max(1, size // 64))
        else:
            front.band(SILL, x0 - 1, y1, x1 + 1, y1 + max(1, size // 64))


def _ground(front: Front, top: int, street: int, edges: Array, width: int) -> None:
    """The ground floor: shops or windows, and one door."""
    rng = front.rng
    door, shops = int(rng.integers(len(edges) - 1)), rng.random() < 0.65
    colour = front.joinery * np.float32(rng.uniform(0.9, 1.2))
    for number, (x0, x1) in enumerate(pairwise(edges)):
        middle, gap = int(x0 + x1) // 2, max(2, int((x1 - x0) * 0.08))
        if number == door:
            half = max(4, int(width * 0.42))
            front.door(middle - half, top + int((street - top) * 0.22), middle + half, street)
        elif shops:
            front.shop(x0 + gap, top + max(1, gap // 2), x1 - gap, street, colour)
        else:
            left, sill = middle - width // 2, street - int((street - top) * 0.28)
            right = left + width
            front.window(left, top + int((street - top) * 0.2), right, sill, curtains=False)
            front.band(SILL, left - 1, sill, right + 1, sill + max(1, front.size // 64))
