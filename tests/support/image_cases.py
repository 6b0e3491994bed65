"""Image files of every kind that is read, each with the image that a person sees; the same from a seed."""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pix2pix.files.images import Uint8

SEED = 4
Rng = np.random.Generator
Made = tuple[bytes, Uint8, float]  # a file, the RGB that it shows, and the tolerance of a reader


def smooth(rng: Rng, height: int, width: int, channels: int = 3) -> Uint8:
    """Colours without sharp edges, which a JPEG keeps."""
    coarse = rng.integers(0, 256, (3, 3, channels)).astype(np.float32)
    return cv2.resize(coarse, (width, height)).reshape(height, width, channels).clip(0, 255).astype(np.uint8)


def encoded(image: Image.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def with_palette(indices: Uint8, colours: Uint8 | list[int]) -> Image.Image:
    image = Image.fromarray(indices, "P")
    image.putpalette(np.asarray(colours, np.uint8).tobytes())
    return image


def grey(levels: Uint8) -> Uint8:
    return np.repeat(levels[..., None], 3, axis=2)


def over_white(rgba: Uint8) -> Uint8:
    share = rgba[..., 3:] / 255
    return np.rint(rgba[..., :3] * share + 255 * (1 - share)).astype(np.uint8)


def make(kind: str, rng: Rng, height: int, width: int) -> Made:  # noqa: PLR0911, PLR0912
    """A file of one of KINDS; the `rotated` one shows (width, height)."""
    soft = smooth(rng, height, width)
    rgba = rng.integers(0, 256, (height, width, 4), np.uint8)
    rgb, indices = np.ascontiguousarray(rgba[..., :3]), rgba[..., 3]
    deep = rng.integers(0, 2**16, (height, width, 4), np.uint16)
    to_8 = np.rint(deep / 257).astype(np.uint8)
    options: dict[str, Any] = {"quality": 98, "subsampling": 0}
    match kind.split():
        case ["JPEG" | "MPO"]:
            more = {"save_all": True, "append_images": [Image.fromarray(255 - soft)]} if kind == "MPO" else {}
            return encoded(soft, kind, **options, **more), soft, 24
        case ["JPEG", "progressive"]:
            return encoded(soft, "JPEG", progressive=True, **options), soft, 24
        case ["JPEG", "CMYK"]:
            ink = smooth(rng, height, width, 4)
            shown = np.rint((255.0 - ink[..., :3]) * (255.0 - ink[..., 3:]) / 255).astype(np.uint8)
            return encoded(Image.fromarray(ink, "CMYK"), "JPEG", **options), shown, 24
        case ["PNG" | "WEBP" as file, "alpha"]:
            return encoded(rgba, file, lossless=True, exact=True), over_white(rgba), 1
        case ["PNG", "grey"]:
            return encoded(indices, "PNG"), grey(indices), 0
        case ["PNG", "grey-alpha"]:
            return encoded(rgba[..., 2:], "PNG"), over_white(np.dstack([grey(rgba[..., 2]), indices])), 1
        case ["PNG" | "GIF" as file, "palette"]:
            colours = np.arange(768).reshape(256, 3).astype(np.uint8)
            return encoded(with_palette(indices, colours), file), colours[indices], 0
        case ["PNG", "transparent-index"]:
            colours = np.arange(768).reshape(256, 3).astype(np.uint8)
            content = encoded(with_palette(indices, colours), "PNG", transparency=int(indices[0, 0]))
            return content, np.where(indices[..., None] == indices[0, 0], 255, colours[indices]).astype(np.uint8), 0
        case ["PNG" | "TIFF" as file, "16-bit"]:
            suffix = {"PNG": ".png", "TIFF": ".tif"}[file]
            return cv2.imencode(suffix, deep[..., 0])[1].tobytes(), grey(to_8[..., 0]), 0
        case ["PNG", "16-bit", "transparent"]:
            level = int(deep[0, 0, 0])
            content = encoded(np.ascontiguousarray(deep[..., 0]), "PNG", transparency=level)
            return content, grey(np.where(deep[..., 0] == level, 255, to_8[..., 0]).astype(np.uint8)), 0
        case ["PNG", "16-bit", "RGB"]:
            return cv2.imencode(".png", deep[..., 2::-1])[1].tobytes(), to_8[..., :3], 1
        case ["PNG", "16-bit", "alpha"]:
            return cv2.imencode(".png", deep[..., [2, 1, 0, 3]])[1].tobytes(), over_white(to_8), 2
        case ["JPEG", "rotated"]:
            exif = Image.Exif()
            exif[0x0112] = 6  # shown a quarter turn clockwise (EXIF 2.3, Orientation)
            return encoded(soft, "JPEG", exif=exif, **options), np.rot90(soft, -1), 24
        case _:
            return encoded(rgb, kind, lossless=True), rgb, 0


KINDS = ["PNG", "BMP", "TIFF", "WEBP", "JPEG", "JPEG progressive", "JPEG CMYK"]
KINDS += ["MPO", "PNG alpha", "WEBP alpha", "PNG grey", "PNG grey-alpha", "PNG palette", "GIF palette"]
KINDS += ["PNG transparent-index", "PNG 16-bit", "TIFF 16-bit", "PNG 16-bit transparent", "PNG 16-bit RGB"]
KINDS += ["PNG 16-bit alpha", "JPEG rotated"]


def near(shown: Uint8, expected: Uint8, tolerance: float) -> bool:
    return shown.shape == expected.shape and np.abs(shown.astype(int) - expected).max() <= tolerance


def mask(values: Uint8, palette: list[int], **options: Any) -> bytes:
    return encoded(with_palette(values, palette), "GIF", **options)


def frames(kind: str, **options: Any) -> bytes:
    """Two images in one file."""
    first, second = (Image.fromarray(smooth(np.random.default_rng(seed), 32, 64)) for seed in (1, 2))
    return encoded(first, kind, save_all=True, append_images=[second], **options)
