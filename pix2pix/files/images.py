"""Images as uint8 RGB arrays: reading, resizing and writing.

An image is uint8 (H, W, 3), RGB, 0..255.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps
from PIL.TiffImagePlugin import BITSPERSAMPLE, IMAGELENGTH, PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT

Uint8 = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")  # of Pillow's; others may start programs (EPS)
MAX_PIXELS = 89_478_485  # a larger picture is refused before it is decoded; beyond it Pillow warns
LEVELS = np.rint(np.arange(2**16) / 257).astype(np.uint8)  # 16 bits -> 8
END = b"\xff\xd9"  # of a JPEG
ZEROS = 64  # bytes at its end; a telephone's trailer ends in fewer
NOISE = bytes(pow(3, n, 257) % 255 for n in range(256))  # of any JPEG's data: no mark in it


@contextmanager
def open_image(path: Path, formats: Sequence[str] = FORMATS) -> Iterator[Image.Image]:
    """An image file of one of Pillow's `formats`, not decoded yet; what its decoding raises in the block is named too.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a file of such an image, truncated, of more than MAX_PIXELS pixels, or more than one image.
    """
    if not path.is_file():  # to open a pipe would wait for ever
        if path.exists():
            raise ValueError(f"{path}: not a file")
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with Image.open(path, formats=list(formats)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels; at most {MAX_PIXELS} are read")
            if getattr(image, "is_animated", False) and image.format != "MPO":
                raise ValueError("several frames or pages; which of them is meant?")
            if image.format == "PNG":
                with Image.open(path, formats=["PNG"]) as again:
                    again.verify()  # checksums, which decoding does not compare
            if image.format == "TIFF":  # the size of a rotated one is that after rotation, unlike its tiles'
                rows = getattr(image, "tag_v2", {})[IMAGELENGTH]
                if max(extents[3] for _, extents, *_ in image.tile if extents) < rows:
                    raise ValueError("its data end before the picture does")
            yield image
            if image.format == "JPEG":
                _refuse_cut_jpeg(path, image)
    except Exception as error:  # decoders of damaged files raise errors of any kind
        kind = "image" if formats is FORMATS else formats[0]
        raise ValueError(f"{path}: not a readable {kind} ({' '.join(str(error).split())})") from None


def _refuse_cut_jpeg(path: Path, image: Image.Image) -> None:
    """Where the data end too early but with an end mark, decoders fill the rest with flat colour and say nothing.

    Noise before the end mark is passed over when all is decoded by then, and fills the picture when it is not. Zeros
    in place of the data's end (a disk that was full, a crash) are decoded as if they were data.
    """
    data = path.read_bytes()
    body = data.rstrip(b"\0")
    if len(data) - len(body) >= ZEROS and not body.endswith(END):
        raise ValueError("ends with zeros in place of its data")
    corner = image.crop((image.width - 2, image.height - 2, image.width, image.height)).getcolors()
    if (corner and len(corner) == 1) or "progressive" in image.info:
        end = data.rfind(END)
        with Image.open(io.BytesIO(data[:end] + NOISE + data[end:]), formats=["JPEG"]) as noisy:
            noisy.draft(image.mode, (max(1, image.width - 1), max(1, image.height - 1)))  # the same scale
            if noisy.size == image.size and ImageChops.difference(noisy, image).getbbox(alpha_only=False):
                raise ValueError("its data end before the picture does")


def read_image(path: Path) -> Uint8:
    """Decode any still image as a person sees it: EXIF rotation applied, grey and palette to RGB, alpha over white.

    The content decides, not the suffix. 16-bit grey is scaled to 8 bits by its full range (65535 -> 255); of 16-bit
    colours the high byte is kept, at most 1 of 255 away from that. CMYK becomes RGB without a profile; profiles and
    gamma are not applied. A camera's MPO is its first image. Flipped bits are seen in a PNG, which has checksums; in
    other formats only where they can't be decoded, or where a JPEG's data end before its picture.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not an image, is truncated, has more than MAX_PIXELS pixels, several frames or pages, or
            samples whose white is unknown (12 or 32 bits, signed, floating point); names the file.
    """
    with open_image(path) as image:
        _refuse_unknown_white(image)
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):
            grey = np.asarray(upright)
            levels = LEVELS[grey]
            levels[grey == image.info.get("transparency", -1)] = 255
            return np.repeat(levels[..., None], 3, axis=2)
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        return np.asarray(upright.convert("RGB"))


def _refuse_unknown_white(image: Image.Image) -> None:
    tags = getattr(image, "tag_v2", {})  # of a TIFF
    bits, kinds = tags.get(BITSPERSAMPLE, (8,)), tags.get(SAMPLEFORMAT, (1,))
    white_is_zero = tags.get(PHOTOMETRIC_INTERPRETATION) == 0  # which Pillow minds up to 8 bits only
    if {*bits} - {1, 2, 4, 8, 16} or {*kinds} != {1} or (white_is_zero and max(bits) > 8) or image.mode in ("I", "F"):
        raise ValueError(f"samples of {max(bits)} bits whose white is unknown; save it with 8 bits")


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
    done, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert done, image.shape
    path.write_bytes(encoded.tobytes())
