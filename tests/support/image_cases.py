"""Image files of every legitimate kind, each with the picture that a person sees; the same from a seed."""

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pix2pix.files.images import Uint8

SEED = 4
Rng = np.random.Generator
Made = tuple[bytes, Uint8, float]  # a file, the RGB that it shows, and how far from it a reader may be


def smooth(rng: Rng, height: int, width: int, channels: int = 3) -> Uint8:
    """Colours without sharp edges, which a JPEG keeps."""
    coarse = rng.integers(0, 256, (3, 3, channels)).astype(np.float32)
    return cv2.resize(coarse, (width, height)).reshape(height, width, channels).clip(0, 255).astype(np.uint8)


def noise(rng: Rng, height: int, width: int, channels: int = 3) -> Uint8:
    return rng.integers(0, 256, (height, width, channels), np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples: NDArray[np.uint8 | np.uint16], *, colour: int, extra: bytes = b"", interlaced: bool = False) -> bytes:
    """A PNG of (H, W, C) samples written by hand; the `extra` chunks stand before its data."""
    height, width = samples.shape[:2]
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    big = samples.astype(samples.dtype.newbyteorder(">"))
    parts = (big[top::down, left::across] for top, left, down, across in passes)
    data = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    head = struct.pack(">IIBBBBB", width, height, 8 * samples.itemsize, colour, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


def grey(levels: NDArray[np.uint8]) -> Uint8:
    return np.repeat(levels.reshape(*levels.shape[:2], 1), 3, axis=2)


def over_white(colour: Uint8, alpha: Uint8) -> Uint8:
    share = alpha[..., None] / 255
    return np.rint(colour * share + 255 * (1 - share)).astype(np.uint8)


def deep(rng: Rng, height: int, width: int, channels: int) -> NDArray[np.uint16]:
    return rng.integers(0, 2**16, (height, width, channels), np.uint16)


def to_8(samples: NDArray[np.uint16]) -> Uint8:
    return np.rint(samples / 257).astype(np.uint8)


# ---- what is legitimate ----------------------------------------------------------------------------------------------


def make(kind: str, rng: Rng, height: int, width: int) -> Made:  # noqa: PLR0911, PLR0912
    rgb, soft, alpha = noise(rng, height, width), smooth(rng, height, width), noise(rng, height, width, 1)[..., 0]
    image, rgba = Image.fromarray(rgb), np.dstack([rgb, alpha])
    match kind:
        case "PNG" | "BMP" | "TIFF":
            return encoded(image, kind), rgb, 0
        case "WEBP":
            return encoded(image, kind, lossless=True), rgb, 0
        case "TIFF lzw":
            return encoded(image, "TIFF", compression="tiff_lzw"), rgb, 0
        case "JPEG" | "JPEG progressive":
            return (
                encoded(Image.fromarray(soft), "JPEG", quality=98, subsampling=0, progressive=kind != "JPEG"),
                soft,
                24,
            )
        case "JPEG grey":
            return encoded(Image.fromarray(soft[..., 0]), "JPEG", quality=98), grey(soft[..., 0]), 24
        case "JPEG CMYK":
            ink = smooth(rng, height, width, 4)
            shown = np.rint((255.0 - ink[..., :3]) * (255.0 - ink[..., 3:]) / 255).astype(np.uint8)
            return encoded(Image.fromarray(ink, "CMYK"), "JPEG", quality=98, subsampling=0), shown, 24
        case "MPO":
            second = Image.fromarray(255 - soft)
            first = encoded(
                Image.fromarray(soft), "MPO", quality=98, subsampling=0, save_all=True, append_images=[second]
            )
            return first, soft, 24
        case "PNG interlaced":
            return png(rgb, colour=2, interlaced=True), rgb, 0
        case "PNG grey":
            return png(alpha, colour=0), grey(alpha), 0
        case "PNG grey, alpha":
            return png(np.dstack([rgb[..., :1], alpha]), colour=4), over_white(grey(rgb[..., 0]), alpha), 1
        case "PNG alpha":
            return png(rgba, colour=6), over_white(rgb, alpha), 1
        case "WEBP alpha":
            return encoded(Image.fromarray(rgba), "WEBP", lossless=True, exact=True), over_white(rgb, alpha), 1
        case "PNG 16 bits":
            samples = deep(rng, height, width, 1)
            return png(samples, colour=0), grey(to_8(samples)), 0
        case "PNG 16 bits, one clear":
            samples = deep(rng, height, width, 1)
            clear = chunk(b"tRNS", struct.pack(">H", samples[0, 0, 0]))
            return (
                png(samples, colour=0, extra=clear),
                grey(np.where(samples == samples[0, 0, 0], 255, to_8(samples))),
                0,
            )
        case "PNG 16 bits RGB":
            samples = deep(rng, height, width, 3)
            return png(samples, colour=2), to_8(samples), 1
        case "PNG 16 bits alpha":
            samples = deep(rng, height, width, 4)
            return png(samples, colour=6), over_white(to_8(samples[..., :3]), to_8(samples[..., 3])), 2
        case "TIFF 16 bits":
            samples = deep(rng, height, width, 1)
            return cv2.imencode(".tif", samples)[1].tobytes(), grey(to_8(samples)), 0
        case "PNG palette" | "GIF palette":
            colours, index = noise(rng, 1, 256)[0], rng.integers(0, 256, (height, width), np.uint8)
            picture = Image.fromarray(index, "P")
            picture.putpalette(colours.tobytes())
            return encoded(picture, kind.split(maxsplit=1)[0]), colours[index], 0
        case "PNG palette, one clear":
            colours, index = noise(rng, 1, 256)[0], rng.integers(0, 256, (height, width), np.uint8)
            extra = chunk(b"PLTE", colours.tobytes()) + chunk(b"tRNS", bytes([0]) + b"\xff" * 255)
            return (
                png(index, colour=3, extra=extra),
                np.where(index[..., None] == 0, 255, colours[index]).astype(np.uint8),
                0,
            )
        case "PNG 1 bit":
            return encoded(Image.fromarray(alpha > 127), "PNG"), grey(np.where(alpha > 127, 255, 0).astype(np.uint8)), 0
        case "PNG colour profile":
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
            return encoded(image, "PNG", icc_profile=profile), rgb, 0
        case kind:
            file, turned = kind.split(" EXIF ")
            return rotated(rgb, soft, file, int(turned))


TURN: dict[int, Callable[[Uint8], Uint8]] = {  # what a person sees of the stored pixels (EXIF 2.3, tag Orientation)
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: x.transpose(1, 0, 2)[:, ::-1],
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: x.transpose(1, 0, 2)[::-1],
}


def rotated(rgb: Uint8, soft: Uint8, kind: str, orientation: int) -> Made:
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = soft if kind == "JPEG" else rgb
    data = encoded(Image.fromarray(shown), kind, exif=exif, quality=98, subsampling=0, lossless=True)
    return data, TURN[orientation](shown), 24 if kind == "JPEG" else 0


KINDS = ["PNG", "BMP", "TIFF", "WEBP", "TIFF lzw", "JPEG", "JPEG progressive", "JPEG grey", "JPEG CMYK", "MPO"]
KINDS += ["PNG interlaced", "PNG grey", "PNG grey, alpha", "PNG alpha", "WEBP alpha", "PNG 16 bits", "PNG 1 bit"]
KINDS += [
    "PNG 16 bits, one clear",
    "PNG 16 bits RGB",
    "PNG 16 bits alpha",
    "TIFF 16 bits",
    "PNG palette",
    "GIF palette",
]
KINDS += ["PNG palette, one clear", "PNG colour profile"]
KINDS += [f"{file} EXIF {turned}" for file in ("JPEG", "PNG", "TIFF", "WEBP") for turned in TURN]


def near(shown: Uint8, expected: Uint8, tolerance: float) -> bool:
    return shown.shape == expected.shape and np.abs(shown.astype(int) - expected).max() <= tolerance


def mask(values: Uint8, palette: list[int], **options: object) -> bytes:
    picture = Image.fromarray(values, "P")
    picture.putpalette(palette)
    return encoded(picture, "GIF", **options)
