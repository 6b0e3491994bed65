"""Pictures of pictures: a labelled grid, one row an image, one column a role."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stages.pix2pix.images import Uint8

GAP = 4
HEADER = 22


def grid(rows: Sequence[Sequence[Uint8]], *, columns: Sequence[str], labels: Sequence[str] | None = None) -> Uint8:
    """Stack rows of equal-sized images (H, W, 3) on white, column names above, `labels` (one a row) at the left.

    Raises:
        ValueError: a row has another number of images than there are columns.
    """
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"each row must have {len(columns)} images: {', '.join(columns)}")
    height, width = rows[0][0].shape[:2]
    margin = GAP + max(_text_width(label) for label in labels) if labels else 0
    canvas = np.full(
        (HEADER + len(rows) * (height + GAP), margin + len(columns) * (width + GAP) - GAP, 3), 255, np.uint8
    )
    for y, row in enumerate(rows):
        top = HEADER + y * (height + GAP)
        for x, image in enumerate(row):
            left = margin + x * (width + GAP)
            canvas[top : top + height, left : left + width] = image
    page = Image.fromarray(canvas)
    draw = ImageDraw.Draw(page)
    for x, name in enumerate(columns):
        draw.text((margin + x * (width + GAP) + width / 2, HEADER / 2), name, "black", _font(), anchor="mm")
    for y, label in enumerate(labels or ()):
        middle = HEADER + y * (height + GAP) + height / 2
        draw.multiline_text((0, middle), label, "black", _font(), anchor="lm")
    return np.asarray(page)


def side_by_side(pictures: Sequence[tuple[str, Uint8]], *, columns: int = 2) -> Uint8:
    """Titled pictures of any sizes, `columns` a line, top-aligned on white."""
    lines = [pictures[i : i + columns] for i in range(0, len(pictures), columns)]
    return np.concatenate(_same_width([_same_height([_titled(*p) for p in line]) for line in lines]))


def _titled(title: str, picture: Uint8) -> Uint8:
    width = max(picture.shape[1], _text_width(title) + GAP)
    page = Image.new("RGB", (width + 4 * GAP, picture.shape[0] + HEADER + 4 * GAP), "white")
    ImageDraw.Draw(page).text((page.width / 2, HEADER / 2), title, "black", _font(bold=True), anchor="mm")
    page.paste(Image.fromarray(picture), ((page.width - picture.shape[1]) // 2, HEADER))
    return np.asarray(page)


def _same_height(pictures: list[Uint8]) -> Uint8:
    height = max(p.shape[0] for p in pictures)
    return np.concatenate([_pad(p, height, p.shape[1]) for p in pictures], axis=1)


def _same_width(pictures: list[Uint8]) -> list[Uint8]:
    width = max(p.shape[1] for p in pictures)
    return [_pad(p, p.shape[0], width) for p in pictures]


def _pad(picture: Uint8, height: int, width: int) -> Uint8:
    page = np.full((height, width, 3), 255, np.uint8)
    page[: picture.shape[0], : picture.shape[1]] = picture
    return page


def _font(*, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(15 if bold else 13)  # Pillow's own: the same on every machine


def _text_width(text: str) -> int:
    return int(max(_font(bold=True).getlength(line) for line in text.split("\n")))
