"""The parts of a drawn house front, each painted into its label map and its photo at once."""

import cv2
import numpy as np

from pix2pix.toydata.renderer import Array

(BACKGROUND, FACADE, WINDOW, DOOR, CORNICE, SILL, BALCONY, BLIND, DECO, MOLDING, PILLAR, SHOP) = range(12)

FINE = 4  # photo pixels per label pixel while drawing; every part begins and ends at a label pixel


class Front:
    """A house front being drawn: the class of each label pixel, and the photo, FINE times finer.

    Boxes are in label pixels, end excluded. Colours are float RGB (3,), about 0..1.
    """

    def __init__(self, size: int, *, wall: Array, trim: Array, joinery: Array, rng: np.random.Generator) -> None:
        self.size, self.rng = size, rng
        self.wall, self.trim, self.joinery = wall, trim, joinery
        self.classes: Array = np.full((size, size), BACKGROUND, np.uint8)
        self.photo: Array = np.zeros((size * FINE, size * FINE, 3), np.float32)

    def window(self, x0: int, y0: int, x1: int, y1: int, *, curtains: bool) -> None:
        part = self.fill(WINDOW, x0, y0, x1, y1, colour=self.trim)
        high, wide = part.shape[:2]
        frame = max(2, wide // 14)
        glass = part[frame:-frame, frame:-frame]
        share = np.linspace(0, 1, len(glass), dtype=np.float32)[:, None, None]
        glass[:] = np.array([0.34, 0.42, 0.50]) * (1 - share) + np.array([0.10, 0.13, 0.17]) * share
        shine = int(self.rng.uniform(-0.2, 0.8) * wide)
        for offset, broad in ((0, wide // 4), (wide // 3, wide // 12)):
            x, lean = shine + offset, high // 2
            streak = np.array([(x, 0), (x + broad, 0), (x + broad - lean, high), (x - lean, high)], np.int32)
            reflection: Array = np.zeros(glass.shape[:2], np.float32)
            cv2.fillConvexPoly(reflection, streak, 1.0)
            glass += 0.13 * reflection[..., None]
        if curtains:
            drape = max(2, glass.shape[1] // 5)
            folds = 0.80 + 0.08 * np.sin(np.arange(drape) * 1.3)[None, :, None]
            glass[:, :drape] = glass[:, -drape:] = folds * np.array([0.95, 0.93, 0.88])
        part[:, wide // 2 - frame // 2 : wide // 2 + (frame + 1) // 2] = self.trim * 0.95
        bar = frame + int(len(glass) * 0.32)
        part[bar : bar + frame] = self.trim * 0.95
        part[: 2 * frame] *= 0.62  # the wall is thick: shadow below the lintel and along one side
        part[:, :frame] *= 0.75

    def slats(self, x0: int, y0: int, x1: int, y1: int, colour: Array) -> None:
        part = self.fill(BLIND, x0, y0, x1, y1, colour=colour)
        part *= (0.82 + 0.22 * (np.arange(len(part)) // 2 % 3 != 0))[:, None, None].astype(np.float32)
        part[:, :1] *= 0.6
        part[:, -1:] *= 0.6
        self._shadow(x0, y1, x1, 1)

    def balcony(self, x0: int, y0: int, x1: int, y1: int) -> None:
        part = self.photo[y0 * FINE : y1 * FINE, x0 * FINE : x1 * FINE]
        self.classes[y0:y1, x0:x1] = BALCONY
        part *= 0.8
        part[:, 1::5] = part[:, 2::5] = part[:3] = part[len(part) // 2 : len(part) // 2 + 2] = (0.10, 0.10, 0.12)
        part[-FINE - 2 :] = self.trim * 0.9
        self._shadow(x0, y1, x1, 3)

    def band(self, kind: int, x0: int, y0: int, x1: int, y1: int, *, dentils: bool = False) -> None:
        """A ledge, bright at its top and dark at its bottom, with a shadow on the wall."""
        part = self.fill(kind, x0, y0, x1, y1, colour=self.trim)
        part *= np.linspace(1.06, 0.80, len(part), dtype=np.float32)[:, None, None]
        if dentils:
            part[len(part) // 2 : -2, (np.arange(part.shape[1]) // 6) % 2 == 0] *= 0.68
        self._shadow(x0, y1, x1, 2 if kind != CORNICE else 3)

    def pillar(self, x0: int, y0: int, x1: int, y1: int) -> None:
        part = self.fill(PILLAR, x0, y0, x1, y1, colour=self.trim * 0.97)
        part *= (1.05 - 0.28 * np.linspace(-0.6, 1, part.shape[1], dtype=np.float32) ** 2)[None, :, None]
        part[: 2 * FINE] *= 1.04
        part[2 * FINE : 2 * FINE + 2] *= 0.7

    def ornament(self, x0: int, y0: int, x1: int, y1: int, shape: int) -> None:
        """A gable (shape 0), an arch (1) or a garland (2) over a window."""
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

    def door(self, x0: int, y0: int, x1: int, y1: int) -> None:
        part = self.fill(DOOR, x0, y0, x1, y1, colour=self.joinery * 1.1)
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

    def shop(self, x0: int, y0: int, x1: int, y1: int, colour: Array) -> None:
        part = self.fill(SHOP, x0, y0, x1, y1, colour=colour)
        high, wide = part.shape[:2]
        sign, sill = int(0.20 * high), int(0.84 * high)
        part[sign // 3 : sign - sign // 3, wide // 4 : -wide // 4] = self.trim  # lettering
        part[sign // 3 : sign - sign // 3, wide // 4 : -wide // 4][:, ::5] = colour * 0.8
        pane = part[sign:sill, 4:-4]
        share = np.linspace(0, 1, len(pane), dtype=np.float32)[:, None, None]
        pane[:] = np.array([0.25, 0.30, 0.34]) * (1 - share) + np.array([0.62, 0.52, 0.36]) * share  # lit from inside
        for x in self.rng.integers(0, max(1, pane.shape[1] - 6), 5):
            tall = int(self.rng.integers(len(pane) // 6, len(pane) // 2))
            pane[-tall:, x : x + int(self.rng.integers(3, 8))] = self.rng.uniform(0.15, 0.9, 3)
        pane[:, wide // 2 - 2 : wide // 2] = colour
        stripes = (np.arange(wide) // 6) % 2 == 0
        part[sign : sign + 2 * FINE, stripes] = colour
        part[sign : sign + 2 * FINE, ~stripes] = (0.93, 0.91, 0.86)  # an awning
        part[sign + 2 * FINE : sign + 3 * FINE] *= 0.7

    def fill(self, kind: int, x0: int, y0: int, x1: int, y1: int, *, colour: Array) -> Array:
        """Paint a box; returns that part of the photo, for details."""
        assert 0 <= x0 <= x1 <= self.size and 0 <= y0 <= y1 <= self.size, (x0, y0, x1, y1)
        self.classes[y0:y1, x0:x1] = kind
        part = self.photo[y0 * FINE : y1 * FINE, x0 * FINE : x1 * FINE]
        part[:] = colour
        return part

    def _shadow(self, x0: int, y: int, x1: int, depth: int) -> None:
        """Darken `depth` label pixels below y, softly."""
        part = self.photo[y * FINE : (y + depth) * FINE, x0 * FINE : x1 * FINE]
        part *= np.linspace(0.55, 0.95, len(part), dtype=np.float32)[:, None, None]

    def bricks(self, x0: int, y0: int, x1: int, y1: int) -> None:
        part = self.photo[y0 * FINE : y1 * FINE, x0 * FINE : x1 * FINE]
        row, column = np.mgrid[: part.shape[0], : part.shape[1]]
        course = row // 6
        brick = (column + 6 * (course % 2)) // 12
        tone = self.rng.uniform(0.86, 1.12, (course.max() + 1, brick.max() + 1)).astype(np.float32)
        part *= tone[course, brick][..., None]
        mortar = (row % 6 == 0) | ((column + 6 * (course % 2)) % 12 == 0)
        part[mortar] = part[mortar] * 0.5 + 0.5 * self.trim * 0.85
