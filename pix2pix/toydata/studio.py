"""A photo studio for drawn things: camera, hidden surfaces, soft light, a light-grey backdrop; plain NumPy and OpenCV.

Metres; y is up and the floor is y = 0. The camera stays, things turn; here that is written as a camera on an orbit.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

DISTANCE, EYE_HEIGHT, AIM_HEIGHT = 8.5, 1.75, 0.6
FILL = 0.87  # the part of the frame that a thing seen along its longer side may span


class Mesh(NamedTuple):
    points: Array  # (V, 3) metres
    normals: Array  # (V, 3), outwards
    faces: Array  # (F, 3) indices of points
    zones: Array  # (F,) a number that the owner of the mesh gives a meaning


class Pixels(NamedTuple):
    """The visible pixels of one mesh."""

    places: Array  # (N,) row * wide + column
    nearness: Array  # (N,) 1 / metres along the camera's axis
    normals: Array  # (N, 3), unit length
    zones: Array  # (N,)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera whose frame is `wide` pixels square."""

    eye: Array
    right: Array
    up: Array
    forward: Array
    focal: float
    centre: tuple[float, float]
    wide: int

    @classmethod
    def framing(cls, points: Array, *, turn: float, wide: int) -> "Camera":
        """The camera at angle `turn` (0 looks at +x) that fills its frame with `points` (V, 3)."""
        eye = np.array([DISTANCE * np.cos(turn), EYE_HEIGHT, DISTANCE * np.sin(turn)])
        forward = np.array([0, AIM_HEIGHT, 0]) - eye
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 1, 0])
        right /= np.linalg.norm(right)
        probe = cls(eye, right, np.cross(right, forward), forward, 1.0, (0.0, 0.0), wide)
        x, y = probe.project(points)[:2]
        span = max(np.ptp(x), 0.62 * np.linalg.norm(np.ptp(points, axis=0)) / DISTANCE, 1.45 * np.ptp(y))
        focal = FILL * wide / span
        centre = (wide * 0.5 - focal * (x.max() + x.min()) / 2, wide * 0.53 - focal * (y.max() + y.min()) / 2)
        return cls(eye, right, probe.up, forward, focal, centre, wide)

    def project(self, points: Array) -> tuple[Array, Array, Array]:
        """Column, row and nearness of points (V, 3)."""
        away = points - self.eye
        nearness = 1 / (away @ self.forward)
        x = self.centre[0] + self.focal * (away @ self.right) * nearness
        y = self.centre[1] - self.focal * (away @ self.up) * nearness
        return x, y, nearness

    def unproject(self, places: Array, nearness: Array) -> Array:
        """The points (N, 3), float32, that `project` maps to these pixels."""
        row, column = np.divmod(places, self.wide)
        sight = np.ones((len(places), 3), np.float32)
        sight[:, 1] = (column - self.centre[0]) / self.focal
        sight[:, 2] = (self.centre[1] - row) / self.focal
        sight /= nearness[:, None]
        return sight @ np.stack([self.forward, self.right, self.up]).astype(np.float32) + self.eye.astype(np.float32)


def rasterise(mesh: Mesh, camera: Camera) -> Pixels:
    """Which face each pixel sees, by the painter's algorithm (far faces first), with smooth normals and depths."""
    x, y, nearness = camera.project(mesh.points)
    corners = mesh.points[mesh.faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat *= np.sign((flat * mesh.normals[mesh.faces].mean(1)).sum(1))[:, None]
    facing = ((camera.eye - corners[:, 0]) * flat).sum(1) > 1e-9
    faces = mesh.faces[facing]
    order = np.argsort(nearness[faces].mean(1), kind="stable")
    faces, zones = faces[order], mesh.zones[facing][order]

    seen: Array = np.zeros((camera.wide, camera.wide), np.int32)
    triangles = np.round(np.stack([x[faces], y[faces]], 2) * 16).astype(np.int32)
    for number, triangle in enumerate(triangles, 1):
        cv2.fillConvexPoly(seen, triangle, number, shift=4)
    places = np.flatnonzero(seen)
    numbers = seen.reshape(-1)[places] - 1

    # Barycentric weights are affine in (column, row); the painter's outermost pixels are held to their face.
    (xa, xb, xc), (ya, yb, yc) = x[faces].T, y[faces].T
    area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)
    affine = np.stack([yc - ya, xa - xc, xc * ya - xa * yc, ya - yb, xb - xa, xa * yb - xb * ya]) / area
    values = np.concatenate([mesh.normals, nearness[:, None]], 1)[faces]  # (F, 3 corners, 4)
    values[:, 1:] -= values[:, :1]
    table = np.concatenate([affine, values.reshape(-1, 12).T]).astype(np.float32)
    of = np.take(table, numbers, axis=1)  # (18, N)
    row, column = (part.astype(np.float32) for part in np.divmod(places, camera.wide))
    second = np.clip(of[0] * column + of[1] * row + of[2], 0, 1)
    third = np.clip(of[3] * column + of[4] * row + of[5], 0, 1 - second)
    mixed = of[6:10] + second * of[10:14] + third * of[14:18]
    normals = mixed[:3] / (np.sqrt((mixed[:3] ** 2).sum(0)) + 1e-6)
    return Pixels(places, mixed[3], np.ascontiguousarray(normals.T), zones[numbers])


def shade(points: Array, *, normals: Array, colour: Array, diffuse: Array, mirror: Array, camera: Camera) -> Array:
    """The light (N, 3), in [0, 1], that points (N, 3) send to the camera.

    It comes from a soft key light behind the camera's left shoulder, from the bright ceiling and from the floor.
    `colour` (N, 3) is lit by `diffuse` (N,); `mirror` (N,) is how much of the studio's reflection shows head-on.
    """
    key = (-0.45 * camera.right + 0.85 * np.array([0, 1, 0]) - 0.55 * camera.forward).astype(np.float32)
    key /= np.linalg.norm(key)
    sight = points - camera.eye.astype(np.float32)
    sight /= np.sqrt(np.einsum("nk,nk->n", sight, sight))[:, None]
    along = np.einsum("nk,nk->n", normals, sight)
    towards_key = normals @ key
    bounce_y = sight[:, 1] - 2 * along * normals[:, 1]
    glint = np.clip(sight @ key - 2 * along * towards_key, 0, 1) ** 32

    lit = 0.30 + 0.20 * normals[:, 1] + 0.62 * np.maximum(towards_key, 0)
    lit *= np.clip(0.62 + 0.8 * points[:, 1], 0, 1)  # the floor gives no light: darker towards the sills
    ceiling = np.clip((bounce_y - 0.1) / 0.4, 0, 1)
    room = np.where(bounce_y > 0, 0.30 + 0.62 * ceiling * ceiling * (3 - 2 * ceiling), 0.16)
    fresnel = mirror + (1 - mirror) * 0.6 * np.square(np.square(np.clip(1 + along, 0, 1))) * (mirror > 0.01)
    light: Array = colour * (diffuse * lit)[:, None] + (fresnel * room + 1.5 * mirror * glint)[:, None]
    light /= 1 + 0.10 * light * light * light  # film keeps some colour in what is too bright
    return light.clip(0, 0.97)


def backdrop(camera: Camera, *, footprint: Array, size: int) -> Array:
    """An empty light-grey studio, float32 RGB (size, size, 3) in [0, 1], with the shadow of `footprint` (V, 3)."""
    row, column = np.mgrid[:size, :size].astype(np.float32) / size
    wall = 0.84 - 0.16 * (column - 0.42) ** 2 * 4 - 0.10 * np.clip(0.5 - row, 0, 1)
    floor = np.clip((row - 0.46) / 0.16, 0, 1)
    grey = wall + 0.07 * floor**2 * (3 - 2 * floor) - 0.12 * np.clip(row - 0.75, 0, 1)

    # The turntable's rim, then shadows: a wide soft one and a narrow dark one.
    scale = size / camera.wide
    angle = np.linspace(0, 2 * np.pi, 96)
    disc = np.stack([np.cos(angle) * 3.0, 0 * angle, np.sin(angle) * 3.0], 1)
    layers = []
    for points, blur in ((disc, 0.4), (footprint * 1.06, 0.03 * size), (footprint * 0.97, 0.011 * size)):
        x, y, _ = camera.project(points)
        layer: Array = np.zeros((size, size), np.float32)
        outline = np.round(np.stack([x, y], 1) * scale * 16).astype(np.int32)
        cv2.fillPoly(layer, [outline], 1.0, lineType=cv2.LINE_AA, shift=4)
        layers.append(cv2.GaussianBlur(layer, (0, 0), blur))
    grey *= (1 - 0.035 * layers[0]) * (1 - 0.40 * layers[1]) * (1 - 0.65 * layers[2])
    photo: Array = grey[..., None] * np.array([1.0, 0.995, 0.98], np.float32)
    return photo


def rgb(colour: str) -> Array:
    """'#rrggbb' as float32 (3,) in [0, 1]."""
    return np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)], np.float32)
