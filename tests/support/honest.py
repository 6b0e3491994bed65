"""Honest use of the page, before and after whatever else is asked of it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from tests.support.served import Served, as_drawing, ask, upload
from tests.support.tiny import random_image

MB = 1 << 20


def files(served: Served) -> set[Path]:
    """Every file of the page's temporary folder, the uploads among them."""
    return {path for path in served.folder.parent.rglob("*") if path.is_file()}


def png(image: Any, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, form, **options)
    return buffer.getvalue()


def drawing(served: Served) -> dict[str, Any]:
    """An honest drawing, uploaded."""
    return as_drawing(upload(served.url, "drawing.png", png(random_image(7, 512, 512))).json()[0])


def picture(answer: dict[str, Any]) -> bytes:
    assert answer["success"], answer
    return requests.get(answer["output"]["data"][-1]["url"], timeout=60).content


@pytest.fixture(scope="module")
def answers_rightly(served: Served) -> Iterator[None]:
    """An honest drawing has the same answer at the end as in the beginning."""
    before = picture(ask(served.url, "draw", "first", drawing(served)))
    assert before.startswith(b"\x89PNG")
    yield
    assert picture(ask(served.url, "draw", "first", drawing(served))) == before
