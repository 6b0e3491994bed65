"""A photo studio for drawn objects: camera, rasteriser, soft light and a light-grey backdrop, in NumPy and OpenCV.

Metres; y is up and the floor is y = 0. Instead of the object on its turntable, the camera moves around it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

DISTANCE, EYE_HEIGHT, AIM_HEIGHT = 8.5, 1.75, 0.6
FILL = 0.87  # the share of the frame's width that an object seen from its longer side spans


class Mesh(NamedTuple):
    points: Array  # (V, 3) metres
    normals: Array  # (V, 3), outwards
    faces: Array  # (F, 3) indices of points
    zones: Array  # (F,) a number whose meaning is the caller's


class VisiblePixels(NamedTuple):
    """The pixels that a mesh covers, and what they show of it."""

    indices: Array  # (N,) row * width + column
    inverse_depth: Array  # (N,) 1 / metres along the camera's axis
    normals: Array  # (N, 3), unit length
    zones: Array  # (N,)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera whose frame is `width` pixels square."""

    eye: Array
    right: Array
    up: Array
    forward: Array
    focal: float
    centre: tuple[float, float]
    width: int

    @classmethod
    def framing(cls, points: Array, *, angle: float, width: int) -> "Camera":
        """The camera that fills its frame with `points` (V, 3), seen from `angle` (radians; 0 is in front, at +x)."""
        eye = np.array([DISTANCE * np.cos(angle), EYE_HEIGHT, DISTANCE * np.sin(angle)])
        forward = np.array([0, AIM_HEIGHT, 0]) - eye
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 1, 0])
        right /= np.linalg.norm(right)
        probe = cls(eye, right, np.cross(right, forward), forward, 1.0, (0.0, 0.0), width)
        x, y = probe.project(points)[:2]
        span = max(np.ptp(x), 0.62 * np.linalg.norm(np.ptp(points, axis=0)) / DISTANCE, 1.45 * np.ptp(y))
        focal = FILL * width / span
        centre = (width * 0.5 - focal * (x.max() + x.min()) / 2, width * 0.53 - focal * (y.max() + y.min()) / 2)
        return cls(eye, right, probe.up, forward, focal, centre, width)

    def project(self, points: Array) -> tuple[Array, Array, Array]:
        """Column, row and inverse depth of points (V, 3)."""
        offset = points - self.eye
        inverse_depth = 1 / (offset @ self.forward)
        x = self.centre[0] + self.focal * (offset @ self.right) * inverse_depth
        y = self.centre[1] - self.focal * (offset @ self.up) * inverse_depth
        return x, y, inverse_depth

    def unproject(self, indices: Array, inverse_depth: Array) -> Array:
        """The points (N, 3), float32, that `project` maps to these pixels."""
        row, column = np.divmod(indices, self.width)
        offset = np.ones((len(indices), 3), np.float32)  # along forward, right and up
        offset[:, 1] = (column - self.centre[0]) / self.focal
        offset[:, 2] = (self.centre[1] - row) / self.focal
        offset /= inverse_depth[:, None]
        return offset @ np.stack([self.forward, self.right, self.up]).astype(np.float32) + self.eye.astype(np.float32)


def rasterise(mesh: Mesh, camera: Camera) -> VisiblePixels:
    """The face that each pixel shows (painter's algorithm, far faces first), with interpolated normal and depth."""
    x, y, inverse_depth = camera.project(mesh.points)
    corners = mesh.points[mesh.faces]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    face_normals *= np.sign((face_normals * mesh.normals[mesh.faces].mean(1)).sum(1))[:, None]
    facing = ((camera.eye - corners[:, 0]) * face_normals).sum(1) > 1e-9
    faces = mesh.faces[facing]
    order = np.argsort(inverse_depth[faces].mean(1), kind="stable")
    faces, zones = faces[order], mesh.zones[facing][order]

    face_of_pixel: Array = np.zeros((camera.width, camera.width), np.int32)  # 0 is none
    triangles = np.round(np.stack([x[faces], y[faces]], 2) * 16).astype(np.int32)
    for number, triangle in enumerate(triangles, 1):
        cv2.fillConvexPoly(face_of_pixel, triangle, number, shift=4)
    indices = np.flatnonzero(face_of_pixel)
    numbers = face_of_pixel.reshape(-1)[indices] - 1

    # Barycentric weights are affine in (column, row). Pixels slightly outside of their face are clipped to it.
    (xa, xb, xc), (ya, yb, yc) = x[faces].T, y[faces].T
    area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)
    affine = np.stack([yc - ya, xa - xc, xc * ya - xa * yc, ya - yb, xb - xa, xa * yb - xb * ya]) / area
    values = np.concatenate([mesh.normals, inverse_depth[:, None]], 1)[faces]  # (F, 3 corners, 4)
    values[:, 1:] -= values[:, :1]
    table = np.concatenate([affine, values.reshape(-1, 12).T]).astype(np.float32)
    terms = np.take(table, numbers, axis=1)  # (18, N)
    row, column = (part.astype(np.float32) for part in np.divmod(indices, camera.width))
    second = np.clip(terms[0] * column + terms[1] * row + terms[2], 0, 1)
    third = np.clip(terms[3] * column + terms[4] * row + terms[5], 0, 1 - second)
    mixed = terms[6:10] + second * terms[10:14] + third * terms[14:18]
    normals = mixed[:3] / (np.sqrt((mixed[:3] ** 2).sum(0)) + 1e-6)
    return VisiblePixels(indices, mixed[3], np.ascontiguousarray(normals.T), zones[numbers])


def shade(points: Array, *, normals: Array, colour: Array, diffuse: Array, mirror: Array, camera: Camera) -> Array:
    """The light (N, 3), in [0, 1], that reaches the camera from points (N, 3) with unit `normals` (N, 3).

    There is a soft key light behind the camera's left shoulder, a bright ceiling and a floor. `colour` (N, 3) reflects
    the share `diffuse` (N,) of the diffuse light; `mirror` (N,) is the reflectance of the surface seen head-on.
    """
    key = (-0.45 * camera.right + 0.85 * np.array([0, 1, 0]) - 0.55 * camera.forward).astype(np.float32)
    key /= np.linalg.norm(key)
    view = points - camera.eye.astype(np.float32)
    view /= np.sqrt(np.einsum("nk,nk->n", view, view))[:, None]
    along = np.einsum("nk,nk->n", normals, view)
    towards_key = normals @ key
    reflected_y = view[:, 1] - 2 * along * normals[:, 1]
    highlight = np.clip(view @ key - 2 * along * towards_key, 0, 1) ** 32

    irradiance = 0.30 + 0.20 * normals[:, 1] + 0.62 * np.maximum(towards_key, 0)
    irradiance *= np.clip(0.62 + 0.8 * points[:, 1], 0, 1)  # darker near the floor, which reflects little
    ceiling = np.clip((reflected_y - 0.1) / 0.4, 0, 1)
    room = np.where(reflected_y > 0, 0.30 + 0.62 * ceiling * ceiling * (3 - 2 * ceiling), 0.16)
    fresnel = mirror + (1 - mirror) * 0.6 * np.square(np.square(np.clip(1 + along, 0, 1))) * (mirror > 0.01)
    light: Array = colour * (diffuse * irradiance)[:, None] + (fresnel * room + 1.5 * mirror * highlight)[:, None]
    light /= 1 + 0.10 * light * light * light  # compresses highlights, so that they keep some colour
    return light.clip(0, 0.97)


def backdrop(camera: Camera, *, footprint: Array, size: int) -> Array:
    """An empty light-grey studio, float32 RGB (size, size, 3) in [0, 1], with the shadow of `footprint` (V, 3)."""
    row, column = np.mgrid[:size, :size].astype(np.float32) / size
    wall = 0.84 - 0.16 * (column - 0.42) ** 2 * 4 - 0.10 * np.clip(0.5 - row, 0, 1)
    floor = np.clip((row - 0.46) / 0.16, 0, 1)
    grey = wall + 0.07 * floor**2 * (3 - 2 * floor) - 0.12 * np.clip(row - 0.75, 0, 1)

    # The turntable's disc, then a wide soft shadow and a narrow dark one.
    scale = size / camera.width
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
