"""Drawn cars, so that the first run needs no network: studio photos and masks like Carvana's.

A car is a lofted body (cross-sections along its length), four wheels and two mirrors; its details are flat drawings
that are projected on it. Metres; x is forward, y up, z to the right.
"""

import cv2
import numpy as np

from pix2pix.toydata.car_bodies import Car, body_mesh, footprint, random_car, wheel_mesh
from pix2pix.toydata.car_details import ARCH, LINE, PAINT, RIM, draw_details, materials_of
from pix2pix.toydata.renderer import Array, Camera, backdrop, rasterise, rgb, shade

SUPERSAMPLING = 2

# By material: its colour ("": the car's own), the share of diffuse light it reflects, and its mirror reflectance.
COLOURS = ("", "#1d2b36", "#141416", "", "#f4f8fb", "#c00d12", "#9a9da2", "#f0efe6", "#1b1b1e", "", "#050506")
DIFFUSE = np.array([1.0, 0.7, 0.7, 1.0, 0.9, 1.0, 0.6, 0.9, 0.8, 0.85, 0.3], np.float32)
MIRROR = np.array([0.11, 0.20, 0.02, 0.02, 0.25, 0.08, 0.50, 0.03, 0.02, 0.20, 0.0], np.float32)


def draw_car(*, car: int, view: int, views: int = 16, size: int = 256, seed: int = 0) -> tuple[Array, Array]:
    """Draw one studio photo of a car on a turntable, and its mask.

    `photo` is uint8 RGB (size, size, 3), the car in a light-grey studio; `mask` is uint8 (size, size), 1 on the car and
    0 elsewhere, and the car does not touch the frame. (seed, car) decides body, proportions, paint and rims; the car is
    turned by 360 * view / views degrees, view 0 shows its nose. All cars of one body type (of eight) have the same
    paint, so that colour can be learnt from outlines. Any eight cars with consecutive numbers have different bodies.
    The same arguments give the same arrays.
    """
    assert 0 <= view < views, (view, views)
    model = random_car(car=car, seed=seed)
    body, wheels = body_mesh(model), wheel_mesh(model)
    width = size * SUPERSAMPLING
    camera = Camera.framing(np.concatenate([body.points, wheels.points]), angle=2 * np.pi * view / views, width=width)
    details = draw_details(model, pixels_per_metre=max(32, width // 4))

    # Each mesh is drawn by itself; pixel by pixel the nearer surface wins.
    nearest: Array = np.zeros(width * width, np.float32)  # inverse depth
    image: Array = np.zeros((width * width, 3), np.float32)
    for mesh in (body, wheels):
        pixels = rasterise(mesh, camera)
        points = camera.unproject(pixels.indices, pixels.inverse_depth)
        materials = materials_of(points, pixels.zones, details, model)
        hole = materials == ARCH  # moved back by 0.4 m, so that the wheel shows in it
        inverse_depth = np.where(hole, 1 / (1 / pixels.inverse_depth + 0.4), pixels.inverse_depth)
        visible = inverse_depth > nearest[pixels.indices]
        nearest[pixels.indices[visible]] = inverse_depth[visible]
        materials, points = materials[visible], points[visible]
        colour = _colours(model)[materials]
        if model.roof:
            colour[(materials == PAINT) & (points[:, 1] > model.top[3][1] - 0.11)] = rgb(model.roof)
        light = shade(
            points,
            normals=pixels.normals[visible],
            colour=colour,
            diffuse=DIFFUSE[materials],
            mirror=MIRROR[materials],
            camera=camera,
        )
        image[pixels.indices[visible]] = light

    covered = (nearest > 0).astype(np.float32).reshape(width, width)
    coverage = cv2.resize(covered, (size, size), interpolation=cv2.INTER_AREA)
    photo: Array = cv2.resize(image.reshape(width, width, 3), (size, size), interpolation=cv2.INTER_AREA)
    photo += backdrop(camera, footprint=footprint(model), size=size) * (1 - coverage[..., None])
    grain = np.random.default_rng([seed, car, view]).normal(0, 1.2, (size, size, 1)).astype(np.float32)
    return np.clip(photo * 255 + grain, 0, 255).astype(np.uint8), (coverage > 0.5).astype(np.uint8)


def _colours(car: Car) -> Array:
    """(materials, 3) float32 in [0, 1]."""
    colours = np.stack([rgb(colour or car.paint) for colour in COLOURS])
    colours[LINE] *= 0.25
    colours[RIM] = rgb(car.rim)
    return colours
