"""Laws of the page: what is drawn is what the network sees, and bad files are refused in words."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
from playwright.sync_api import Page, Request, expect, sync_playwright

from app.drawing import (
    CANVAS,
    as_source,
    blank,
    card_text,
    drawable,
    legend,
    on_canvas,
    pens,
    read_scores,
    source_classes,
)
from pix2pix.files.images import read_image, resize, write_png
from pix2pix.pairs.palettes import FACADES
from pix2pix.pairs.stitched import read_pairs, read_sides
from tests.support.served import CONFIGURATION, as_file, ask, here, repo, served, upload, url
from tests.support.tiny import random_image
from tests.support.weights_cases import metadata

__all__ = ["here", "repo", "served", "url"]  # fixtures

OUT = Path("results/tiny/first")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


# ---- the pure functions ----------------------------------------------------------------------------------------------


def test_experiments_with_weights_are_offered_and_no_baseline(here: Path) -> None:
    Path("models/first_mean").mkdir()
    shutil.copy("models/first/last.safetensors", "models/first_mean")
    assert drawable(CONFIGURATION) == ["first"]


def test_without_weights_the_command_that_makes_some_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="make demo"):
        drawable(CONFIGURATION)


def test_classes_are_painted_only_where_labels_are_the_source() -> None:
    labels_to_photo = CONFIGURATION.experiment("first")
    photo_to_labels = replace(labels_to_photo, direction="AtoB")
    assert list(source_classes(labels_to_photo))[2] == "window"
    assert source_classes(photo_to_labels) == {}
    assert (blank(labels_to_photo) == FACADES["facade"]).all()
    assert (blank(photo_to_labels) == 255).all()
    assert pens(photo_to_labels) == ["#000000"]
    assert len(pens(labels_to_photo)) == len(FACADES)
    assert legend({}) == ""
    assert legend(FACADES).count("<i ") == len(FACADES)


def test_a_source_is_resized_as_training_resizes_it() -> None:
    image = random_image(0, 90, 130)
    np.testing.assert_array_equal(as_source(image, size=64), resize(image, width=64, height=64))


def test_a_plain_canvas_is_a_plain_source() -> None:
    for experiment in map(CONFIGURATION.experiment, CONFIGURATION.names("experiments")):
        canvas = blank(experiment)
        assert canvas.shape == (CANVAS, CANVAS, 3)
        source = as_source(canvas, size=64)
        np.testing.assert_array_equal(source, canvas[:64, :64])
        np.testing.assert_array_equal(on_canvas(source), canvas)


def test_the_card_states_data_recipe_and_scores(here: Path) -> None:
    weights = metadata().model_dump()
    scores = read_scores(Path("results/tiny/first"), weights)
    text = card_text(weights, scores)
    for said in ("houses, B → A", "generator channels 4", "batch size 2", "3 epochs", "3 images of val: PSNR "):
        assert said in text
    assert "not evaluated" in card_text(weights, {})


def test_scores_of_other_weights_are_not_shown(here: Path) -> None:
    weights = metadata().model_dump()
    assert read_scores(Path("results/tiny/first"), weights | {"seed": 1}) == {}
    assert read_scores(Path("results/tiny/none"), weights) == {}


# ---- over HTTP, as a program would ask -------------------------------------------------------------------------------


def test_an_uploaded_held_out_input_gives_the_rendered_picture(url: str, here: Path) -> None:
    pair = read_pairs(Path("data/pairs/houses"), "val")[0]
    source = read_sides(pair, direction="BtoA", size=64)[0]
    write_png(Path("1.png"), source)
    for _ in range(2):
        path = upload(url, "1.png", Path("1.png").read_bytes()).json()[0]
        answer = ask(url, "drop", "first", as_file(path))
        assert answer["success"], answer
        Path("answer.png").write_bytes(requests.get(answer["output"]["data"][1]["url"], timeout=60).content)
        np.testing.assert_array_equal(read_image(Path("answer.png")), read_image(OUT / "images/val/1.png"))


def test_a_file_that_is_no_image_is_refused_in_words(url: str, repo: Path) -> None:
    path, logged = upload(url, "notes.png", b"not an image").json()[0], len((repo / "log").read_text())
    answer = ask(url, "drop", "first", as_file(path))
    assert not answer["success"]
    assert answer["output"]["error"] == "notes.png: not a readable image (cannot identify image file 'notes.png')"
    assert "Traceback" not in (repo / "log").read_text()[logged:]


def test_only_this_machine_is_listened_to(url: str) -> None:
    port = int(url.rsplit(":", 1)[1])
    doors = [c.laddr for c in psutil.net_connections("inet") if c.status == "LISTEN"]
    assert [address for address in doors if address[1:] == (port,)] == [("127.0.0.1", port)]


# ---- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture
def browser_page(url: str) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here (chromium, chromium-browser or google-chrome)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield page
        browser.close()


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a line with the mouse; points are parts of the canvas's width and height."""
    box = page.locator("#canvas canvas").first.bounding_box()
    assert box
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=5)
    page.mouse.up()


def test_a_stroke_gives_a_picture_and_another_stroke_another(url: str, browser_page: Page) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    browser_page.on("request", note)
    browser_page.goto(url)
    canvas, generated = browser_page.locator("#canvas canvas").first, browser_page.locator("#generated img")
    expect(canvas).to_be_visible()
    expect(browser_page.get_by_text("3 images of val")).to_be_visible()  # the card, which comes with the blank canvas
    browser_page.wait_for_timeout(500)
    assert generated.count() == 0
    pictures: list[bytes] = []
    for end in ((0.6, 0.4), (0.5, 0.7)):
        before = generated.get_attribute("src") if pictures else ""
        stroke(browser_page, (0.3, 0.4), end)
        expect(generated).to_be_visible()
        expect(generated).not_to_have_attribute("src", before or "")
        source = generated.get_attribute("src")
        assert source
        pictures.append(browser_page.request.get(source).body())
    assert pictures[0] != pictures[1]
    elsewhere = [address for address in asked if not address.startswith((url, "blob:", "data:"))]
    assert not elsewhere


def test_a_dropped_non_image_is_answered_with_a_message(url: str, browser_page: Page) -> None:
    browser_page.goto(url)
    browser_page.locator("#file input[type=file]").set_input_files(
        {"name": "notes.png", "mimeType": "image/png", "buffer": b"not an image"}
    )
    expect(
        browser_page.get_by_text("notes.png: not a readable image (cannot identify image file 'notes.png')")
    ).to_be_visible()
