"""Procedural cars, so that a first run without network shows the whole pipeline: Carvana-like studio photos and masks.

A car is a lofted body (cross-sections along its length), four wheels and two mirrors. Its details - windows, shut
lines, lamps - are flat drawings of materials ("sheets") projected on it. Metres; x forward, y up, z to the right.
"""

from typing import Any

import cv2
import numpy as np

from pix2pix.toydata.car_bodies import (
    FRONT,
    HUB,
    REAR,
    SIDE,
    TOP,
    TREAD,
    Car,
    belt_line,
    body_mesh,
    footprint,
    identify,
    roof_line,
    wheel_mesh,
)  # fmt: skip
from pix2pix.toydata.studio import Array, Camera, backdrop, rasterise, rgb, shade

SUPERSAMPLING = 2

# Materials: their colours ("": the car's own), the part of it that diffuse light shows, and the mirror part.
PAINT, GLASS, TRIM, LINE, LAMP, RED, CHROME, PLATE, TYRE, RIM, ARCH = range(11)
COLOURS = ("", "#1d2b36", "#141416", "", "#f4f8fb", "#c00d12", "#9a9da2", "#f0efe6", "#1b1b1e", "", "#050506")
DIFFUSE = np.array([1.0, 0.7, 0.7, 1.0, 0.9, 1.0, 0.6, 0.9, 0.8, 0.85, 0.3], np.float32)
MIRROR = np.array([0.11, 0.20, 0.02, 0.02, 0.25, 0.08, 0.50, 0.03, 0.02, 0.20, 0.0], np.float32)

MIDDLE = -0.1  # where halves that are looked up by |z| begin, so that nothing shows at z = 0


def draw_car(*, car: int, view: int, views: int = 16, size: int = 256, seed: int = 0) -> tuple[Array, Array]:
    """Draw one studio photo of a car on a turntable, and its mask.

    `photo` is uint8 RGB (size, size, 3), a light-grey studio round the car; `mask` is uint8 (size, size), 1 on the car
    and 0 elsewhere, never touching the frame. (seed, car) decides body, proportions, paint and rims; the car is turned
    by 360 * view / views degrees, view 0 showing its nose. Three cars in four wear the paint of their body type (one of
    eight), so that colour can partly be learnt from outlines. Any eight cars with consecutive numbers have different
    bodies. The same arguments give the same arrays. Raises ValueError for a view outside [0, views) or a size below 16.
    """
    if not 0 <= view < views or size < 16:
        raise ValueError(f"want 0 <= view < views and size >= 16, got view {view} of {views}, size {size}")
    identity = identify(car=car, seed=seed)
    body, wheels = body_mesh(identity), wheel_mesh(identity)
    wide = size * SUPERSAMPLING
    camera = Camera.framing(np.concatenate([body.points, wheels.points]), turn=2 * np.pi * view / views, wide=wide)
    sheets = _sheets(identity, pixels_per_metre=max(32, wide // 4))

    # Each mesh is drawn far to near; between the two the nearer surface wins, pixel by pixel.
    nearest: Array = np.zeros(wide * wide, np.float32)
    image: Array = np.zeros((wide * wide, 3), np.float32)
    for mesh in (body, wheels):
        pixels = rasterise(mesh, camera)
        points = camera.unproject(pixels.places, pixels.nearness)
        materials = _materials(points, pixels.zones, sheets, identity)
        hole = materials == ARCH  # the wheel shows in the arch: what is painted there lies further back
        nearness = np.where(hole, 1 / (1 / pixels.nearness + 0.4), pixels.nearness)
        seen = nearness > nearest[pixels.places]
        nearest[pixels.places[seen]] = nearness[seen]
        materials, points = materials[seen], points[seen]
        colour = _colours(identity)[materials]
        if identity.roof:
            colour[(materials == PAINT) & (points[:, 1] > identity.top[3][1] - 0.11)] = rgb(identity.roof)
        light = shade(
            points,
            normals=pixels.normals[seen],
            colour=colour,
            diffuse=DIFFUSE[materials],
            mirror=MIRROR[materials],
            camera=camera,
        )
        image[pixels.places[seen]] = light

    covered = (nearest > 0).astype(np.float32).reshape(wide, wide)
    coverage = cv2.resize(covered, (size, size), interpolation=cv2.INTER_AREA)
    photo: Array = cv2.resize(image.reshape(wide, wide, 3), (size, size), interpolation=cv2.INTER_AREA)
    photo += backdrop(camera, footprint=footprint(identity), size=size) * (1 - coverage[..., None])
    grain = np.random.default_rng([seed, car, view]).normal(0, 1.2, (size, size, 1)).astype(np.float32)
    return np.clip(photo * 255 + grain, 0, 255).astype(np.uint8), (coverage > 0.5).astype(np.uint8)


# --- details ---


class Sheet:
    """A flat drawing in metres whose pixels are materials; it covers x in [-3.1, 3.1] and y in [-0.2, 2.4]."""

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
        column = np.clip((x - self.ORIGIN[0]) * self.scale, 0, self.pixels.shape[1] - 1).astype(np.int32)
        row = np.clip((y - self.ORIGIN[1]) * self.scale, 0, self.pixels.shape[0] - 1).astype(np.int32)
        return self.pixels[row, column]

    def _fixed_point(self, points: Any) -> Array:
        return np.round((np.asarray(points, np.float64) - self.ORIGIN) * self.scale * 16).astype(np.int32)


def _sheets(car: Car, *, pixels_per_metre: int) -> dict[int, Sheet]:
    sheets = {zone: Sheet(pixels_per_metre) for zone in (SIDE, TOP, FRONT, REAR, HUB)}
    _draw_side(sheets[SIDE], car)
    _draw_front(sheets[FRONT], car)
    _draw_rear(sheets[REAR], car)
    _draw_top(sheets[TOP], car)
    for low, high, sheet in ((4, 3, sheets[FRONT]), (1, 2, sheets[REAR])):
        _draw_screen(car.top[low], car.top[high], sheets[TOP], sheet, car)
    _draw_hub(sheets[HUB], car)
    return sheets


def _draw_side(sheet: Sheet, car: Car) -> None:
    half, sill = car.length / 2, car.clearance + 0.12
    waist = 0.55 * car.belt + 0.45 * sill
    if car.cladding:
        sheet.box(-half, 0, half, sill + 0.08, TRIM)
    else:
        sheet.box(car.axles[0], 0, car.axles[1], sill - 0.03, TRIM)

    # Windows between belt and roof, with pillars where the doors shut.
    rear, front = car.glass
    x = np.linspace(rear, front, 60)
    low, high = belt_line(car, x) + 0.035, roof_line(car, x) - 0.10
    x, low, high = (side[high > low + 0.03] for side in (x, low, high))
    outline = np.concatenate([np.stack([x, high], 1), np.stack([x, low], 1)[::-1]])
    sheet.fill(outline, GLASS)
    dark = float(rgb(car.paint).mean()) < 0.36  # chrome round the windows, or nothing would stand out
    sheet.line(np.concatenate([outline, outline[:1]]), CHROME if dark else TRIM, 0.03)
    for door in car.doors[:-1]:
        if door > rear + 0.1:
            sheet.box(door - 0.05, car.belt, door + 0.04, float(roof_line(car, np.array(door))) - 0.06, PAINT)

    # Shut lines, handles, a crease along the waist, the fuel cap.
    for door in car.doors:
        sheet.line([(door, float(belt_line(car, np.array(door)))), (door, sill + 0.08)])
    for first, last in zip(car.doors[:-1], car.doors[1:], strict=True):
        sheet.line([(first, sill + 0.08), (last, sill + 0.08)])
        sheet.box(first + 0.07, car.belt - 0.13, first + 0.25, car.belt - 0.09, CHROME)
    sheet.line([(-half + 0.3, waist + 0.10), (half - 0.5, waist + 0.02)], LINE, 0.014)
    sheet.disc(car.axles[0] - 0.28, car.belt - 0.15, 0.065, LINE)
    sheet.disc(car.axles[0] - 0.28, car.belt - 0.15, 0.05, PAINT)

    # Lamps reach round the corners; the arches are holes.
    nose, tail = car.top[-1][1], car.top[0][1]
    lamp = [
        (half - 0.24, nose - 0.05),
        (half + 0.1, nose - 0.09),
        (half + 0.1, nose - 0.22),
        (half - 0.12, nose - 0.20),
    ]
    sheet.fill(lamp, LAMP)
    sheet.line([*lamp, lamp[0]], TRIM, 0.02)
    sheet.box(-half - 0.1, tail - 0.28, -half + 0.13, tail - 0.08, RED)
    for axle in car.axles:
        sheet.disc(axle, car.wheel, car.wheel + (0.12 if car.cladding else 0.07), TRIM if car.cladding else LINE)
        sheet.disc(axle, car.wheel, car.wheel + 0.045, ARCH)


def _draw_front(sheet: Sheet, car: Car) -> None:
    """Drawn for z > 0 only, like every sheet that is looked up by |z|."""
    nose, wide, low = car.top[-1][1], car.width / 2, car.clearance + 0.08
    sheet.box(MIDDLE, 0, wide, low + (0.12 if car.cladding else 0.06), TRIM)
    sheet.box(MIDDLE, low + 0.05, 0.52 * wide, low + 0.15, TRIM)
    grille = (0.42, 0.50, 0.34)[car.lamps] * wide
    sheet.box(MIDDLE, nose - 0.24, grille + 0.02, nose - 0.05, CHROME)
    sheet.box(MIDDLE, nose - 0.22, grille, nose - 0.07, TRIM)
    for y in (0.11, 0.15, 0.19):
        sheet.line([(MIDDLE, nose - y), (grille, nose - y)], CHROME, 0.012)
    match car.lamps:
        case 0:
            sheet.box(0.54 * wide, nose - 0.25, wide, nose - 0.04, TRIM)
            sheet.box(0.56 * wide, nose - 0.23, wide, nose - 0.06, LAMP)
        case 1:
            sheet.disc(0.72 * wide, nose - 0.15, 0.125, TRIM)
            sheet.disc(0.72 * wide, nose - 0.15, 0.105, LAMP)
        case _:
            sheet.fill([(0.42 * wide, nose - 0.23), (wide, nose - 0.20), (wide, nose - 0.03)], TRIM)
            sheet.fill([(0.47 * wide, nose - 0.20), (wide, nose - 0.18), (wide, nose - 0.06)], LAMP)
    sheet.disc(0.72 * wide, low + 0.11, 0.05, LAMP)
    sheet.box(MIDDLE, nose - 0.38, 0.26, nose - 0.27, PLATE)


def _draw_rear(sheet: Sheet, car: Car) -> None:
    tail, wide, low = car.top[0][1], car.width / 2, car.clearance + 0.08
    sheet.box(MIDDLE, 0, wide, low + 0.05, TRIM)
    sheet.line([(MIDDLE, low + 0.24), (0.9 * wide, low + 0.24)])
    sheet.box(0.55 * wide, tail - 0.28, wide, tail - 0.08, RED)
    sheet.box(0.55 * wide, tail - 0.19, 0.68 * wide, tail - 0.14, LAMP)
    sheet.box(MIDDLE, tail - 0.26, 0.27, tail - 0.13, TRIM)
    sheet.box(MIDDLE, tail - 0.25, 0.26, tail - 0.14, PLATE)


def _draw_top(sheet: Sheet, car: Car) -> None:
    cowl, nose, wide = car.top[4][0], car.length / 2, car.width / 2
    sheet.line([(cowl + 0.1, 0.72 * wide), (nose - 0.1, 0.60 * wide)])
    tail, deck = car.top[0][0], car.top[1][0]
    if deck - tail > 1:  # a pickup's bed under its cover
        sheet.box(tail + 0.12, MIDDLE, deck - 0.06, 0.74 * wide, TRIM)
    elif deck - tail > 0.3:
        sheet.line([(deck - 0.06, 0.72 * wide), (tail, 0.72 * wide)])


def _draw_screen(low: tuple[float, float], high: tuple[float, float], top: Sheet, end: Sheet, car: Car) -> None:
    """The windscreen or rear window, between the outline's points `low` and `high`, as seen from above and endways."""
    foot, head = 0.95 * car.width / 2 - 0.07, 0.95 * car.width / 2 - car.lean * (high[1] - low[1]) - 0.07
    for inset, material in ((0.0, TRIM), (0.05, GLASS)):
        share = [0.07 + inset, 0.90 - inset]
        (x0, x1), (y0, y1) = (np.interp(share, [0, 1], [low[axis], high[axis]]) for axis in (0, 1))
        top.fill([(x0, MIDDLE), (x0, foot - inset), (x1, head - inset), (x1, MIDDLE)], material)
        end.fill([(MIDDLE, y0), (foot - inset, y0), (head - inset, y1), (MIDDLE, y1)], material)


def _draw_hub(sheet: Sheet, car: Car) -> None:
    """In units of the tyre's radius, its middle at (0, 1)."""
    sheet.disc(0, 1, 1.15, TYRE)
    sheet.disc(0, 1, 0.73, RIM)
    sheet.disc(0, 1, 0.65, ARCH)
    for angle in 2 * np.pi * np.arange(car.spokes) / car.spokes:
        out, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        wide, narrow = 0.9 / car.spokes, 0.6 / car.spokes
        sheet.fill([out * r + across * a + [0, 1] for r, a in ((0, -narrow), (0.69, -wide), (0.69, wide), (0, narrow))],
                   RIM)  # fmt: skip
    sheet.disc(0, 1, 0.18, RIM)
    sheet.disc(0, 1, 0.08, TRIM)


def _materials(points: Array, zones: Array, sheets: dict[int, Sheet], car: Car) -> Array:
    """The material of each surface point (N, 3)."""
    x, y, z = points[:, 0], points[:, 1], np.abs(points[:, 2])
    nearest_axle = np.where(x > 0, car.axles[1], car.axles[0])
    coordinates = {
        SIDE: (x, y), TOP: (x, z), FRONT: (z, y), REAR: (z, y),
        HUB: ((x - nearest_axle) / car.wheel, y / car.wheel),
    }  # fmt: skip
    materials = np.where(zones == TREAD, TYRE, PAINT)
    for zone, (across, upwards) in coordinates.items():
        here = np.flatnonzero(zones == zone)
        materials[here] = sheets[zone].at(across[here], upwards[here])
    return materials


def _colours(car: Car) -> Array:
    """(materials, 3) float32 in [0, 1]."""
    colours = np.stack([rgb(colour or car.paint) for colour in COLOURS])
    colours[LINE] *= 0.25
    colours[RIM] = rgb(car.rim)
    return colours
