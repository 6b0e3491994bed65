"""Laws of hostile pictures on the page: one line of refusal or an answer, within bounded memory."""

import os
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.honest import MB, answers_rightly, drawing, picture, png
from tests.support.served import Served, as_drawing, as_file, ask, memory, repo, served, upload
from tests.support.tiny import random_image

__all__ = ["answers_rightly", "repo", "served"]  # fixtures
GROWTH = 1200 * MB  # of the page's memory, at most, whatever is asked: one picture of 50 million pixels, decoded

pytestmark = pytest.mark.usefixtures("answers_rightly")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def empty_png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG that claims a size and holds, compressed, `rows`."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


REFUSED: dict[str, bytes] = {
    "nothing.png": b"",
    "text.png": b"not an image",
    "half.png": png(random_image(0, 512, 512))[:5000],
    "lines.png": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "program.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(executed) (w) file closefile\n",
    "pickled.png": pickle.dumps(Payload()),
    "empty.png": empty_png(0, 0),
    "flat.png": empty_png(64, 0),
    "claims.png": empty_png(50_000, 50_000),
    "bomb.png": empty_png(9_000, 6_000, bytes(27_001 * 6_000)),
    "line.png": png(Image.new("L", (1, 40_000_000))),
    "none.png": b"GIF89a\0\0\0\0\0\0\0;",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused_in_one_line(served: Served, repo: Path, name: str) -> None:
    path, logged = upload(served.url, name, REFUSED[name]).json()[0], len((repo / "log").read_text())
    with memory(served) as samples:
        for function, data in (("drop", as_file(path)), ("draw", as_drawing(path))):
            answer = ask(served.url, function, "first", data)
            assert not answer["success"], function
            assert answer["output"]["error"].startswith((f"{name}: not a readable image (", f"{name}: larger than"))
            assert "\n" not in answer["output"]["error"]
            assert str(served.folder) not in answer["output"]["error"]
    assert max(samples) - samples[0] < 100 * MB
    assert not list(repo.rglob("executed"))
    assert "Traceback" not in (repo / "log").read_text()[logged:]


def test_a_strange_picture_is_answered_within_bounds(served: Served) -> None:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    strange = {
        "film.png": b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * 10_000 + b";",
        "large.png": empty_png(7000, 7000, bytes(21_001 * 7000)),
        "line.png": png(Image.new("L", (2000, 20_000))),
        "one.png": png(Image.new("RGB", (1, 1))),
        "four.tif": png(Image.new("CMYK", (64, 64)), "TIFF"),
    }
    with memory(served) as samples:
        for name, content in strange.items():
            path = upload(served.url, name, content).json()[0]
            for function, data in (("drop", as_file(path)), ("draw", as_drawing(path))):
                answer = ask(served.url, function, "first", data)
                if name == "film.png":
                    assert "frames" in answer["output"]["error"]
                else:
                    assert picture(answer), name
    assert max(samples) - samples[0] < GROWTH


def test_layers_are_not_decoded(served: Served) -> None:
    large = upload(served.url, "large.png", empty_png(3000, 3000, bytes(9001 * 3000))).json()[0]
    data = drawing(served) | {"layers": [{"path": large, "meta": {"_type": "gradio.FileData"}}] * 200}
    with memory(served) as samples:
        assert picture(ask(served.url, "draw", "first", data))
    assert max(samples) - samples[0] < 100 * MB
