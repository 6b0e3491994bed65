"""Procedural house fronts and labels, so that a first run without network shows the whole pipeline: toy CMP Facades."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from stages.pix2pix.drawn_studio import Array, rgb
from stages.pix2pix.labels import palette

(BACKGROUND, FACADE, WINDOW, DOOR, CORNICE, SILL, BALCONY, BLIND, DECO, MOLDING, PILLAR, SHOP) = range(12)
LABEL_COLOURS = palette("facades")

FINE = 4  # photo pixels per label pixel while drawing: every part starts and ends on a label pixel


@dataclass(frozen=True)
class Style:
    """A kind of house: the colours it comes in and the parts it wears, so that the parts tell the colours."""

    walls: tuple[str, ...]
    trim: str
    joinery: tuple[str, ...]  # shutters, doors and shop fronts
    roof: str
    brick: bool
    tall: float  # height of a window by its width
    shutters: bool
    balconies: float  # probability of a storey with balconies
    pillars: bool
    deco: float  # probability of ornaments over the windows


STYLES = (
    # Parisian stone
    Style(walls=("#d9c9a8", "#e0d6c0", "#cbbb9c"), trim="#efe8d8",
          joinery=("#31424f", "#5b2f2a"), roof="#5d6672", brick=False, tall=1.9,
          shutters=False, balconies=0.6, pillars=False, deco=0.6),
    # brick
    Style(walls=("#9a4a36", "#83402f", "#ab6248"), trim="#d8cfc0",
          joinery=("#1f2a30", "#274538"), roof="#4a4543", brick=True, tall=1.5,
          shutters=False, balconies=0.0, pillars=False, deco=0.0),
    # Mediterranean
    Style(walls=("#e0a04c", "#d98363", "#e7c06d"), trim="#f3e6cc",
          joinery=("#2f6e57", "#3b6ea5"), roof="#b2603f", brick=False, tall=1.5,
          shutters=True, balconies=0.3, pillars=False, deco=0.0),
    # Viennese
    Style(walls=("#a9c3b4", "#b5c4d6", "#d9b7b4"), trim="#f6f2ea",
          joinery=("#6a4a2f", "#40342c"), roof="#7a4a3c", brick=False, tall=1.7,
          shutters=False, balconies=0.1, pillars=True, deco=0.9),
)  # fmt: skip


def draw_facade(*, index: int, size: int = 128, seed: int = 0) -> tuple[Array, Array]:
    """Draw one house front and its label.

    Both are uint8 RGB (size, size, 3) and match pixel for pixel; `label` holds only the palette of facades. (seed,
    index) decides style, storeys, columns and colours. There are four styles, and the parts a house wears (brick has no
    ornaments, shutters mean warm plaster, pillars mean pastel) tell its likely colours. The same arguments give the
    same arrays. Raises ValueError for a size below 64.
    """
    if size < 64:
        raise ValueError(f"a facade needs at least 64 pixels, got size {size}")
    rng = np.random.default_rng([seed, index])
    front = Front(size, STYLES[rng.integers(len(STYLES))], rng)
    front.draw()
    photo = cv2.resize(front.photo, (size, size), interpolation=cv2.INTER_AREA)

    # Light falls off across the street and downwards; plaster and film are grainy.
    row, column = np.mgrid[:size, :size].astype(np.float32) / size
    slope = rng.uniform(-0.14, 0.14)
    photo *= (1.06 + slope * (column - 0.5) - 0.12 * row)[..., None] * np.array(rng.uniform(0.96, 1.04, 3), np.float32)
    stains = cv2.resize(rng.normal(0, 1, (9, 9)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    photo *= (1 + 0.02 * stains + 0.018 * rng.standard_normal((size, size), np.float32))[..., None]
    return np.clip(photo * 255, 0, 255).astype(np.uint8), LABEL_COLOURS[front.classes]


class Front:
    """A house front being drawn: a class per label pixel, and the photo, FINE times finer."""

    def __init__(self, size: int, style: Style, rng: np.random.Generator) -> None:
        self.size, self.style, self.rng = size, style, rng
        self.classes: Array = np.full((size, size), BACKGROUND, np.uint8)
        self.photo: Array = np.zeros((size * FINE, size * FINE, 3), np.float32)
        self.wall = rgb(style.walls[rng.integers(len(style.walls))]) * np.float32(rng.uniform(0.92, 1.05))
        self.trim = rgb(style.trim)
        self.joinery = rgb(style.joinery[rng.integers(len(style.joinery))])

    def draw(self) -> None:
        size, rng, style = self.size, self.rng, self.style
        left, right = (int(size * rng.choice([0, 0, 0.05, 0.09])) for _ in range(2))
        right = size - right
        eaves, street = int(size * rng.uniform(0.10, 0.17)), int(size * rng.uniform(0.955, 0.98))
        self._surroundings(left, right, eaves, street)
        self._fill(FACADE, left, eaves, right, street, colour=self.wall)
        if style.brick:
            self._bricks(left, eaves, right, street)

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
                self._pillar(x0, eaves + cornice, x0 + pillar, ground)
        for top, bottom in zip(heights[1:-1], heights[1:-1] + max(1, size // 64), strict=True):
            self._band(MOLDING, left, top, right, bottom)
        width = int(min((right - left) / columns * rng.uniform(0.42, 0.54), np.diff(heights).min() * 0.55))
        for storey, (top, bottom) in enumerate(pairwise(heights)):
            self._storey(top, bottom, edges, width, balconies=storey > 0 and rng.random() < style.balconies)
        self._band(CORNICE, left, eaves, right, eaves + cornice, dentils=True)
        self._band(MOLDING, left, ground - max(2, size // 50), right, ground)
        self._ground(ground, street, edges, width)

    # --- parts of a house ---

    def _surroundings(self, left: int, right: int, eaves: int, street: int) -> None:
        """Sky, neighbours, roof and pavement: all of them background."""
        size, rng = self.size, self.rng
        high, low = np.array([0.42, 0.64, 0.90]) + rng.uniform(0, 0.18), np.array([0.82, 0.88, 0.93])
        share = np.linspace(0, 1, int(size * FINE * 0.4))[:, None, None]
        self.photo[: len(share)] = high * (1 - share) + low * share
        self.photo[len(share) :] = low
        for x0, x1 in ((0, left), (right, size)):
            grey = np.float32(rng.uniform(0.35, 0.6)) * np.array([1.0, 0.95, 0.88], np.float32)
            self._fill(BACKGROUND, x0, int(eaves * rng.uniform(0.8, 2.5)), x1, size, colour=grey)
        roof = rgb(self.style.roof)
        ridge = int(eaves * rng.uniform(0.3, 0.55))
        for x in rng.integers(left + size // 10, right - size // 6, 2):
            self._fill(BACKGROUND, x, ridge // 2, x + size // 18, eaves, colour=roof * np.float32(0.75))
        for y in range(ridge, eaves):
            slant = int((eaves - y) * 0.35)
            self._fill(BACKGROUND, left + slant, y, right - slant, y + 1, colour=roof * (0.85 + 0.15 * (y % 2)))
        self._fill(BACKGROUND, 0, street, size, size, colour=np.array([0.42, 0.42, 0.43], np.float32))

    def _storey(self, top: int, bottom: int, edges: Array, width: int, *, balconies: bool) -> None:
        size, style, rng = self.size, self.style, self.rng
        height = int(min((bottom - top) * (0.58 if style.deco else 0.66), width * style.tall))
        y1 = bottom - int((bottom - top - height) * 0.42)
        ornament = int(rng.integers(3)) if rng.random() < style.deco else -1
        curtains, blinds = rng.random() < 0.5, rng.random() < 0.3
        rail = max(4, int(height * 0.42))
        for x in (edges[:-1] + edges[1:]) // 2:
            x0 = int(x - width // 2)
            x1, y0 = x0 + width, y1 - height
            self._window(x0, y0, x1, y1, curtains=curtains and rng.random() < 0.7)
            if blinds and not style.shutters and rng.random() < 0.5:
                self._slats(x0, y0, x1, y0 + int(height * rng.uniform(0.25, 0.6)), self.trim * 0.92)
            if style.shutters:
                leaf = max(2, int(width * 0.34))
                self._slats(x0 - leaf, y0, x0, y1, self.joinery)
                self._slats(x1, y0, x1 + leaf, y1, self.joinery)
            lintel = max(3, int(0.035 * size))
            if ornament >= 0 and y0 - top > lintel + 1:
                self._ornament(x0 - 1, y0 - lintel - 1, x1 + 1, y0 - 1, ornament)
            if balconies:
                self._balcony(x0 - 2, y1 - rail, x1 + 2, y1 + max(1, size // 64))
            else:
                self._band(SILL, x0 - 1, y1, x1 + 1, y1 + max(1, size // 64))

    def _ground(self, top: int, street: int, edges: Array, width: int) -> None:
        """Street level: shops or windows, and one door."""
        rng = self.rng
        door, shops = int(rng.integers(len(edges) - 1)), rng.random() < 0.65
        colour = self.joinery * np.float32(rng.uniform(0.9, 1.2))
        for number, (x0, x1) in enumerate(pairwise(edges)):
            middle, gap = int(x0 + x1) // 2, max(2, int((x1 - x0) * 0.08))
            if number == door:
                half = max(4, int(width * 0.42))
                self._door(middle - half, top + int((street - top) * 0.22), middle + half, street)
            elif shops:
                self._shop(x0 + gap, top + max(1, gap // 2), x1 - gap, street, colour)
            else:
                left, sill = middle - width // 2, street - int((street - top) * 0.28)
                right = left + width
                self._window(left, top + int((street - top) * 0.2), right, sill, curtains=False)
                self._band(SILL, left - 1, sill, right + 1, sill + max(1, self.size // 64))

    def _window(self, x0: int, y0: int, x1: int, y1: int, *, curtains: bool) -> None:
        part = self._fill(WINDOW, x0, y0, x1, y1, colour=self.trim)
        high, wide = part.shape[:2]
        frame = max(2, wide // 14)
        glass = part[frame:-frame, frame:-frame]
        share = np.linspace(0, 1, len(glass), dtype=np.float32)[:, None, None]
        glass[:] = np.array([0.34, 0.42, 0.50]) * (1 - share) + np.array([0.10, 0.13, 0.17]) * share
        shine = int(self.rng.uniform(-0.2, 0.8) * wide)
        for offset, broad in ((0, wide // 4), (wide // 3, wide // 12)):
            x, lean = shine + offset, high // 2
            streak = np.array([(x, 0), (x + broad, 0), (x + broad - lean, high), (x - lean, high)], np.int32)
            lit: Array = np.zeros(glass.shape[:2], np.float32)
            cv2.fillConvexPoly(lit, streak, 1.0)
            glass += 0.13 * lit[..., None]
        if curtains:
            drape = max(2, glass.shape[1] // 5)
            folds = 0.80 + 0.08 * np.sin(np.arange(drape) * 1.3)[None, :, None]
            glass[:, :drape] = glass[:, -drape:] = folds * np.array([0.95, 0.93, 0.88])
        part[:, wide // 2 - frame // 2 : wide // 2 + (frame + 1) // 2] = self.trim * 0.95
        bar = frame + int(len(glass) * 0.32)
        part[bar : bar + frame] = self.trim * 0.95
        part[: 2 * frame] *= 0.62  # the wall is thick: shade below the lintel and along one side
        part[:, :frame] *= 0.75

    def _slats(self, x0: int, y0: int, x1: int, y1: int, colour: Array) -> None:
        part = self._fill(BLIND, x0, y0, x1, y1, colour=colour)
        part *= (0.82 + 0.22 * (np.arange(len(part)) // 2 % 3 != 0))[:, None, None].astype(np.float32)
        part[:, :1] *= 0.6
        part[:, -1:] *= 0.6
        self._shadow(x0, y1, x1, 1)

    def _balcony(self, x0: int, y0: int, x1: int, y1: int) -> None:
        part = self.photo[y0 * FINE : y1 * FINE, x0 * FINE : x1 * FINE]
        self.classes[y0:y1, x0:x1] = BALCONY
        part *= 0.8
        part[:, 1::5] = part[:, 2::5] = part[:3] = part[len(part) // 2 : len(part) // 2 + 2] = (0.10, 0.10, 0.12)
        part[-FINE - 2 :] = self.trim * 0.9
        self._shadow(x0, y1, x1, 3)

    def _band(self, kind: int, x0: int, y0: int, x1: int, y1: int, *, dentils: bool = False) -> None:
        """A ledge: bright above, dark below, its shadow on the wall."""
        part = self._fill(kind, x0, y0, x1, y1, colour=self.trim)
        part *= np.linspace(1.06, 0.80, len(part), dtype=np.float32)[:, None, None]
        if dentils:
            part[len(part) // 2 : -2, (np.arange(part.shape[1]) // 6) % 2 == 0] *= 0.68
        self._shadow(x0, y1, x1, 2 if kind != CORNICE else 3)

    def _pillar(self, x0: int, y0: int, x1: int, y1: int) -> None:
        part = self._fill(PILLAR, x0, y0, x1, y1, colour=self.trim * 0.97)
        part *= (1.05 - 0.28 * np.linspace(-0.6, 1, part.shape[1], dtype=np.float32) ** 2)[None, :, None]
        part[: 2 * FINE] *= 1.04
        part[2 * FINE : 2 * FINE + 2] *= 0.7

    def _ornament(self, x0: int, y0: int, x1: int, y1: int, shape: int) -> None:
        """A gable, an arch or a garland over a window; only its own label pixels are painted."""
        inside: Array = np.zeros((y1 - y0, x1 - x0), np.uint8)
        high, wide = inside.shape
        match shape:
            case 0:
                cv2.fillConvexPoly(inside, np.array([[0, high - 1], [wide - 1, high - 1], [wide // 2, 0]]), 1)
            case 1:
                cv2.ellipse(inside, (wide // 2, high), (wide // 2, high), 0, 180, 360, 1, -1)
            case _:
                inside[:, wide // 4 : wide - wide // 4] = 1
        self.classes[y0:y1, x0:x1][inside == 1] = DECO
        fine = cv2.resize(inside, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_NEAREST)
        deep = cv2.erode(fine, np.ones((5, 5), np.uint8), borderValue=0)
        part = self.photo[y0 * FINE : y1 * FINE, x0 * FINE : x1 * FINE]
        part[fine == 1] = self.trim
        part[deep == 1] = self.trim * 0.78
        self._shadow(x0 + wide // 4, y1, x1 - wide // 4, 1)

    def _door(self, x0: int, y0: int, x1: int, y1: int) -> None:
        part = self._fill(DOOR, x0, y0, x1, y1, colour=self.joinery * 1.1)
        high, wide = part.shape[:2]
        part[:, :3] = part[:, -3:] = part[:3] = self.trim * 0.9
        part[5 : high // 5, 5:-5] = (0.30, 0.37, 0.43)
        for top, bottom in ((0.28, 0.56), (0.62, 0.92)):
            for a, b in ((0.14, 0.44), (0.56, 0.86)):
                panel = part[int(top * high) : int(bottom * high), int(a * wide) : int(b * wide)]
                panel *= 0.72
                panel[2:-1, 2:-1] *= 1.25
        part[:, wide // 2] *= 0.4
        part[int(0.58 * high) : int(0.58 * high) + 3, wide // 2 + 2 : wide // 2 + 5] = (0.85, 0.7, 0.3)
        part[: 2 * FINE] *= 0.7

    def _shop(self, x0: int, y0: int, x1: int, y1: int, colour: Array) -> None:
        part = self._fill(SHOP, x0, y0, x1, y1, colour=colour)
        high, wide = part.shape[:2]
        sign, sill = int(0.20 * high), int(0.84 * high)
        part[sign // 3 : sign - sign // 3, wide // 4 : -wide // 4] = self.trim  # lettering, from afar
        part[sign // 3 : sign - sign // 3, wide // 4 : -wide // 4][:, ::5] = colour * 0.8
        pane = part[sign:sill, 4:-4]
        share = np.linspace(0, 1, len(pane), dtype=np.float32)[:, None, None]
        pane[:] = np.array([0.25, 0.30, 0.34]) * (1 - share) + np.array([0.62, 0.52, 0.36]) * share  # lit from within
        for x in self.rng.integers(0, max(1, pane.shape[1] - 6), 5):
            tall = int(self.rng.integers(len(pane) // 6, len(pane) // 2))
            pane[-tall:, x : x + int(self.rng.integers(3, 8))] = self.rng.uniform(0.15, 0.9, 3)
        pane[:, wide // 2 - 2 : wide // 2] = colour
        stripes = (np.arange(wide) // 6) % 2 == 0
        part[sign : sign + 2 * FINE, stripes] = colour
        part[sign : sign + 2 * FINE, ~stripes] = (0.93, 0.91, 0.86)  # an awning
        part[sign + 2 * FINE : sign + 3 * FINE] *= 0.7

    # --- strokes ---

    def _fill(self, kind: int, x0: int, y0: int, x1: int, y1: int, *, colour: Array) -> Array:
        """Paint a box given in label pixels, end excluded; the part of the photo, to draw details on."""
        assert 0 <= x0 <= x1 <= self.size and 0 <= y0 <= y1 <= self.size, (x0, y0, x1, y1)
        self.classes[y0:y1, x0:x1] = kind
        part = self.photo[y0 * FINE : y1 * FINE, x0 * FINE : x1 * FINE]
        part[:] = colour
        return part

    def _shadow(self, x0: int, y: int, x1: int, depth: int) -> None:
        """Darken `depth` label pixels below y, softly."""
        part = self.photo[y * FINE : (y + depth) * FINE, x0 * FINE : x1 * FINE]
        part *= np.linspace(0.55, 0.95, len(part), dtype=np.float32)[:, None, None]

    def _bricks(self, x0: int, y0: int, x1: int, y1: int) -> None:
        part = self.photo[y0 * FINE : y1 * FINE, x0 * FINE : x1 * FINE]
        row, column = np.mgrid[: part.shape[0], : part.shape[1]]
        course = row // 6
        brick = (column + 6 * (course % 2)) // 12
        tone = self.rng.uniform(0.86, 1.12, (course.max() + 1, brick.max() + 1)).astype(np.float32)
        part *= tone[course, brick][..., None]
        mortar = (row % 6 == 0) | ((column + 6 * (course % 2)) % 12 == 0)
        part[mortar] = part[mortar] * 0.5 + 0.5 * self.trim * 0.85
