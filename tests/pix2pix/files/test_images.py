"""Laws of reading images: the values that were written, upright; what is damaged or ambiguous is refused by name.

Expected values come from the arrays that were written, never from a reader.
"""

import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT

from pix2pix.files import images
from pix2pix.files.image_listing import list_images
from pix2pix.files.images import read_image, read_numbers
from tests.support.image_cases import KINDS, SEED, encoded, frames, make, near, smooth
from tests.support.repository import REPO
from tests.support.soaks import Soak

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's about metadata, as every verb does

SOFT = smooth(np.random.default_rng(SEED), 96, 128)


@pytest.mark.soak
def test_what_is_legitimate_has_the_values_that_were_written(tmp_path: Path, soak: Soak) -> None:
    """Under any image's suffix."""
    rng, rounds = np.random.default_rng(SEED), soak.rounds(2 * len(KINDS), 10 * len(KINDS))
    for i in range(rounds):
        height, width = (int(side) for side in rng.integers(1, 40, 2)) if i % 5 else (1, 1)
        content, expected, tolerance = make(KINDS[i % len(KINDS)], rng, height, width)
        path = tmp_path / f"x{rng.choice(['.png', '.JPG', '.tiff', '.webp'])}"
        path.write_bytes(content)
        assert near(read_image(path), expected, tolerance), (i, KINDS[i % len(KINDS)], height, width)
    soak.counts["images"] = rounds


def refusal(path: Path, content: bytes) -> str:
    """The line in which a file is refused; it begins with the file."""
    path.write_bytes(content)
    with pytest.raises(ValueError) as refused:
        read_image(path)
    line = str(refused.value)
    assert line.startswith(f"{path}: not a readable image (") and "\n" not in line
    return line


@pytest.mark.parametrize("lost", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, kind: str, lost: float) -> None:
    content = encoded(SOFT, kind)
    refusal(tmp_path / "x", content[: int(len(content) * (1 - lost))])


JPEGS = {
    "plain": encoded(SOFT, "JPEG", quality=95),
    "grey": encoded(SOFT[..., 0], "JPEG"),
    "restarts": encoded(SOFT, "JPEG", restart_marker_rows=1),
    "thumbnail": encoded(SOFT, "JPEG", exif=b"Exif\0\0" + encoded(SOFT[:8, :8], "JPEG")),
    "progressive": encoded(SOFT, "JPEG", progressive=True),
}


@pytest.mark.parametrize("lost", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_ends_in_zeros_is_refused(tmp_path: Path, kind: str, lost: float) -> None:
    """Zeros take the place of the rest after a full disk or a crash."""
    start = JPEGS[kind].rindex(b"\xff\xda") + 20
    cut = JPEGS[kind][: start + int((len(JPEGS[kind]) - start) * (1 - lost))]
    for rest in (bytes(1), bytes(5000)):
        refusal(tmp_path / "x.jpg", cut + rest)


@pytest.mark.parametrize("trailer", [bytes(500), b"trailer" + bytes(70)])
@pytest.mark.parametrize("kind", JPEGS)
def test_what_follows_a_whole_jpeg_does_not_matter(tmp_path: Path, kind: str, trailer: bytes) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(JPEGS[kind])
    expected = np.asarray(Image.open(path).convert("RGB"))
    path.write_bytes(JPEGS[kind] + trailer)
    np.testing.assert_array_equal(read_image(path), expected)


def retagged(content: bytes, tag: int, value: int) -> bytes:
    """A TIFF with another value of one of its tags."""
    at = content.index(struct.pack("<HHI", tag, 3, 1)) + 8
    return content[:at] + struct.pack("<H", value) + content[at + 2 :]


TIFF_16 = encoded(np.full((8, 8), 200, np.uint16), "TIFF", tiffinfo={SAMPLEFORMAT: 1})
REFUSED = {
    "floating TIFF": (encoded(np.full((8, 8), 0.5, np.float32), "TIFF"), "32 bits whose white"),
    "32-bit TIFF": (encoded(np.full((8, 8), 200, np.int32), "TIFF"), "32 bits whose white"),
    "signed TIFF": (retagged(TIFF_16, SAMPLEFORMAT, 2), "16 bits whose white"),
    "12-bit TIFF": (retagged(TIFF_16, BITSPERSAMPLE, 12), "12 bits whose white"),
    "16-bit TIFF, white 0": (retagged(TIFF_16, PHOTOMETRIC_INTERPRETATION, 0), "16 bits whose white"),
    **{f"two frames, {kind}": (frames(kind), "several frames or pages") for kind in ("TIFF", "GIF", "PNG", "WEBP")},
    "empty": (b"", r"\(cannot identify image file\)$"),
    "text": (b"hello\n", "cannot identify"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot identify"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_ambiguous_is_refused(tmp_path: Path, kind: str) -> None:
    content, says = REFUSED[kind]
    assert re.search(says, refusal(tmp_path / "x.png", content))


def test_a_larger_image_than_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 96 * 128 - 1)
    assert "128 x 96 pixels; at most 12287 are read" in refusal(tmp_path / "x.png", encoded(SOFT, "PNG"))


@pytest.mark.parametrize("place", [16, 37, 200, -4])
def test_a_flipped_bit_of_a_png_is_refused(tmp_path: Path, place: int) -> None:
    """In its header, in the name of a chunk, in its pixels, in the last checksum."""
    content = bytearray(encoded(SOFT, "PNG"))
    content[place] ^= 0x20
    refusal(tmp_path / "x.png", bytes(content))


def test_images_are_listed_by_number(tmp_path: Path) -> None:
    names = ["01.jpg", "1.png", "2.webp", "10.PNG", "a1.bmp", "a1b2.tif", "a1b10.tif", "a.jpeg", "b-1.jpg", "b.jpg"]
    for name in [*names, "notes.txt"]:
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == names


def png_with(kind: bytes, content: bytes, *, wrong: int = 0) -> bytes:
    """SOFT with another chunk after its header; `wrong` is the error of its checksum."""
    png, body = encoded(SOFT, "PNG"), kind + content
    chunk = struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body) ^ wrong)
    return png[:33] + chunk + png[33:]


def jpeg_with(number: int, body: bytes) -> bytes:
    """SOFT with application segment `number`."""
    jpeg = JPEGS["plain"]
    return jpeg[:2] + bytes([0xFF, 0xE0 + number]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """SOFT with an EXIF block of tags: number, type, count, value."""
    tags = b"".join(struct.pack(">HHI", *entry[:3]) + entry[3] for entry in entries)
    return jpeg_with(1, b"Exif\0\0MM\0*" + struct.pack(">IH", 8, len(entries)) + tags + bytes(4))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_stored_numbers_are_read_whatever_their_bits(tmp_path: Path, bits: int) -> None:
    """Pillow spreads grey levels of few bits over 0..255."""
    rows = bytes([0, 0b01100011]) if bits < 8 else bytes([0, 3])
    header = struct.pack(">IIBBBBB", 8 // bits, 1, bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = [struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks]
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    expected = {1: [0, 1, 1, 0, 0, 0, 1, 1], 2: [1, 2, 0, 3], 4: [6, 3], 8: [3]}[bits]
    assert read_numbers(tmp_path / "x.png").tolist() == [expected]


SHOWN: dict[
    int, Callable[[np.ndarray], np.ndarray]
] = {  # EXIF 2.3, Orientation: where the stored first row and first column are shown
    1: lambda stored: stored,  # top, left
    2: np.fliplr,  # top, right
    3: lambda stored: np.rot90(stored, 2),  # bottom, right
    4: np.flipud,  # bottom, left
    5: lambda stored: np.swapaxes(stored, 0, 1),  # left, top
    6: lambda stored: np.rot90(stored, -1),  # right, top
    7: lambda stored: np.swapaxes(np.rot90(stored, 2), 0, 1),  # right, bottom
    8: np.rot90,  # left, bottom
}


@pytest.mark.parametrize("rotation", SHOWN)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF"])
def test_every_rotation_of_exif_is_applied(tmp_path: Path, kind: str, rotation: int) -> None:
    """To colours, to 16 bits and to stored numbers."""
    exif, path = Image.Exif(), tmp_path / "x"
    exif[0x0112] = rotation
    lossless = {"lossless": True} if kind == "WEBP" else {}
    path.write_bytes(encoded(SOFT, kind, exif=exif, **lossless))
    assert near(read_image(path), SHOWN[rotation](SOFT), 24 if kind == "AVIF" else 0)
    if kind == "PNG":
        path.write_bytes(encoded(SOFT[..., 0], kind, exif=exif))
        np.testing.assert_array_equal(read_numbers(path), SHOWN[rotation](SOFT[..., 0]))
        path.write_bytes(encoded(SOFT[..., 0].astype(np.uint16) * 257, kind, exif=exif))
        np.testing.assert_array_equal(read_image(path)[..., 0], SHOWN[rotation](SOFT[..., 0]))


LONG = zlib.compress(np.random.default_rng(0).bytes(2_000_000))
TURNED = (0x0112, 3, 1, struct.pack(">HH", 6, 0))
ODD = {
    "a resolution that is text": (exif((0x011A, 2, 3, b"72\0\0"), TURNED), True),
    "XMP that is text": (exif(TURNED, (700, 2, 4, b"abc\0")), True),
    "a rotation out of range": (exif((0x0112, 3, 1, struct.pack(">HH", 9, 0))), False),
    "megabytes of text": (png_with(b"zTXt", b"Raw profile type xmp\0\0" + LONG), False),
    "a colour profile of megabytes": (png_with(b"iCCP", b"icc\0\0" + LONG), False),
    "broken EXIF": (png_with(b"eXIf", b"garbage!"), False),
    "EXIF with a wrong checksum": (png_with(b"eXIf", b"MM\0*", wrong=1), False),
    **{
        f"{kind.decode()} of {len(body)} bytes": (png_with(kind, body, wrong=wrong), False)
        for kind, body, wrong in ((b"gAMA", b"", 0), (b"cHRM", b"x", 0), (b"iCCP", b"", 0), (b"tEXt", b"a\0b", 1))
    },
    **{
        f"short segment {number}": (jpeg_with(number, body), False)
        for number, body in ((0, b"JFIF"), (14, b"Adobe"), (2, b"MPF\0II*\0\xff\xff\xff\xff"), (13, b"Photoshop 3.0\0"))
    },
}


@pytest.mark.parametrize("kind", ODD)
def test_a_good_picture_is_read_whatever_its_metadata(tmp_path: Path, kind: str) -> None:
    content, turned = ODD[kind]
    (tmp_path / "x").write_bytes(content)
    assert near(read_image(tmp_path / "x"), np.rot90(SOFT, -1) if turned else SOFT, 16)


PILLOW_HEIF = """
import io
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

def opened(file, name):
    file.read(11)
    image = PngImageFile(io.BytesIO(file.read()))
    image.format = "HEIF"
    return image

def register_heif_opener():
    Image.register_open("HEIF", opened, lambda start: start[4:8] == b"ftyp")
"""


def test_heic_is_read_by_an_optional_package_that_the_line_names(tmp_path: Path) -> None:
    """Here one that reads a PNG behind the first bytes of a HEIC."""
    photo = tmp_path / "photo.HEIC"
    photo.write_bytes(b"\0\0\0\x18ftypheic"[:11] + encoded(SOFT, "PNG"))
    with pytest.raises(ValueError, match=r"photo\.HEIC: not a readable image .*pip install pillow-heif"):
        read_image(photo)
    (tmp_path / "pillow_heif.py").write_text(PILLOW_HEIF)
    code = "import sys, pathlib; from pix2pix.files import image_listing as listing, images\n"
    code += "[path] = listing.list_images(pathlib.Path(sys.argv[1])); print(images.read_image(path).tobytes().hex())"
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{REPO}"}
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == SOFT.tobytes().hex()
