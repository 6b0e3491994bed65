"""Images as uint8 RGB arrays: reading, resizing and writing.

An image is uint8 (H, W, 3), RGB, 0..255.
"""

import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT

from pix2pix.files.image_listing import HEIC, HEIC_HINT

Uint8 = NDArray[np.uint8]

# Of Pillow's; others may start programs (EPS)
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "AVIF", *(["HEIF"] if HEIC else []))
if HEIC:
    import_module("pillow_heif").register_heif_opener()
# A larger image is refused before it is decoded, and so is a pair whose sides would be larger side by side
Image.MAX_IMAGE_PIXELS = MAX_PIXELS = 178_956_970
PNG = b"\x89PNG\r\n\x1a\n"
ROTATION = (b"eXIf", b"iTXt")  # chunks of EXIF and XMP
METADATA = (*ROTATION, *b"bKGD cHRM gAMA hIST iCCP pHYs sBIT sPLT sRGB tEXt tIME zTXt".split())
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 2**26  # of XMP, in bytes; editors write many
for segment in (0, 2, 13, 14):  # resolution, profile, further images, Photoshop's and Adobe's: none changes the pixels
    JpegImagePlugin.MARKER[0xFFE0 + segment] = (f"APP{segment}", "passed over", JpegImagePlugin.Skip)
ORIENTATION = 0x0112  # of EXIF
GREY_STEPS = {"L;4": 17, "L;2": 85}  # Pillow spreads the numbers of 4 and 2 bits over 0..255
TO_8_BITS = np.rint(np.arange(2**16) / 257).astype(np.uint8)


@contextmanager
def open_image(path: Path, formats: Sequence[str] = FORMATS) -> Iterator[Image.Image]:
    """An image file of one of Pillow's `formats`, not yet decoded; errors of decoding inside the block name the file.

    A truncated file is an error: one that is cut short, or ends in zeros as after a full disk or a crash. Not detected
    are a JPEG that was cut and closed with an end marker, and changed bytes in formats without checksums (all but PNG).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a file of such an image, truncated, of more than MAX_PIXELS pixels, or more than one image.
    """
    if not path.is_file():  # opening a named pipe would wait for ever
        if path.exists():
            raise ValueError(f"{path}: not a file")
        raise FileNotFoundError(f"{path}: no such file")
    content = path.read_bytes()
    try:
        if content.startswith(PNG):
            content = _without_metadata(content)
        elif content.startswith(b"\xff\xd8"):  # a JPEG
            content = content.rstrip(b"\0")
        with Image.open(io.BytesIO(content), formats=list(formats)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels; at most {MAX_PIXELS} are read")
            if getattr(image, "is_animated", False):
                raise ValueError("several frames or pages; which of them is meant?")
            yield image
    except MemoryError:
        raise
    except Exception as error:  # decoders raise errors of any type on damaged files
        kind = "image" if formats is FORMATS else formats[0]
        hint = HEIC_HINT if content[4:11] == b"ftyphei" else ""
        why = " ".join(str(error).partition("<_io")[0].split())  # without the stream's name
        raise ValueError(f"{path}: not a readable {kind} ({why}){hint}") from None


def _without_metadata(png: bytes) -> bytes:
    """A PNG without the chunks that no pixel depends on, broken or not; of all others the checksums are compared."""
    kept, at = [PNG], len(PNG)
    while kept[-1][4:8] != b"IEND":
        chunk = png[at : at + 12 + int.from_bytes(png[at : at + 4])]
        at, kind = at + len(chunk), chunk[4:8]
        intact = len(chunk) >= 12 and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])
        if not intact and kind not in METADATA:
            raise ValueError(f"truncated, or a wrong checksum before byte {at}")
        if intact and (kind not in METADATA or kind in ROTATION):
            kept.append(chunk)
    return b"".join(kept)


def read_image(path: Path) -> Uint8:
    """Decode any still image as a viewer shows it: EXIF rotation applied, grey and palette to RGB, alpha over white.

    The content decides about the format, not the suffix. 16-bit grey is scaled to 8 bits by its full range (65535 ->
    255); of 16-bit colours the high byte is kept, at most 1 of 255 away from that. CMYK becomes RGB without a profile;
    profiles and gamma are not applied. Of a camera's MPO the first image is read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not an image, is truncated (see `open_image`), has more than MAX_PIXELS pixels, several
            frames or pages, or samples whose white level is unknown (12 or 32 bits, signed, floating point); names it.
    """
    with open_image(path) as image:
        _refuse_unknown_white_level(image)
        image.load()  # Pillow turns a TIFF while it loads it, and then forgets its rotation
        if image.mode.startswith("I;16"):
            grey = np.asarray(image)
            levels = TO_8_BITS[grey]
            levels[grey == image.info.get("transparency", -1)] = 255
            return _upright(np.repeat(levels[..., None], 3, axis=2), rotation(image))
        opaque = image
        if image.has_transparency_data:
            opaque = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        return _upright(np.asarray(opaque.convert("RGB")), rotation(image))


def read_numbers(path: Path) -> Uint8:
    """The stored numbers (H, W) of a grey or index image, whatever colours its palette gives them.

    Raises:
        ValueError, FileNotFoundError: as `open_image`; or it has colours, or more than 8 bits.
    """
    with open_image(path) as image:
        stored = str(getattr(image, "tile", ""))
        step = next((step for bits, step in GREY_STEPS.items() if bits in stored), 1)
        mode, numbers = image.mode, _upright(np.asarray(image), rotation(image))
    if mode not in ("P", "L", "1"):
        raise ValueError(f"{path}: {mode} pixels; class numbers are grey or index images of 8 bits")
    return numbers.astype(np.uint8) // np.uint8(step)


def rotation(image: Image.Image) -> int:
    """The EXIF orientation of an opened image, 1 to 8; 1, upright, where it has none."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # broken EXIF, of which no pixel depends
        return 1
    return int(found) if found in range(1, 9) else 1


def _upright(pixels: Uint8, rotation: int) -> Uint8:
    """(H, W, ...) turned as EXIF means it: from 5 on rows become columns; columns, both or rows are reversed."""
    down, right = [(1, 1), (1, -1), (-1, -1), (-1, 1)][(rotation - 1) % 4]
    return np.ascontiguousarray((pixels.swapaxes(0, 1) if rotation > 4 else pixels)[::down, ::right])


def _refuse_unknown_white_level(image: Image.Image) -> None:
    tags = getattr(image, "tag_v2", {})  # only a TIFF has them
    bits, kinds = tags.get(BITSPERSAMPLE, (8,)), tags.get(SAMPLEFORMAT, (1,))
    white_is_zero = tags.get(PHOTOMETRIC_INTERPRETATION) == 0  # Pillow inverts these up to 8 bits only
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
