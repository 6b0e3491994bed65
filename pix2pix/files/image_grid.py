"""Pictures of pictures: a labelled grid, or titled pictures side by side; and which images stand for many."""

import re
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pix2pix.files.images import Uint8

GAP = 4
WIDE_GAP = 20  # between rows that stand side by side
HEADER = 22
LINE = 16  # each further line of a wrapped column name


def grid(
    rows: Sequence[Sequence[Uint8]], *, columns: Sequence[str], labels: Sequence[str] | None = None, across: int = 1
) -> Uint8:
    """Rows of equal-sized images (H, W, 3) on white, `across` of them on a line, column names above (wrapped at "_").

    `labels` (one a row, only with one row a line) stand at the left.

    Raises:
        ValueError: a row has another number of images than there are columns.
    """
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"each row must have {len(columns)} images: {', '.join(columns)}")
    assert across == 1 or not labels, "labels need the left margin"
    height, width = rows[0][0].shape[:2]
    names = [_wrap(name, width) for name in columns]
    header = HEADER + LINE * max(name.count("\n") for name in names)
    margin = GAP + max(_text_width(label) for label in labels) if labels else 0
    across = min(across, len(rows))
    lines = -(-len(rows) // across)
    block = len(columns) * (width + GAP) - GAP + WIDE_GAP  # from one row of a line to the next
    page = Image.new("RGB", (margin + across * block - WIDE_GAP, header + lines * (height + GAP)), "white")
    draw = ImageDraw.Draw(page)
    for i, row in enumerate(rows):
        left, top = margin + i % across * block, header + i // across * (height + GAP)
        for x, (name, image) in enumerate(zip(names, row, strict=True)):
            page.paste(Image.fromarray(image), (left + x * (width + GAP), top))
            if i < across:
                middle = left + x * (width + GAP) + width / 2
                draw.multiline_text((middle, header / 2), name, "black", _font(), anchor="mm", align="center")
    for y, label in enumerate(labels or ()):
        draw.multiline_text((0, header + y * (height + GAP) + height / 2), label, "black", _font(), anchor="lm")
    return np.asarray(page)


def spread(count: int, *, of: int) -> list[int]:
    """`count` places (all, where there are fewer) evenly over 0..`of` - 1, with first and last."""
    return [round(place) for place in np.linspace(0, of - 1, min(count, of))]


def side_by_side(pictures: Sequence[tuple[str, Uint8]], *, columns: int = 2) -> Uint8:
    """Titled pictures of any sizes, `columns` a line, top-aligned on white."""
    titled = [_titled(*picture) for picture in pictures]
    lines = [titled[i : i + columns] for i in range(0, len(titled), columns)]
    heights = [max(picture.height for picture in line) for line in lines]
    width = max(sum(picture.width for picture in line) for line in lines)
    page = Image.new("RGB", (width, sum(heights)), "white")
    for y, line in enumerate(lines):
        for x, picture in enumerate(line):
            page.paste(picture, (sum(other.width for other in line[:x]), sum(heights[:y])))
    return np.asarray(page)


def _titled(title: str, picture: Uint8) -> Image.Image:
    width = max(picture.shape[1], _text_width(title) + GAP)
    page = Image.new("RGB", (width + 4 * GAP, picture.shape[0] + HEADER + 4 * GAP), "white")
    ImageDraw.Draw(page).text((page.width / 2, HEADER / 2), title, "black", _font(bold=True), anchor="mm")
    page.paste(Image.fromarray(picture), ((page.width - picture.shape[1]) // 2, HEADER))
    return page


def _wrap(name: str, width: int) -> str:
    """Line breaks after "_" and at spaces, so that lines fit into `width` pixels where that can be."""
    lines = [""]
    for part in re.findall(r"[^_ ]+_?|[_ ]", name):
        if lines[-1] and _font().getlength((lines[-1] + part).strip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _font(*, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(15 if bold else 13)  # Pillow's own: the same on every machine


def _text_width(text: str) -> int:
    return int(max(_font(bold=True).getlength(line) for line in text.split("\n")))
