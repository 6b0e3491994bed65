"""Label maps: colours to classes and back. Side B is one where config/datasets.yaml names a palette.

A class map is uint8 (H, W), the index of each pixel's class in its palette. Palettes are uint8 (K, 3), RGB.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2pix.files.images import Uint8

CHECKED = 1024  # a label map is checked on at most some 1024 x 1024 of its pixels
# A label map may have at most so many pixels farther than NEAR from every colour: of one that was never blended MAX_FAR
# of all; of others MAX_FAR of the flat ones, whose 5 x 5 neighbours differ by at most FLAT, since JPEG blends the thin
# parts (in the 606 label maps of the CMP facades at most 0.011 of the flat pixels are far, in their photos, as
# cityscapes, at least 0.03); where no pixel is flat, MAX_FAR_BLENDED of all.
NEAR, FLAT, MAX_FAR, MAX_FAR_BLENDED = 24, 16, 0.02, 0.8
MANY_COLOURS = 256  # a photo has more

# CMP facades, in the order of its authors, with the colours of the pix2pix archive (not those of the CMP originals)
FACADES = {
    "background": (0, 0, 222),
    "facade": (0, 48, 255),
    "window": (0, 128, 255),
    "door": (0, 207, 255),
    "cornice": (32, 255, 224),
    "sill": (112, 255, 143),
    "balcony": (192, 255, 63),
    "blind": (255, 240, 0),
    "deco": (255, 159, 0),
    "molding": (255, 80, 0),
    "pillar": (255, 0, 0),
    "shop": (174, 0, 0),
}
# The 19 evaluated classes of Cityscapes, whose colours GTA5 shares, and one for all that is not evaluated
CITYSCAPES = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
    "void": (0, 0, 0),
}
PALETTES = {"facades": FACADES, "cityscapes": CITYSCAPES}
# What else the authors of Cityscapes and GTA5 paint but do not evaluate: read as void
VOID = {
    "cityscapes": [
        (111, 74, 0),  # dynamic
        (81, 0, 81),  # ground
        (250, 170, 160),  # parking
        (230, 150, 140),  # rail track
        (180, 165, 180),  # guard rail
        (150, 100, 100),  # bridge
        (150, 120, 90),  # tunnel
        (0, 0, 90),  # caravan
        (0, 0, 110),  # trailer
    ]
}

# Which class each number of an index PNG means, other than its place in the palette, from 0 or from 1
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def palette(name: str) -> Uint8:
    """(K, 3): the colours of the classes of palette `name`."""
    return np.array(list(PALETTES[name].values()), np.uint8)


def decode(image: Uint8, name: str) -> Uint8:
    """(H, W, 3) -> class map (H, W) of palette `name`: the class of the nearest colour in RGB (of equals the first)."""
    return _nearest(image, name)[0]


def check_label_map(image: Uint8, name: str, path: Path, *, other_side: Uint8 | None = None) -> None:
    """Let a label map (H, W, 3) in the colours of palette `name` pass, also after JPEG's blending.

    Raises:
        ValueError: it is something else; the line names `path` and says what it looks like. `other_side` is side A of
            the same pair, which is the label map where the sides are swapped.
    """
    if (share := _misfit(image, name)) == 0:
        return
    looks = _looks_like(image, name)
    if other_side is not None and _misfit(other_side, name) == 0:
        looks = f"{looks}; side A is in these colours: are the sides swapped?"
    raise ValueError(f"{path}: not a label map in the colours of {name} ({share:.0%} are others): {looks}")


def from_numbers(numbers: Uint8, name: str, numbering: str, path: Path) -> Uint8:
    """Class numbers (H, W) of the file `path` -> their colours in palette `name`, (H, W, 3).

    Args:
        numbering: from_0 or from_1, in the order of the palette (from_0: Cityscapes' train ids), or cityscapes_ids.

    Raises:
        ValueError: a number is no class, and the palette has no void.
    """
    colours, void = palette(name), list(PALETTES[name]).index("void") if "void" in PALETTES[name] else None
    known = CITYSCAPES_IDS if numbering == "cityscapes_ids" else range(numbering == "from_1", len(colours) + 1)
    classes = {number: place for place, number in enumerate(known) if place < len(colours)}
    unknown = sorted({int(number) for number in np.unique(numbers)} - set(classes))
    if unknown and void is None:
        numbers_of = f"{min(classes)} to {max(classes)} ({numbering})"
        raise ValueError(f"{path}: the number {unknown[0]} is no class of {name}, whose classes are {numbers_of}")
    table = np.array([colours[classes.get(number, void or 0)] for number in range(256)], np.uint8)
    return table[numbers]


def _nearest(image: Uint8, name: str) -> tuple[Uint8, NDArray[np.float32]]:
    """The class of the nearest colour, (H, W), and the square of its distance."""
    colours = np.array([*PALETTES[name].values(), *VOID.get(name, [])], np.float32)
    pixels = image.reshape(-1, 3).astype(np.float32)
    # |p - c|^2 without its term |p|^2, which is the same for all c; exact, since these are small integers
    distances = (colours * colours).sum(1)[:, None] - 2 * (colours @ pixels.T)
    nearest, classes = distances[0], np.zeros(distances.shape[1], np.uint8)
    for number, distance in enumerate(distances[1:], 1):  # a fifth of argmin's time
        classes[distance < nearest] = min(number, len(PALETTES[name]) - 1)  # void is the last class
        np.minimum(nearest, distance, out=nearest)
    shape = image.shape[:2]
    return classes.reshape(shape), (nearest + (pixels * pixels).sum(1)).reshape(shape)


def _thinned(image: Uint8) -> Uint8:
    step = -(-max(image.shape[:2]) // CHECKED)
    return np.ascontiguousarray(image[::step, ::step])


def is_void(image: Uint8, name: str) -> bool:
    """Whether no pixel of a label map (H, W, 3) in palette `name` is evaluated."""
    return "void" in PALETTES[name] and bool((decode(image, name) == len(PALETTES[name]) - 1).all())


def _misfit(image: Uint8, name: str) -> float:
    """The share of pixels in none of the colours of palette `name`; 0 where it is as small as in a label map."""
    thinned, around = _thinned(image), np.ones((5, 5), np.uint8)
    squares = _nearest(thinned, name)[1]
    far = squares > NEAR**2
    if squares.any() and np.ptp(thinned, axis=2).max() <= NEAR and is_void(thinned, name):
        return 1.0  # class numbers, which are near to black
    most = MAX_FAR
    if squares[~far].any():  # blended
        flat = (cv2.dilate(thinned, around) - cv2.erode(thinned, around)).max(axis=2) <= FLAT
        far, most = (far[flat], MAX_FAR) if flat.any() else (far, MAX_FAR_BLENDED)
    return float(far.mean()) if far.mean() > most else 0.0


def _looks_like(image: Uint8, name: str) -> str:
    colours = np.unique(_thinned(image).reshape(-1, 3), axis=0)
    if np.ptp(colours, axis=1).max() <= FLAT:  # grey, or nearly, as JPEG leaves it
        numbers = f"class numbers {colours.min()} to {colours.max()}"
        return f"{numbers}? Say prepare.label_numbers, or paint them in the colours of pix2pix/pairs/palettes.py"
    if fitting := [other for other in PALETTES if other != name and _misfit(image, other) == 0]:
        return f"it is in the colours of {fitting[0]}"
    what = "is it the photo" if len(colours) > MANY_COLOURS else "another palette, void alone, or transparent pixels"
    return f"{len(colours)} colours; {what}?"
