"""Laws of the served page: a file becomes what `render` makes of it, and a bad one is refused in words."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from pix2pix.files.images import read_image
from pix2pix.pairs.stitched import read_pairs, read_sides
from tests.support.page_server import Served, as_file, picture, png
from tests.support.tiny import random_image

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
NO_IMAGE = "notes.png: not a readable image (cannot identify image file 'notes.png')"


def test_an_uploaded_held_out_input_gives_the_rendered_picture(served: Served, repo: Path, tmp_path: Path) -> None:
    pair = read_pairs(repo / "data/pairs/houses", "val")[0]
    source = read_sides(pair, direction="BtoA", size=64)[0]
    for _ in range(2):
        answer = served.ask("drop", as_file(served.upload("1.png", png(source))))
        (tmp_path / "answer.png").write_bytes(picture(answer))
        rendered = read_image(repo / "results/tiny/first/images/val/1.png")
        np.testing.assert_array_equal(read_image(tmp_path / "answer.png"), rendered)


def test_a_file_that_is_no_image_is_refused_in_words(served: Served, repo: Path) -> None:
    path, logged = served.upload("notes.png", b"not an image"), len((repo / "log").read_text())
    answer = served.ask("drop", as_file(path))
    assert not answer["success"]
    assert answer["output"]["error"] == NO_IMAGE
    assert "Traceback" not in (repo / "log").read_text()[logged:]


def test_a_photo_dropped_where_a_label_map_is_wanted_is_refused_in_words(served: Served) -> None:
    answer = served.ask("drop", as_file(served.upload("photo.png", png(random_image(0)))))
    assert answer["output"]["error"].startswith("photo.png: not a label map in the colours of facades")


def test_only_this_machine_is_listened_to(served: Served) -> None:
    doors = [c.laddr for c in psutil.net_connections("inet") if c.status == "LISTEN"]
    assert [address for address in doors if address[1:] == (served.port,)] == [("127.0.0.1", served.port)]


@pytest.fixture(scope="module")
def opened(served: Served) -> Iterator[tuple[Page, list[str]]]:
    """The page in a browser, and the addresses that the browser asks for."""
    asked: list[str] = []
    if CHROMIUM is None:
        pytest.skip("no Chromium here (chromium, chromium-browser or google-chrome)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.goto(served.url)
        yield page, asked
        browser.close()


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a line with the mouse; points are parts of the canvas's width and height."""
    box = page.locator("#canvas canvas").first.bounding_box()
    assert box
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=2)
    page.mouse.up()


def test_a_stroke_gives_a_picture_and_another_stroke_another(served: Served, opened: tuple[Page, list[str]]) -> None:
    page, asked = opened
    generated = page.locator("#generated img")
    expect(page.locator("#canvas canvas").first).to_be_visible()
    expect(page.get_by_text("3 images of val")).to_be_visible()  # the card, which comes with the empty canvas
    page.wait_for_timeout(500)
    assert generated.count() == 0
    pictures: list[bytes] = []
    for end in ((0.6, 0.4), (0.5, 0.7)):
        before = generated.get_attribute("src") if pictures else ""
        stroke(page, (0.3, 0.4), end)
        expect(generated).to_be_visible()
        expect(generated).not_to_have_attribute("src", before or "")
        pictures.append(requests.get(generated.get_attribute("src") or "", timeout=60).content)
    assert pictures[0] != pictures[1]
    assert not [address for address in asked if not address.startswith((served.url, "blob:", "data:"))]


def test_a_dropped_non_image_is_answered_with_a_message(opened: tuple[Page, list[str]]) -> None:
    page, _ = opened
    page.locator("#file input[type=file]").set_input_files(
        {"name": "notes.png", "mimeType": "image/png", "buffer": b"not an image"}
    )
    expect(page.get_by_text(NO_IMAGE)).to_be_visible()
