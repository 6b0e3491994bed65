"""The details of drawn cars - windows, lamps, edges of doors - as flat drawings that are projected on the body.

Metres; x is forward, y up, z to the right. A drawing's pixels are materials.
"""

from typing import Any

import cv2
import numpy as np

from pix2pix.toydata.car_bodies import FRONT, HUB, REAR, SIDE, TOP, TREAD, Car, belt_line, roof_line
from pix2pix.toydata.renderer import Array, rgb

PAINT, GLASS, TRIM, LINE, LAMP, RED, CHROME, PLATE, TYRE, RIM, ARCH = range(11)  # materials

MIDDLE = -0.1  # where drawings of one half begin, which are looked up by |z|, so that nothing shows at z = 0


def materials_of(points: Array, zones: Array, drawings: "dict[int, Drawing]", car: Car) -> Array:
    """The material (N,) of each surface point (N, 3)."""
    x, y, z = points[:, 0], points[:, 1], np.abs(points[:, 2])
    nearest_axle = np.where(x > 0, car.axles[1], car.axles[0])
    coordinates = {
        SIDE: (x, y),
        TOP: (x, z),
        FRONT: (z, y),
        REAR: (z, y),
        HUB: ((x - nearest_axle) / car.wheel, y / car.wheel),
    }
    materials = np.where(zones == TREAD, TYRE, PAINT)
    for zone, (across, upwards) in coordinates.items():
        here = np.flatnonzero(zones == zone)
        materials[here] = drawings[zone].at(across[here], upwards[here])
    return materials


class Drawing:
    """A drawing in metres, of x in [-3.1, 3.1] and y in [-0.2, 2.4]."""

    ORIGIN = (-3.1, -0.2)

    def __init__(self, pixels_per_metre: int) -> None:
        self.scale = pixels_per_metre
        self.pixels: Array = np.zeros((round(2.6 * self.scale), round(6.2 * self.scale)), np.uint8)

    def fill(self, outline: Any, material: int) -> None:
        cv2.fillPoly(self.pixels, [self._fixed_point(outline)], material, shift=4)

    def box(self, x0: float, y0: float, x1: float, y1: float, material: int) -> None:
        self.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], material)

    def disc(self, x: float, y: float, radius: float, material: int) -> None:
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        self.fill(np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1), material)

    def line(self, points: Any, material: int = LINE, width: float = 0.024) -> None:
        thickness = max(1, round(width * self.scale))
        cv2.polylines(self.pixels, [self._fixed_point(points)], False, material, thickness, shift=4)

    def at(self, x: Array, y: Array) -> Array:
        """The materials at points (x, y)."""
        column = np.clip((x - self.ORIGIN[0]) * self.scale, 0, self.pixels.shape[1] - 1).astype(np.int32)
        row = np.clip((y - self.ORIGIN[1]) * self.scale, 0, self.pixels.shape[0] - 1).astype(np.int32)
        return self.pixels[row, column]

    def _fixed_point(self, points: Any) -> Array:
        return np.round((np.asarray(points, np.float64) - self.ORIGIN) * self.scale * 16).astype(np.int32)


def draw_details(car: Car, *, pixels_per_metre: int) -> dict[int, Drawing]:
    """The drawing of each zone that has one."""
    drawings = {zone: Drawing(pixels_per_metre) for zone in (SIDE, TOP, FRONT, REAR, HUB)}
    _draw_side(drawings[SIDE], car)
    _draw_front(drawings[FRONT], car)
    _draw_rear(drawings[REAR], car)
    _draw_top(drawings[TOP], car)
    for low, high, end in ((4, 3, drawings[FRONT]), (1, 2, drawings[REAR])):
        _draw_screen(car.top[low], car.top[high], drawings[TOP], end, car)
    _draw_hub(drawings[HUB], car)
    return drawings


def _draw_side(drawing: Drawing, car: Car) -> None:
    half, sill = car.length / 2, car.clearance + 0.12
    waist = 0.55 * car.belt + 0.45 * sill
    if car.cladding:
        drawing.box(-half, 0, half, sill + 0.08, TRIM)
    else:
        drawing.box(car.axles[0], 0, car.axles[1], sill - 0.03, TRIM)

    # Windows between belt and roof, with pillars where the doors shut.
    rear, front = car.glass
    x = np.linspace(rear, front, 60)
    low, high = belt_line(car, x) + 0.035, roof_line(car, x) - 0.10
    x, low, high = (side[high > low + 0.03] for side in (x, low, high))
    outline = np.concatenate([np.stack([x, high], 1), np.stack([x, low], 1)[::-1]])
    drawing.fill(outline, GLASS)
    dark = float(rgb(car.paint).mean()) < 0.36  # then the frames of the windows are chrome, to be seen
    drawing.line(np.concatenate([outline, outline[:1]]), CHROME if dark else TRIM, 0.03)
    for door in car.doors[:-1]:
        if door > rear + 0.1:
            drawing.box(door - 0.05, car.belt, door + 0.04, float(roof_line(car, np.array(door))) - 0.06, PAINT)

    # Edges of the doors, handles, a crease along the waist, the fuel cap.
    for door in car.doors:
        drawing.line([(door, float(belt_line(car, np.array(door)))), (door, sill + 0.08)])
    for first, last in zip(car.doors[:-1], car.doors[1:], strict=True):
        drawing.line([(first, sill + 0.08), (last, sill + 0.08)])
        drawing.box(first + 0.07, car.belt - 0.13, first + 0.25, car.belt - 0.09, CHROME)
    drawing.line([(-half + 0.3, waist + 0.10), (half - 0.5, waist + 0.02)], LINE, 0.014)
    drawing.disc(car.axles[0] - 0.28, car.belt - 0.15, 0.065, LINE)
    drawing.disc(car.axles[0] - 0.28, car.belt - 0.15, 0.05, PAINT)

    # Lamps reach around the corners. The wheel arches are holes.
    nose, tail = car.top[-1][1], car.top[0][1]
    lamp = [
        (half - 0.24, nose - 0.05),
        (half + 0.1, nose - 0.09),
        (half + 0.1, nose - 0.22),
        (half - 0.12, nose - 0.20),
    ]
    drawing.fill(lamp, LAMP)
    drawing.line([*lamp, lamp[0]], TRIM, 0.02)
    drawing.box(-half - 0.1, tail - 0.28, -half + 0.13, tail - 0.08, RED)
    for axle in car.axles:
        drawing.disc(axle, car.wheel, car.wheel + (0.12 if car.cladding else 0.07), TRIM if car.cladding else LINE)
        drawing.disc(axle, car.wheel, car.wheel + 0.045, ARCH)


def _draw_front(drawing: Drawing, car: Car) -> None:
    """One half, z > 0, as in every drawing that is looked up by |z|."""
    nose, wide, low = car.top[-1][1], car.width / 2, car.clearance + 0.08
    drawing.box(MIDDLE, 0, wide, low + (0.12 if car.cladding else 0.06), TRIM)
    drawing.box(MIDDLE, low + 0.05, 0.52 * wide, low + 0.15, TRIM)
    grille = (0.42, 0.50, 0.34)[car.lamps] * wide
    drawing.box(MIDDLE, nose - 0.24, grille + 0.02, nose - 0.05, CHROME)
    drawing.box(MIDDLE, nose - 0.22, grille, nose - 0.07, TRIM)
    for y in (0.11, 0.15, 0.19):
        drawing.line([(MIDDLE, nose - y), (grille, nose - y)], CHROME, 0.012)
    match car.lamps:
        case 0:
            drawing.box(0.54 * wide, nose - 0.25, wide, nose - 0.04, TRIM)
            drawing.box(0.56 * wide, nose - 0.23, wide, nose - 0.06, LAMP)
        case 1:
            drawing.disc(0.72 * wide, nose - 0.15, 0.125, TRIM)
            drawing.disc(0.72 * wide, nose - 0.15, 0.105, LAMP)
        case _:
            drawing.fill([(0.42 * wide, nose - 0.23), (wide, nose - 0.20), (wide, nose - 0.03)], TRIM)
            drawing.fill([(0.47 * wide, nose - 0.20), (wide, nose - 0.18), (wide, nose - 0.06)], LAMP)
    drawing.disc(0.72 * wide, low + 0.11, 0.05, LAMP)
    drawing.box(MIDDLE, nose - 0.38, 0.26, nose - 0.27, PLATE)


def _draw_rear(drawing: Drawing, car: Car) -> None:
    tail, wide, low = car.top[0][1], car.width / 2, car.clearance + 0.08
    drawing.box(MIDDLE, 0, wide, low + 0.05, TRIM)
    drawing.line([(MIDDLE, low + 0.24), (0.9 * wide, low + 0.24)])
    drawing.box(0.55 * wide, tail - 0.28, wide, tail - 0.08, RED)
    drawing.box(0.55 * wide, tail - 0.19, 0.68 * wide, tail - 0.14, LAMP)
    drawing.box(MIDDLE, tail - 0.26, 0.27, tail - 0.13, TRIM)
    drawing.box(MIDDLE, tail - 0.25, 0.26, tail - 0.14, PLATE)


def _draw_top(drawing: Drawing, car: Car) -> None:
    cowl, nose, wide = car.top[4][0], car.length / 2, car.width / 2
    drawing.line([(cowl + 0.1, 0.72 * wide), (nose - 0.1, 0.60 * wide)])
    tail, deck = car.top[0][0], car.top[1][0]
    if deck - tail > 1:  # a pickup's bed under its cover
        drawing.box(tail + 0.12, MIDDLE, deck - 0.06, 0.74 * wide, TRIM)
    elif deck - tail > 0.3:
        drawing.line([(deck - 0.06, 0.72 * wide), (tail, 0.72 * wide)])


def _draw_screen(low: tuple[float, float], high: tuple[float, float], top: Drawing, end: Drawing, car: Car) -> None:
    """The windscreen or rear window between the outline's points `low` and `high`, in the views from top and end."""
    foot, head = 0.95 * car.width / 2 - 0.07, 0.95 * car.width / 2 - car.lean * (high[1] - low[1]) - 0.07
    for inset, material in ((0.0, TRIM), (0.05, GLASS)):
        share = [0.07 + inset, 0.90 - inset]
        (x0, x1), (y0, y1) = (np.interp(share, [0, 1], [low[axis], high[axis]]) for axis in (0, 1))
        top.fill([(x0, MIDDLE), (x0, foot - inset), (x1, head - inset), (x1, MIDDLE)], material)
        end.fill([(MIDDLE, y0), (foot - inset, y0), (head - inset, y1), (MIDDLE, y1)], material)


def _draw_hub(drawing: Drawing, car: Car) -> None:
    """In units of the tyre's radius; the centre of the wheel is (0, 1)."""
    drawing.disc(0, 1, 1.15, TYRE)
    drawing.disc(0, 1, 0.73, RIM)
    drawing.disc(0, 1, 0.65, ARCH)
    for angle in 2 * np.pi * np.arange(car.spokes) / car.spokes:
        out, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        wide, narrow = 0.9 / car.spokes, 0.6 / car.spokes
        corners = ((0, -narrow), (0.69, -wide), (0.69, wide), (0, narrow))
        drawing.fill([out * radius + across * offset + [0, 1] for radius, offset in corners], RIM)
    drawing.disc(0, 1, 0.18, RIM)
    drawing.disc(0, 1, 0.08, TRIM)
