"""The shapes of drawn cars: eight body types and their meshes. Metres; x is forward, y up, z to the right."""

from dataclasses import dataclass, replace

import numpy as np

from pix2pix.toydata.renderer import Array, Mesh

# Zones of a mesh: its faces show one of five flat drawings (pix2pix/toydata/car_details.py), tyre, or paint.
SIDE, TOP, FRONT, REAR, HUB, TREAD, SHELL = range(7)


@dataclass(frozen=True)
class Car:
    """One car: its body, in metres, and its colours, "#rrggbb"."""

    length: float
    width: float
    belt: float  # height of the lower edge of the windows
    clearance: float
    wheel: float  # radius of a tyre
    axles: tuple[float, float]  # x of the rear and of the front axle
    top: tuple[tuple[float, float], ...]  # its outline: (x, y) of tail, deck, roof's rear and front edge, cowl, nose
    lean: float  # how far the side windows lean inwards, metres per metre
    doors: tuple[float, ...]  # x of the edges of the doors, rear to front
    glass: tuple[float, float]  # x between which the sides have windows
    cladding: bool  # black plastic around the wheels and along the sills
    paint: str  # of all cars of this body type, so that the colour can be learnt from the outline
    roof: str = ""  # "": as the body
    rim: str = ""
    spokes: int = 0
    lamps: int = 0


BODIES = (
    # city car
    Car(length=3.60, width=1.64, belt=0.93, clearance=0.17, wheel=0.30, axles=(-1.17, 1.17),
        top=((-1.80, 0.84), (-1.72, 0.96), (-1.28, 1.44), (0.28, 1.47), (1.05, 0.97), (1.80, 0.72)),
        lean=0.30, doors=(-0.62, 0.78), glass=(-1.36, 0.98), cladding=False,
        paint="#f2b90f"),
    # hatchback
    Car(length=4.05, width=1.76, belt=0.94, clearance=0.17, wheel=0.32, axles=(-1.28, 1.28),
        top=((-2.02, 0.86), (-1.95, 0.98), (-1.35, 1.41), (0.15, 1.45), (1.02, 0.97), (2.02, 0.70)),
        lean=0.36, doors=(-1.02, -0.22, 0.76), glass=(-1.52, 0.92), cladding=False,
        paint="#c9151b"),
    # sedan
    Car(length=4.65, width=1.82, belt=0.94, clearance=0.16, wheel=0.33, axles=(-1.38, 1.40),
        top=((-2.32, 0.88), (-1.72, 1.00), (-0.85, 1.39), (0.10, 1.42), (0.98, 0.96), (2.32, 0.68)),
        lean=0.40, doors=(-1.12, -0.28, 0.72), glass=(-1.42, 0.90), cladding=False,
        paint="#2a5fc0"),
    # estate
    Car(length=4.70, width=1.82, belt=0.95, clearance=0.17, wheel=0.33, axles=(-1.38, 1.42),
        top=((-2.35, 0.88), (-2.26, 1.00), (-1.75, 1.42), (0.10, 1.46), (1.00, 0.97), (2.35, 0.70)),
        lean=0.36, doors=(-1.10, -0.26, 0.74), glass=(-2.02, 0.90), cladding=False,
        paint="#3a7550"),
    # coupe
    Car(length=4.40, width=1.84, belt=0.88, clearance=0.13, wheel=0.34, axles=(-1.28, 1.32),
        top=((-2.20, 0.88), (-1.78, 0.96), (-0.62, 1.26), (-0.05, 1.28), (0.78, 0.88), (2.20, 0.60)),
        lean=0.46, doors=(-0.72, 0.56), glass=(-1.25, 0.70), cladding=False,
        paint="#f07c12"),
    # SUV
    Car(length=4.60, width=1.90, belt=1.08, clearance=0.24, wheel=0.38, axles=(-1.35, 1.40),
        top=((-2.30, 1.00), (-2.22, 1.12), (-1.82, 1.66), (0.35, 1.71), (1.10, 1.12), (2.30, 0.88)),
        lean=0.28, doors=(-1.04, -0.20, 0.82), glass=(-2.00, 1.00), cladding=True,
        paint="#e9eaea"),
    # van
    Car(length=4.75, width=1.90, belt=1.08, clearance=0.18, wheel=0.34, axles=(-1.42, 1.50),
        top=((-2.38, 1.04), (-2.34, 1.12), (-2.18, 1.90), (0.85, 1.95), (1.72, 1.10), (2.38, 0.80)),
        lean=0.16, doors=(-1.50, -0.30, 1.00), glass=(-2.16, 1.50), cladding=False,
        paint="#8cb8d8"),
    # pickup
    Car(length=5.20, width=1.92, belt=1.08, clearance=0.27, wheel=0.40, axles=(-1.55, 1.65),
        top=((-2.60, 1.06), (-0.92, 1.10), (-0.72, 1.73), (0.45, 1.76), (1.12, 1.12), (2.60, 0.98)),
        lean=0.26, doors=(-0.85, 0.08, 0.98), glass=(-0.72, 1.06), cladding=True,
        paint="#c8a878"),
)  # fmt: skip


def random_car(*, car: int, seed: int) -> Car:
    """The car with number `car`. Any eight cars with consecutive numbers have different body types."""
    order = np.random.default_rng(seed).permutation(len(BODIES))
    body = BODIES[order[car % len(BODIES)]]
    rng = np.random.default_rng([seed, car])
    long, wide, high = rng.uniform(0.96, 1.04), rng.uniform(0.97, 1.03), rng.uniform(0.97, 1.05)
    return replace(
        body,
        length=body.length * long,
        width=body.width * wide,
        belt=body.belt * high,
        axles=(body.axles[0] * long, body.axles[1] * long),
        top=tuple((x * long, y * high) for x, y in body.top),
        doors=tuple(x * long for x in body.doors),
        glass=(body.glass[0] * long, body.glass[1] * long),
        wheel=body.wheel * rng.uniform(0.97, 1.06),
        rim=("#d4d7db", "#9da1a7", "#44464a")[rng.choice(3, p=[0.6, 0.25, 0.15])],
        spokes=int(rng.choice([4, 5, 5, 6, 7, 10])),
        lamps=int(rng.integers(3)),
        roof="#f2f0ea" if body.length < 3.8 and rng.random() < 0.5 else "",
    )


def roof_line(car: Car, x: Array) -> Array:
    """Height of the upper outline at x, with rounded corners."""
    fine = np.arange(-3.2, 3.2, 0.01)
    middle = (car.top[2][0] + car.top[3][0]) / 2
    height = np.interp(fine, *np.array(car.top).T) + 0.03 * np.clip(1 - ((fine - middle) / 1.6) ** 2, 0, 1)
    kernel = np.hanning(27)
    return np.interp(x, fine, np.convolve(height, kernel / kernel.sum(), "same"))


def belt_line(car: Car, x: Array) -> Array:
    """Height of the lower edge of the windows at x."""
    return np.minimum(car.belt - 0.02 * x / car.length, roof_line(car, x) - 0.03)


def body_mesh(car: Car) -> Mesh:
    """The body as cross-sections (rings of points) along the car; ever smaller rings close its two ends."""
    half = car.length / 2
    fine = np.linspace(-half, half, 400)
    along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(fine), np.diff(roof_line(car, fine))))])
    x = np.interp(np.linspace(0, along[-1], 52), along, fine)  # rings are closer where the outline is steep

    end = np.clip((np.abs(x) - half + 0.6) / 0.6, 0, 1)
    w = car.width / 2 * (1 - 0.24 * (1 - np.sqrt(1 - 0.98 * end**2)))
    t = roof_line(car, x) - 0.04 * end**4
    s = np.minimum(belt_line(car, x), t - 0.03)
    b = car.clearance + 0.13 * end**3
    e = np.clip(0.35 * (t - s), 0.01, 0.09)  # radius of the roof's edge
    base = 0.95 * w
    edge = base - car.lean * (t - e - s)
    lift = s - b
    outline = [(0 * w, b), (0.70 * w, b), (0.93 * w, b + 0.02), (0.97 * w, b + 0.09), (0.995 * w, b + 0.32 * lift),
               (w, b + 0.62 * lift), (0.99 * w, s - 0.05), (base, s), ((base + edge) / 2, (s + t - e) / 2),
               (edge, t - e), (edge - 0.35 * e, t - 0.35 * e), (edge - 1.3 * e, t), (0.5 * edge, t + 0.02),
               (0 * w, t + 0.03)]  # fmt: skip
    right = np.array([(z, y) for z, y in outline])  # (14, 2, rings)
    ring = np.concatenate([right, right[-2:0:-1] * [[-1], [1]]]).transpose(2, 0, 1)  # (rings, 26, 2)
    grid = np.concatenate([np.broadcast_to(x[:, None, None], (*ring.shape[:2], 1)), ring[..., 1:], ring[..., :1]], 2)

    caps: dict[int, list[Array]] = {0: [], -1: []}
    for index, side in ((0, -1), (-1, 1)):
        middle = np.array([x[index], (b[index] + t[index]) / 2, 0])
        for shrink in (0.96, 0.86, 0.6, 0.3, 0.0):
            caps[index].append(middle + (grid[index] - middle) * shrink + [side * 0.07 * (1 - shrink**2), 0, 0])
    grid = np.stack([*caps[0][::-1], *grid, *caps[-1]])

    around = np.roll(grid, -1, 1) - np.roll(grid, 1, 1)
    normals = np.cross(np.gradient(grid, axis=0), around)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-9
    for depth, share in enumerate((0.0, 0.0, 0.05, 0.4, 0.8)):  # forwards in the middle of an end, sideways at its rim
        normals[depth] = share * normals[5] + [share - 1, 0, 0]
        normals[-1 - depth] = share * normals[-6] + [1 - share, 0, 0]
    faces, columns = _grid_faces(*grid.shape[:2])
    facing = normals.reshape(-1, 3)[faces].mean(1)[:, 0]
    roof = (columns >= len(outline) - 5) & (columns <= len(outline) + 2)
    zones = np.where(facing > 0.75, FRONT, np.where(facing < -0.75, REAR, np.where(roof, TOP, SIDE)))
    return Mesh(grid.reshape(-1, 3), normals.reshape(-1, 3), faces, zones)


def _grid_faces(rows: int, columns: int) -> tuple[Array, Array]:
    """Triangles (F, 3) between the points of a grid whose columns form a ring, and the column (F,) of each."""
    row, column = np.mgrid[: rows - 1, :columns].reshape(2, -1)
    right = (column + 1) % columns
    a, b, c, d = (r * columns + k for r, k in ((row, column), (row, right), (row + 1, right), (row + 1, column)))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]), np.tile(column, 2)


def wheel_mesh(car: Car) -> Mesh:
    """Four wheels on the floor, and two mirrors."""
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    parts = []
    for axle in car.axles:
        for side in (-1.0, 1.0):
            outer = side * (car.width / 2 - 0.015)
            inner = outer - side * 0.22
            # radius, z, and the outward part of the normal: inner side, tread, shoulder, outer side
            profile = ((0.0, inner, -1.0), (0.95, inner, -1.0), (0.99, inner, 0.0), (1.0, outer - side * 0.05, 0.0),
                       (0.96, outer, 0.7), (0.95, outer, 1.0), (0.0, outer, 1.0))  # fmt: skip
            points = [np.insert(circle * r * car.wheel + [axle, car.wheel], 2, z, axis=1) for r, z, _ in profile]
            normals = np.concatenate(
                [np.insert(circle * (1 - abs(out)), 2, side * out, axis=1) for _, _, out in profile]
            )
            faces, _ = _grid_faces(len(profile), 32)
            zones = np.where(side * normals[faces].mean(1)[:, 2] > 0.8, HUB, TREAD)
            parts.append(Mesh(np.concatenate(points), normals, faces, zones))
    polar = np.linspace(0, np.pi, 7)[:, None, None]
    ball = np.concatenate([np.cos(polar) + 0 * angle[None, ::4, None], np.sin(polar) * circle[None, ::4]], 2)
    faces, _ = _grid_faces(*ball.shape[:2])
    x = car.glass[1] - 0.12
    for side in (-1.0, 1.0):
        centre = [x, float(belt_line(car, np.array(x))) + 0.09, side * (car.width / 2 + 0.06)]
        normals = ball.reshape(-1, 3)
        parts.append(Mesh(normals * [0.07, 0.085, 0.12] + centre, normals, faces, np.full(len(faces), SHELL)))
    first = np.cumsum([0] + [len(part.points) for part in parts])
    return Mesh(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.faces + offset for part, offset in zip(parts, first[:-1], strict=True)]),
        np.concatenate([part.zones for part in parts]),
    )


def footprint(car: Car) -> Array:
    """The outline (64, 3) of the car's shadow on the floor, a rounded rectangle."""
    angle = np.linspace(0, 2 * np.pi, 64)
    x, z = np.cos(angle), np.sin(angle)
    x, z = np.sign(x) * np.abs(x) ** 0.35 * car.length / 2, np.sign(z) * np.abs(z) ** 0.35 * car.width / 2
    return np.stack([x, 0 * x, z], 1)
