"""Laws of hostile pictures on the page: one line of refusal or an answer, within bounded memory."""

import pickle
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.support.page_server import MB, Served, as_drawing, as_file, picture, png, random_png
from tests.support.soaks import Soak
from tests.support.weights_cases import Payload

pytestmark = pytest.mark.usefixtures("_answers_rightly")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def empty_png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG that claims a size and holds, compressed, `rows`."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


REFUSED: dict[str, bytes] = {
    "nothing.png": b"",
    "half.png": random_png(0)[:5000],
    "lines.png": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "program.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(executed) (w) file closefile\n",
    "pickled.png": pickle.dumps(Payload()),
    "claims.png": empty_png(50_000, 50_000),
    "bomb.png": empty_png(9_000, 6_000, bytes(27_001 * 6_000)),
    "line.png": png(Image.new("L", (1, 40_000_000))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused_in_one_line(served: Served, repo: Path, name: str) -> None:
    path, logged = served.upload(name, REFUSED[name]), len((repo / "log").read_text())
    with served.memory() as samples:
        for function, data in (("drop", as_file(path)), ("draw", as_drawing(path))):
            answer = served.ask(function, data)
            assert not answer["success"], function
            assert answer["output"]["error"].startswith((f"{name}: not a readable image (", f"{name}: larger than"))
            assert "\n" not in answer["output"]["error"]
            assert str(served.folder) not in answer["output"]["error"]
    assert max(samples) - samples[0] < 100 * MB
    assert not list(repo.rglob("executed"))
    assert "Traceback" not in (repo / "log").read_text()[logged:]


@pytest.mark.soak
def test_a_strange_picture_is_answered_within_bounds(served: Served, soak: Soak) -> None:
    side = soak.rounds(3000, 7000)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    strange = {
        "film.png": b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * 10_000 + b";",
        "large.png": empty_png(side, side, bytes((3 * side + 1) * side)),
        "line.png": png(Image.new("L", (500, 20_000))),
        "one.png": png(Image.new("RGB", (1, 1))),
        "four.tif": png(Image.new("CMYK", (64, 64)), "TIFF"),
    }
    with served.memory() as samples:
        for name, content in strange.items():
            path = served.upload(name, content)
            for function, data in (("drop", as_file(path)), ("draw", as_drawing(path))):
                answer = served.ask(function, data)
                if name == "film.png":
                    assert "frames" in answer["output"]["error"]
                elif answer["success"] or function == "draw":
                    assert picture(answer), name
                else:  # what is dropped is a label map, or refused
                    assert f"{name}: not a label map" in answer["output"]["error"]
    assert max(samples) - samples[0] < (100 + 24 * side**2 // MB) * MB  # bytes of each pixel of a picture, decoded
    soak.counts["megapixels"] = side**2 // 10**6


def test_layers_are_not_decoded(served: Served) -> None:
    large = served.upload("large.png", empty_png(3000, 3000, bytes(9001 * 3000)))
    data = as_drawing(served.upload("drawing.png", random_png(7))) | {"layers": [as_file(large)] * 200}
    with served.memory() as samples:
        assert picture(served.ask("draw", data))
    assert max(samples) - samples[0] < 100 * MB
