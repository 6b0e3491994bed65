"""Comparison figures, composed of the tiles of grid.png files alone: they show what the numbers scored (law 4)."""

from collections.abc import Mapping, Sequence

from pix2pix.files.image_grid import GAP, grid, side_by_side
from pix2pix.files.images import Uint8, resize
from pix2pix.reporting.results import Row

IMAGES = 4  # of each grid
WIDTH = 1600  # at most, pixels


def figure(tables: Mapping[str, Sequence[Row]], sketches: Mapping[str, Uint8]) -> Uint8:
    """Beneath each other, or two a line where they fit: for each table, by its heading (may be empty), a grid for each
    set of images in it.

    Rows of one data set, size and choice of images share a grid: input, a column an experiment, target; where both
    directions are there, A, what was made of it, B, what was made of it. `sketches`: by experiment, what it makes of
    hand sketches.
    """
    pictures = []
    for heading, rows in tables.items():
        groups: dict[tuple[str, int, tuple[str, ...]], list[Row]] = {}
        for row in rows:
            key = row.card["dataset"], row.card["recipe"]["size"], tuple(row.card["grid"])
            groups.setdefault(key, []).append(row)
        for (dataset, size, _), group in groups.items():
            about = f"{dataset}, {size} px" if len(groups) > 1 else ""
            pictures.append((": ".join(filter(None, [heading, about])), _compare(group)))
    pictures += [(f"{name}, on sketches", picture) for name, picture in sketches.items()]
    if len(pictures) == 1 and not pictures[0][0]:
        return pictures[0][1]
    fits = 2 * max(picture.shape[1] for _, picture in pictures) <= WIDTH
    return side_by_side(pictures, columns=2 if fits else 1)


def _compare(rows: Sequence[Row]) -> Uint8:
    """One grid: each column is a name, a row and which of its three tiles (0 input, 1 generated, 2 target)."""
    by_direction: dict[str, list[Row]] = {}
    for row in rows:
        by_direction.setdefault(row.card["direction"], []).append(row)
    columns: list[tuple[str, Row, int]] = []
    if len(by_direction) > 1:
        for direction in ("AtoB", "BtoA"):
            same = by_direction[direction]
            columns += [(direction[0], same[0], 0), *((row.name, row, 1) for row in same)]
    else:
        columns = [("input", rows[0], 0), *((row.name, row, 1) for row in rows), ("target", rows[0], 2)]
    side = min(rows[0].card["recipe"]["size"], (WIDTH + GAP) // len(columns) - GAP)
    lines = [
        [resize(row.pictures[i][tile], width=side, height=side) for _, row, tile in columns]
        for i in range(min(IMAGES, len(rows[0].pictures)))
    ]
    return grid(lines, columns=[name for name, _, _ in columns])
