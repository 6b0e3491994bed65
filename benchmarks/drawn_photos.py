"""Photos and masks of Carvana's size, drawn, and files that differ from each other in a comment alone."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pix2pix.pairs.carvana import MASK_FOLDER, PHOTO_FOLDER, mask_path, photo_path

DRAWN = 32


def draw_photos(root: Path) -> Path:
    """Photos of Carvana's size and about its weight (100 KiB): a grainy backdrop and a car-sized, striped body."""
    for folder in (PHOTO_FOLDER, MASK_FOLDER):
        (root / folder).mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(DRAWN):
        photo = np.full((1280, 1918, 3), 225, np.float32) + np.linspace(-25, 25, 1280)[:, None, None]
        photo += cv2.GaussianBlur(random.normal(0, 24, photo.shape).astype(np.float32), (0, 0), 4)
        mask = np.zeros((1280, 1918), np.uint8)
        centre = (959 + 4 * number, 720)
        cv2.ellipse(mask, centre, (620, 270), 0, 0, 360, 1, -1)
        cv2.ellipse(mask, (centre[0], 520), (380, 200), 0, 0, 360, 1, -1)
        photo[mask > 0] -= random.uniform(40, 180, 3)
        for x in range(500, 1400, 60):
            cv2.rectangle(photo, (x, 640), (x + 30, 760), random.uniform(0, 255, 3).tolist(), -1)
        id = f"{number // 16:012x}_{number % 16 + 1:02}"
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(root / photo_path(id), quality=85)
        gif = Image.fromarray(mask).convert("P")
        gif.putpalette([0, 0, 0, 255, 255, 255])
        gif.save(root / mask_path(id))
    return root


def numbered(jpeg: bytes, number: int) -> bytes:
    """The same JPEG with a comment of its own at its head: other bytes, the same pixels."""
    return jpeg[:2] + b"\xff\xfe" + (2 + 8).to_bytes(2, "big") + number.to_bytes(8, "big") + jpeg[2:]
