"""Images as uint8 RGB arrays: reading, resizing and writing.

An image is uint8 (H, W, 3), RGB, 0..255.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

Uint8 = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")  # of Pillow's; others may start programs (EPS)
MAX_PIXELS = 100_000_000  # a larger picture is refused before it is decoded


def read_image(path: Path) -> Uint8:
    """Decode any still image as a person sees it: EXIF rotation applied, grey and palette to RGB, alpha over white.

    16-bit grey is scaled to 8 bits by its full range (65535 -> 255), never clipped.

    Raises:
        ValueError: the file is not an image, is truncated, or has more than MAX_PIXELS pixels; names the file.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels; at most {MAX_PIXELS} are read")
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                grey = np.asarray(upright, dtype=np.int64)
                return np.repeat(np.rint(grey.clip(0, 65535) / 257).astype(np.uint8)[..., None], 3, axis=2)
            if upright.has_transparency_data:
                upright = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
            return np.asarray(upright.convert("RGB"))
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: not a readable image ({error})") from None


def resize(image: Uint8, *, width: int, height: int) -> Uint8:
    """Resize with Pillow's antialiased bicubic filter, so that anyone can redo it in one line outside this project."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def write_png(path: Path, image: Uint8) -> None:
    """Write a PNG; the same array always gives the same bytes.

    Raises:
        OSError: the file could not be written (disk full, no permission).
    """
    done, encoded = cv2.imencode(".png", image[..., ::-1])
    assert done, image.shape
    path.write_bytes(encoded.tobytes())
