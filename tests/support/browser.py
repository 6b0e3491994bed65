"""A browser for the pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.support.repository import REPO
from tools.screenshots import CHROMIUM

QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
RUNTIME = REPO / "web/node_modules/onnxruntime-web"


@contextmanager
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here (chromium, chromium-browser or google-chrome)")
    with sync_playwright() as playwright:
        expect.set_options(timeout=60_000)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """With the mouse from one point of the drawing to another; points are parts of its width and height."""
    page.locator("#drawing").scroll_into_view_if_needed()
    box = page.locator("#drawing").bounding_box()
    assert box
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=3)
    page.mouse.up()


def png(image: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def content(canvas: Locator) -> str:
    """A canvas's picture as a data address."""
    found: str = canvas.evaluate("canvas => canvas.toDataURL()")
    return found


def changed(page: Page, canvas: str, before: str) -> str:
    """The picture of a canvas, once it is another than `before` and the last change is answered."""
    for _ in range(600):
        if page.locator("#output[aria-busy=false]").count() and (now := content(page.locator(canvas))) != before:
            return now
        page.wait_for_timeout(100)
    raise AssertionError(f"{canvas} stays as it was: {page.inner_text('#status')}")
