"""A study's figure: the same images by each experiment, composed of the rendered files, which are those scored."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pix2pix.files.image_grid import GAP
from pix2pix.files.images import Uint8, resize
from pix2pix.reporting.experiment_result import ExperimentResult, one_of_each_setting

WIDTH = 1200  # of the figure, at most, in pixels; a sketch may be wider
IMAGES = 6  # in a row, where so many fit
SMALLEST, LARGEST = 128, 256  # side of an image
CAPTION, TITLE = ImageFont.load_default(18), ImageFont.load_default(24)  # Pillow's own: the same on every machine


def figure(tables: Mapping[str, Sequence[ExperimentResult]], sketches: Mapping[str, Uint8]) -> Uint8:
    """For each table, by its heading (may be empty), a block for each set of images in it, beneath each other.

    Results of one data set, size and choice of images share a block: a row of inputs, one of each experiment (of those
    that differ in nothing but their seed, the first), one of targets. Where both directions are there: A, what was
    generated from A, B, what was generated from B. `sketches`: by experiment, the picture of what it generates from
    sketches.
    """
    blocks = []
    for heading, results in tables.items():
        groups: dict[tuple[str, int, tuple[str, ...]], list[ExperimentResult]] = {}
        for result in one_of_each_setting(results):
            key = result.card.dataset, result.card.recipe.size, tuple(result.card.shown)
            groups.setdefault(key, []).append(result)
        for (dataset, size, _), group in groups.items():
            data = f"{dataset}, {size} px" if len(groups) > 1 else ""
            blocks.append((": ".join(filter(None, [heading, data])), _block(group)))
    blocks += [(f"{name}, on sketches", picture) for name, picture in sketches.items()]
    return _beneath_each_other(blocks)


def _block(results: Sequence[ExperimentResult]) -> Uint8:
    """Rows of images of results with the same data set, size and choice of images, each with its name at the left."""
    side = min(max(results[0].card.recipe.size, SMALLEST), LARGEST)
    directions = sorted({result.card.direction for result in results})
    names = ["target", *(result.caption for result in results)]
    margin = round(max(CAPTION.getlength(name) for name in names)) + 3 * GAP
    count = min(IMAGES, (WIDTH - margin + GAP) // (side + GAP))
    rows: list[tuple[str, Sequence[Uint8]]] = []
    for direction in directions:
        same = [(result.caption, result.shown(count)) for result in results if result.card.direction == direction]
        _, (sources, _, targets) = same[0]
        rows.append(("input" if len(directions) == 1 else direction[0], sources))
        rows += [(caption, generated) for caption, (_, generated, _) in same]
    if len(directions) == 1:
        rows.append(("target", targets))
    width = margin + len(rows[0][1]) * (side + GAP) - GAP
    page = Image.new("RGB", (width, len(rows) * (side + GAP) - GAP), "white")
    for y, (name, images) in enumerate(rows):
        top = y * (side + GAP)
        ImageDraw.Draw(page).text((0, top + side / 2), name, "black", CAPTION, anchor="lm")
        for x, image in enumerate(images):
            page.paste(Image.fromarray(resize(image, width=side, height=side)), (margin + x * (side + GAP), top))
    return np.asarray(page)


def _beneath_each_other(blocks: Sequence[tuple[str, Uint8]]) -> Uint8:
    """Pictures with a title above each, where it has one."""
    tops, bottom = [], 0
    for title, picture in blocks:
        tops.append(bottom + (40 if title else 0))
        bottom = tops[-1] + picture.shape[0] + 4 * GAP
    width = max(max(picture.shape[1], round(TITLE.getlength(title))) for title, picture in blocks)
    page = Image.new("RGB", (width, bottom - 4 * GAP), "white")
    for top, (title, picture) in zip(tops, blocks, strict=True):
        ImageDraw.Draw(page).text((0, top - 20), title, "black", TITLE, anchor="lm")
        page.paste(Image.fromarray(picture), (0, top))
    return np.asarray(page)
