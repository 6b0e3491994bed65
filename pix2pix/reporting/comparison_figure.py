"""A study's figure: the same images by each experiment, composed of the rendered files, which are those scored."""

from collections.abc import Mapping, Sequence

from pix2pix.files.image_grid import GAP, grid, side_by_side
from pix2pix.files.images import Uint8, resize
from pix2pix.reporting.experiment_result import ExperimentResult

IMAGES = 4  # of those that each experiment shows
WIDTH = 1600  # at most, pixels


def figure(tables: Mapping[str, Sequence[ExperimentResult]], sketches: Mapping[str, Uint8]) -> Uint8:
    """For each table, by its heading (may be empty), a grid for each set of images in it; two side by side where they
    fit, else beneath each other.

    Results of one data set, size and choice of images share a grid: input, a column an experiment, target. Where both
    directions are there: A, what was generated from A, B, what was generated from B. `sketches`: by experiment, the
    picture of what it generates from sketches.
    """
    pictures = []
    for heading, results in tables.items():
        groups: dict[tuple[str, int, tuple[str, ...]], list[ExperimentResult]] = {}
        for result in results:
            key = result.card.dataset, result.card.recipe.size, tuple(result.card.shown)
            groups.setdefault(key, []).append(result)
        for (dataset, size, _), group in groups.items():
            data = f"{dataset}, {size} px" if len(groups) > 1 else ""
            pictures.append((": ".join(filter(None, [heading, data])), _compare(group)))
    pictures += [(f"{name}, on sketches", picture) for name, picture in sketches.items()]
    if len(pictures) == 1 and not pictures[0][0]:
        return pictures[0][1]
    two_fit = 2 * max(picture.shape[1] for _, picture in pictures) <= WIDTH
    return side_by_side(pictures, columns=2 if two_fit else 1)


def _compare(results: Sequence[ExperimentResult]) -> Uint8:
    """One grid of results with the same data set, size and choice of images."""
    columns: dict[str, Sequence[Uint8]] = {}
    directions = {result.card.direction for result in results}
    for direction in sorted(directions):
        same = {result.name: result.shown(IMAGES) for result in results if result.card.direction == direction}
        sources, _, targets = next(iter(same.values()))
        columns["input" if len(directions) == 1 else direction[0]] = sources
        columns |= {name: generated for name, (_, generated, _) in same.items()}
    if len(directions) == 1:
        columns["target"] = targets
    side = min(results[0].card.recipe.size, (WIDTH + GAP) // len(columns) - GAP)
    rows = [[resize(image, width=side, height=side) for image in row] for row in zip(*columns.values(), strict=True)]
    return grid(rows, columns=list(columns))
