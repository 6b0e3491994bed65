"""Image files that have no one meaning, and what is said of each; the same from a seed."""

import struct
import zlib
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.image_cases import SEED, chunk, encoded, noise, png, smooth

MEGABYTES = 400  # more than this for a file of some kB is unbounded


def tiff(
    samples: NDArray[np.float32 | np.int32 | np.uint16], *, bits: int, kind: int = 1, white: int = 1, rows: int = 0
) -> bytes:
    """An uncompressed grey TIFF (H, W), that claims `rows`; `kind` 2: signed, 3: floating; `white` 0: zero is white."""
    height, width = samples.shape
    tags = [(256, width), (257, rows or height), (258, bits), (259, 1), (262, white), (273, 8), (277, 1), (278, height)]
    tags += [(279, samples.nbytes), (339, kind)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = struct.pack("<2sHI", b"II", 42, 8 + samples.nbytes)
    return head + samples.tobytes() + struct.pack("<H", len(tags)) + entries + bytes(4)


def frames(kind: str, **options: object) -> bytes:
    rng = np.random.default_rng(SEED)
    first, second = (Image.fromarray(noise(rng, 32, 64)) for _ in range(2))
    return encoded(first, kind, save_all=True, append_images=[second], **options)


def huge(kind: str, side: int) -> bytes:
    """A small file whose header claims side x side pixels."""
    content = bytearray(encoded(Image.fromarray(smooth(np.random.default_rng(SEED), 32, 64)), kind))
    match kind:
        case "PNG":
            head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
            return (
                b"\x89PNG\r\n\x1a\n"
                + chunk(b"IHDR", head)
                + chunk(b"IDAT", zlib.compress(bytes(99)))
                + chunk(b"IEND", b"")
            )
        case "JPEG":
            at = content.index(b"\xff\xc0") + 5
            content[at : at + 4] = struct.pack(">HH", min(side, 65535), min(side, 65535))
        case "BMP":
            content[18:26] = struct.pack("<ii", side, side)
        case "GIF":
            content[6:10] = struct.pack("<HH", min(side, 65535), min(side, 65535))
        case "WEBP":
            at = content.index(b"\x9d\x01\x2a") + 3
            content[at : at + 4] = struct.pack("<HH", min(side, 16383), min(side, 16383))
    return bytes(content)


CLAIMING = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
BOMB = zlib.compress(bytes(100_000_000), 9)
SOFT = smooth(np.random.default_rng(SEED), 32, 64)
SOFT_JPEG = encoded(Image.fromarray(SOFT), "JPEG", quality=95)
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "floating TIFF": (lambda: tiff(np.full((8, 8), 0.5, np.float32), bits=32, kind=3), "32 bits whose white"),
    "32-bit TIFF": (lambda: tiff(np.full((8, 8), 200, np.int32), bits=32), "32 bits whose white"),
    "signed TIFF": (lambda: tiff(np.full((8, 8), 200, np.uint16), bits=16, kind=2), "16 bits whose white"),
    "12-bit TIFF": (lambda: tiff(np.full((8, 8), 200, np.uint16), bits=12), "12 bits whose white"),
    "16-bit TIFF, white 0": (lambda: tiff(np.full((8, 8), 200, np.uint16), bits=16, white=0), "16 bits whose white"),
    "TIFF of fewer rows": (lambda: tiff(np.zeros((8, 8), np.uint16), bits=16, rows=128), "end before"),
    "two pages": (lambda: frames("TIFF"), "several frames or pages"),
    "animated GIF": (lambda: frames("GIF"), "several frames or pages"),
    "animated WEBP": (lambda: frames("WEBP", lossless=True), "several frames or pages"),
    "animated PNG": (lambda: frames("PNG"), "several frames or pages"),
    "empty": (lambda: b"", "cannot identify"),
    "text": (lambda: b"hello\n", "cannot identify"),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot identify"),
    "SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot identify"),
    "JPEG cut and closed": (lambda: SOFT_JPEG[: len(SOFT_JPEG) * 2 // 3] + b"\xff\xd9", "end before the picture"),
    "JPEG cut and filled": (lambda: SOFT_JPEG[: len(SOFT_JPEG) * 2 // 3] + bytes(4096), "zeros in place"),
    "JPEG claimed higher": (lambda: huge("JPEG", 640), "end before the picture"),
    "zTXt bomb": (lambda: png(SOFT, colour=2, extra=chunk(b"zTXt", b"a\0\0" + BOMB)), "too large"),
    "iCCP bomb": (lambda: png(SOFT, colour=2, extra=chunk(b"iCCP", b"a\0\0" + BOMB)), "too large"),
    "iTXt bomb": (lambda: png(SOFT, colour=2, extra=chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)), "too large"),
    **{f"{k} of 9 999": (partial(huge, k, 9_999), "pixels|truncated") for k in CLAIMING},
    **{f"{k} of 100 000": (partial(huge, k, 100_000), "pixels") for k in CLAIMING},
}  # fmt: skip
