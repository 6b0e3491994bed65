"""Label maps: colours to classes and back. Side B of a pair is the label map where params.yaml names a palette.

A class map is uint8 (H, W), the index of each pixel's class in its palette. Palettes are uint8 (K, 3), RGB.
"""

import numpy as np

from pix2pix.files.images import Uint8

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


def palette(name: str) -> Uint8:
    """(K, 3): the colours of the classes of palette `name`."""
    return np.array(list(PALETTES[name].values()), np.uint8)


def decode(image: Uint8, name: str) -> Uint8:
    """(H, W, 3) -> class map (H, W) of palette `name`: the class of the nearest colour in RGB (of equals the first)."""
    colours = np.array([*PALETTES[name].values(), *VOID.get(name, [])], np.float32)
    # |p - c|^2 without its term |p|^2, which is the same for all c; exact, since these are small integers
    distances = (colours * colours).sum(1)[:, None] - 2 * (colours @ image.reshape(-1, 3).astype(np.float32).T)
    nearest, classes = distances[0], np.zeros(distances.shape[1], np.uint8)
    for number, distance in enumerate(distances[1:], 1):  # a fifth of argmin's time
        classes[distance < nearest] = min(number, len(PALETTES[name]) - 1)  # void is the last class
        np.minimum(nearest, distance, out=nearest)
    return classes.reshape(image.shape[:2])
