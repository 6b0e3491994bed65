"""Laws of odd and broken images: the legitimate have the right values, the rest is refused by name, no pair lies.

Expected values come from the arrays that were written, never from a reader.
"""

import io
import os
import resource
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stages.entries.datasets import (
    CannyEdges,
    CarvanaLayout,
    FoldersLayout,
    Gta5Layout,
    InpaintingLayout,
    Layout,
    StitchedLayout,
)
from stages.pix2pix.carvana import Photo, cut_out
from stages.pix2pix.images import Uint8, read_image
from stages.pix2pix.pairs import read_pairs, read_sides, split_sides
from stages.prepare import prepare
from tests.soaks import Soak

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's of metadata, as the door of the verbs does
REPO = Path(__file__).resolve().parents[1]
SEED = 4
MEGABYTES = 400  # more than this for a file of some kB is unbounded
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


@pytest.mark.soak
def test_what_is_legitimate_has_the_values_that_were_written(tmp_path: Path, soak: Soak) -> None:
    """By itself, and on both sides of a pair; under any image's suffix."""
    rng, rounds = np.random.default_rng(SEED), soak.rounds(len(KINDS), 5 * len(KINDS))
    for i in range(rounds):
        height, width = (int(side) for side in rng.integers(1, 40, 2)) if i % 5 else (1, 1)
        kinds = [KINDS[i % len(KINDS)], KINDS[int(rng.integers(len(KINDS)))]]
        made = []
        for side, kind in zip("AB", kinds, strict=True):
            upright = kind.split()[-1] not in "5678"
            size = (height, width) if upright else (width, height)
            content, expected, tolerance = make(kind, rng, *size)
            path = tmp_path / f"raw/train{side}/x{rng.choice(['.png', '.JPG', '.tiff', '.webp'])}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            assert near(read_image(path), expected, tolerance), (i, kind, height, width)
            made.append((expected, tolerance))
        prepare(layout=FoldersLayout(layout="folders"), raw=tmp_path / "raw", out=tmp_path / "pairs")
        (pair,) = read_pairs(tmp_path / "pairs", "train")
        for half, (expected, tolerance) in zip(split_sides(read_image(pair.path)), made, strict=True):
            assert near(half, expected, tolerance), (i, kinds, height, width)
        shutil.rmtree(tmp_path / "raw")
    soak.counts["images"] = 2 * rounds


@pytest.mark.parametrize("orientation", TURN)
def test_a_rotated_stitched_pair_is_cut_as_a_person_sees_it(tmp_path: Path, orientation: int) -> None:
    content, shown, tolerance = make(f"JPEG EXIF {orientation}", np.random.default_rng(SEED), 32, 64)
    (tmp_path / "raw/train").mkdir(parents=True)
    (tmp_path / "raw/train/1.jpg").write_bytes(content)
    (row,) = prepare(layout=StitchedLayout(layout="stitched"), raw=tmp_path / "raw", out=tmp_path / "pairs")
    half = shown.shape[1] // 2
    assert (row.width, row.height) == (half, shown.shape[0])
    (pair,) = read_pairs(tmp_path / "pairs", "train")
    for side, expected in zip(split_sides(read_image(pair.path)), (shown[:, :half], shown[:, half:]), strict=True):
        assert near(side, expected, tolerance)
    assert read_sides(pair, direction="AtoB", size=32)[0].shape == (32, 32, 3)


# ---- what has no one meaning -----------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_one_meaning_is_refused_in_little_memory(tmp_path: Path, kind: str) -> None:
    path, (content, says) = tmp_path / "x.png", REFUSED[kind]
    path.write_bytes(content())
    before = peak()
    with pytest.raises(ValueError, match=says) as refused:
        read_image(path)
    assert str(refused.value).startswith(f"{path}: not a readable image (") and "\n" not in str(refused.value)
    assert peak() - before < MEGABYTES


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.mkdir()
    with pytest.raises(ValueError, match=r"x\.png: not a file$"):
        read_image(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(ValueError, match=r"x\.png: not a file$"):
        read_image(path)
    path.unlink()
    path.symlink_to("nothing")
    with pytest.raises(FileNotFoundError, match=r"x\.png: no such file$"):
        read_image(path)


# ---- masks and labels ------------------------------------------------------------------------------------------------


def mask(values: Uint8, palette: list[int], **options: object) -> bytes:
    picture = Image.fromarray(values, "P")
    picture.putpalette(palette)
    return encoded(picture, "GIF", **options)


BLOCK: Uint8 = np.pad(np.ones((16, 24), np.uint8), 8)
RAMP = (BLOCK * np.arange(40)).astype(np.uint8)
MASKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "animated": (lambda: frames("GIF"), "several frames"),
    "greys": (lambda: mask(RAMP, [v for v in range(40) for _ in range(3)]), "holds .* colours"),
    "alpha": (lambda: mask(BLOCK, [0, 0, 0, 255, 255, 255], transparency=1), "transparent"),
    "empty": (lambda: mask(BLOCK * 0, [0, 0, 0, 255, 255, 255]), "empty"),
    "another size": (lambda: mask(BLOCK[1:], [0, 0, 0, 255, 255, 255]), "40 x 31 pixels"),
    "a PNG": (lambda: encoded(Image.fromarray(255 * BLOCK), "PNG"), "not a readable GIF"),
    "the photo": (lambda: encoded(Image.fromarray(np.dstack([RAMP] * 3)), "JPEG"), "not a readable GIF"),
}  # fmt: skip


def car(folder: Path, mask: bytes, photo: Uint8) -> Photo:
    found = Photo("a_01", "a", folder / "train/a_01.jpg", folder / "train_masks/a_01_mask.gif")
    for path, content in ((found.image, encoded(Image.fromarray(photo), "JPEG", quality=100)), (found.mask, mask)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return found


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_that_leaves_a_doubt_is_refused(tmp_path: Path, kind: str) -> None:
    content, says = MASKS[kind]
    photo = car(tmp_path, content(), np.full((32, 40, 3), 100, np.uint8))
    with pytest.raises(ValueError, match=says) as refused:
        cut_out(photo, size=32)
    assert str(refused.value).startswith(f"{photo.mask}: ")


@pytest.mark.parametrize("palette", [[0, 0, 0, 255, 255, 255], [0, 0, 0, 1, 0, 0], [0, 0, 0, 200, 10, 10]])
def test_whatever_white_is_the_car_is_where_the_mask_is_not_black(tmp_path: Path, palette: list[int]) -> None:
    image, coverage = cut_out(
        car(tmp_path, mask(BLOCK[:, 4:36], palette), np.full((32, 32, 3), 100, np.uint8)), size=32
    )
    np.testing.assert_array_equal(coverage, 255 * BLOCK[:, 4:36])
    np.testing.assert_array_equal(image, np.where(BLOCK[:, 4:36, None] > 0, [100, 100, 100], 255))


# ---- any file of any layout, spoiled ---------------------------------------------------------------------------------

EDGES = CannyEdges(method="canny", blur_sigma=1.0, low=40, high=110)
LAYOUTS: dict[str, Layout] = {
    "stitched": StitchedLayout(layout="stitched"),
    "folders": FoldersLayout(layout="folders"),
    "inpainting": InpaintingLayout(layout="inpainting", size=64, hole=32),
    "carvana": CarvanaLayout(layout="carvana", size=64, hold_out=1, seed=0, edges=EDGES),
    "gta5": Gta5Layout(layout="gta5", size=64, block=1, gap=0, hold_out=1, seed=0),
}


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small good raw folder of each layout, and what `prepare` makes of it."""
    root, rng = tmp_path_factory.mktemp("trees"), np.random.default_rng(SEED)
    labels = np.array([[128, 64, 128], [0, 0, 142]], np.uint8)
    files: dict[str, dict[str, bytes]] = {name: {} for name in LAYOUTS}
    for n, kind in ((1, "PNG"), (2, "JPEG"), (3, "BMP")):
        for layout in ("stitched", "inpainting"):
            files[layout][f"train/{n}.{kind.lower()[:4]}"] = make(kind, rng, 64, 128)[0]
        for side, other in (("A", kind), ("B", "WEBP" if n == 1 else "TIFF lzw")):
            files["folders"][f"train{side}/{n}.{ {'TIFF lzw': 'tif'}.get(other, other.lower()[:4]) }"] = make(
                other, rng, 64, 64
            )[0]
        files["carvana"][f"train/{n}_01.jpg"] = make("JPEG", rng, 64, 96)[0]
        files["carvana"][f"train_masks/{n}_01_mask.gif"] = mask(
            np.pad(np.ones((32, 48), np.uint8), ((16,), (24,))), [0, 0, 0, 255, 255, 255]
        )
        files["gta5"][f"images/0000{n}.png"] = make("PNG", rng, 64, 96)[0]
        files["gta5"][f"labels/0000{n}.png"] = png(labels[rng.integers(0, 2, (64, 96))], colour=2)
    for layout, contents in files.items():
        for name, content in contents.items():
            path = root / layout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        prepare(layout=LAYOUTS[layout], raw=root / layout, out=root / f"{layout}.pairs")
    return {layout: root / layout for layout in LAYOUTS}


SPOILED = ["cut", "cut", "flipped", "flipped", "filled", "longer", "of another", "empty", "text", "folder", "pipe"]
SPOILED += ["dangling", "circle", "refused", "odd name", "hidden", "double"]
ODD_NAMES = ["a\nb", "a\rb", "a\x1b[31mb", "a\tb", os.fsdecode(b"a\xffb")]


def spoil(path: Path, how: str, rng: Rng) -> Path:  # noqa: PLR0912
    """Spoil a file; returns the path that a refusal has to name."""
    content = path.read_bytes()
    place = int(rng.integers(len(content)))
    match how:
        case "cut":
            path.write_bytes(content[: place if rng.integers(2) else -int(rng.integers(1, 40))])
        case "flipped":
            changed = bytearray(content)
            changed[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
        case "filled":
            path.write_bytes(content[:place] + bytes(len(content) - place))
        case "longer":
            path.write_bytes(content + rng.bytes(50))
        case "of another":
            others = sorted(p for p in path.parents[1].rglob("*") if p.is_file() and p != path)
            path.write_bytes(others[int(rng.integers(len(others)))].read_bytes())
        case "empty" | "text":
            path.write_bytes(b"" if how == "empty" else b"hello")
        case "refused":
            kinds = [kind for kind in REFUSED if "bomb" not in kind]
            path.write_bytes(REFUSED[kinds[int(rng.integers(len(kinds)))]][0]())
        case "double":
            other = path.with_suffix(".webp" if path.suffix != ".webp" else ".png")
            shutil.copy(path, other)
            return other
        case "odd name" | "hidden":
            name = f".{path.name}" if how == "hidden" else ODD_NAMES[int(rng.integers(len(ODD_NAMES)))] + path.suffix
            return path.rename(path.with_name(name))
        case _:
            path.unlink()
            match how:
                case "folder":
                    path.mkdir()
                case "pipe":
                    os.mkfifo(path)
                case "circle":
                    path.symlink_to(path.name)
                case _:
                    path.symlink_to("nothing")
    return path


@pytest.mark.soak
def test_a_spoiled_file_is_named_or_its_pair_is_as_it_was(trees: dict[str, Path], tmp_path: Path, soak: Soak) -> None:
    rng, rounds, refused = np.random.default_rng(SEED), soak.rounds(120, 1000), 0
    for i in range(rounds):
        layout, how = list(LAYOUTS)[i % len(LAYOUTS)], SPOILED[int(rng.integers(len(SPOILED)))]
        raw, good = Path(shutil.copytree(trees[layout], tmp_path / "raw")), trees[layout].with_suffix(".pairs")
        files = sorted(path for path in raw.rglob("*") if path.is_file())
        victim = files[int(rng.integers(len(files)))]
        kind, before = Image.open(victim).format, peak()
        named = spoil(victim, how, rng)
        case = (i, layout, how, victim.name)
        try:
            rows = prepare(layout=LAYOUTS[layout], raw=raw, out=tmp_path / "pairs")
        except (ValueError, OSError) as error:
            refused += 1
            line = str(error)
            stems = (named.name, repr(named.name), victim.stem.removesuffix("_mask"))
            assert any(stem in line for stem in stems) and ("\n" not in line or how == "odd name"), (case, line)
            assert [path.name for path in tmp_path.iterdir()] == ["raw"], case
        else:
            assert len(rows) == len(pd.read_csv(tmp_path / "pairs/pairs.csv"))
            for row in rows:
                (pair,) = (p for p in read_pairs(tmp_path / "pairs", row.split) if p.id == row.id)
                a, b = split_sides(read_image(pair.path))
                assert a.shape == b.shape == (row.height, row.width, 3), case
                # without checksums, flipped bits and zeros in place of data can't be seen everywhere
                sure = kind == "PNG" or how in ("cut", "longer", "hidden") or (how == "filled" and kind == "JPEG")
                if sure and how != "of another":
                    there = next(good.glob(f"{row.split}/{row.id}.*"))
                    np.testing.assert_array_equal(read_image(pair.path), read_image(there), err_msg=str(case))
            shutil.rmtree(tmp_path / "pairs")
        assert peak() - before < MEGABYTES, case
        shutil.rmtree(raw)
    assert refused > rounds / 2
    soak.counts["files"], soak.counts["refused"] = rounds, refused


# ---- names -----------------------------------------------------------------------------------------------------------

NAMES = [
    "a b",
    " a",
    "a ",
    "a,b",
    'a"b',
    "'a'",
    "-rf",
    "--out",
    "..a",
    "a..b",
    "NA",
    "null",
    "001",
    "1e5",
    "con",
    "nul",
]
NAMES += [
    "ünï",
    "u\u0308",
    "图",
    "🚗",
    "a\u00a0b",
    "a\u202fb",
    "A",
    "a",
    "$HOME",
    "`x`",
    "%41",
    "a;b",
    "a|b",
    "a:b",
    "a*b",
    "#",
]
NAMES += ["=1+1", "x" * 240, "true", "1.0", "\\", "a\\nb"]


def test_names_of_all_kinds_keep_their_pairs(tmp_path: Path) -> None:
    """Through pairs.csv and back; each id with its own picture, also where names differ in case alone."""
    rng, shown = np.random.default_rng(SEED), {}
    names = [name for name in NAMES if not name.startswith(".")]
    (tmp_path / "raw/train").mkdir(parents=True)
    for name in names:
        content, shown[name], _ = make("PNG", rng, 4, 8)
        (tmp_path / f"raw/train/{name}.png").write_bytes(content)
    prepare(layout=StitchedLayout(layout="stitched"), raw=tmp_path / "raw", out=tmp_path / "pairs")
    pairs = read_pairs(tmp_path / "pairs", "train")
    assert {pair.id for pair in pairs} == {*names}
    for pair in pairs:
        np.testing.assert_array_equal(read_image(pair.path), shown[pair.id])


def test_the_command_line_says_it_in_one_line_and_little_memory(tmp_path: Path) -> None:
    """With an address space of 3 GB; a damaged TIFF also makes Pillow warn."""
    shutil.copy(REPO / "params.yaml", tmp_path)
    path = tmp_path / "data/raw/facades/train/1.png"
    path.parent.mkdir(parents=True)
    script = f"ulimit -v 3000000; exec {sys.executable} -m stages.prepare facades"
    environment = {**os.environ, "PYTHONPATH": str(REPO), "OPENBLAS_NUM_THREADS": "1"}
    for content in (huge("JPEG", 9_999), encoded(Image.fromarray(SOFT), "TIFF")[:-70]):
        path.write_bytes(content)
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.startswith("error: data/raw/facades/train/1.png: not a readable image (")
