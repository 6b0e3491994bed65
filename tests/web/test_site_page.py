"""Laws of the published drawing page, in a browser: it answers each stroke, alone, by whatever a hand holds."""

import base64
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from pix2pix.networks.inference import load_trained
from pix2pix.networks.layers import from_network, to_network
from pix2pix.pairs.stitched import read_pairs, read_sides
from tests.support.browser import changed, content, drag, png
from tests.support.repository import REPO
from tests.support.tiny import random_image
from tests.web.conftest import Site
from tools.onnx_export import onnx_answers, torch_answers

AXE = REPO / "web/node_modules/axe-core/axe.min.js"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def opened(browser: Browser, site: Site, at: str = "", **options: Any) -> Iterator[tuple[Page, list[str]]]:
    """The page, and the addresses on other hosts that it asks for, all of which are blocked."""
    elsewhere: list[str] = []

    def only_here(route: Route) -> None:
        if route.request.url.startswith((site.url, "blob:", "data:")):
            return route.continue_()
        elsewhere.append(route.request.url)
        return route.abort()

    with browser.new_context(viewport=options.pop("viewport", DESKTOP), **options) as context:
        context.route("**/*", only_here)
        page = context.new_page()
        page.goto(site.url + at)
        yield page, elsewhere


def first_picture(page: Page) -> str:
    expect(page.locator("#status")).to_contain_text("Made on this device")
    expect(page.locator("#output")).to_have_attribute("aria-busy", "false")
    return content(page.locator("#result"))


def picture(address: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_each_stroke_is_answered_and_no_other_host_is_asked(
    browser: Browser, served_site: Site, viewport: dict[str, int]
) -> None:
    with opened(browser, served_site, viewport=viewport) as (page, elsewhere):
        seen = [first_picture(page)]
        for tool, name in (("rectangle", "door"), ("brush", "sill"), ("fill", "shop")):
            page.get_by_text(tool, exact=True).click()
            page.get_by_text(name, exact=True).click()
            drag(page, (0.3, 0.4), (0.6, 0.8))
            seen.append(changed(page, "#result", seen[-1]))
        assert len(set(seen)) == 4
        page.get_by_role("button", name="Undo").click()
        assert changed(page, "#result", seen[-1]) == seen[-2]
        page.get_by_role("button", name="Redo").click()
        assert changed(page, "#result", seen[-2]) == seen[-1]
        assert page.evaluate("() => document.documentElement.scrollWidth") <= viewport["width"]
        assert not elsewhere


def test_a_rectangle_has_the_colour_of_its_class_alone(browser: Browser, served_site: Site) -> None:
    with opened(browser, served_site) as (page, _):
        first_picture(page)
        page.get_by_role("button", name="Clear").click()
        drag(page, (0.25, 0.25), (0.5, 0.75))
        colours, counts = np.unique(
            picture(content(page.locator("#drawing"))).reshape(-1, 3), axis=0, return_counts=True
        )
        assert colours.tolist() == [[0, 48, 255], [0, 128, 255]]  # facade, window
        assert counts[1] == pytest.approx(128 * 256, rel=0.02)


def test_a_finger_draws_and_keys_do(browser: Browser, served_site: Site) -> None:
    with opened(browser, served_site, "#lines", viewport=PHONE, has_touch=True) as (page, _):
        seen = first_picture(page)
        page.locator("#drawing").tap()
        seen = changed(page, "#result", seen)
        page.locator("#drawing").focus()
        for key in ("Space", "Shift+ArrowRight", "ArrowDown", "Space", "ArrowUp"):
            page.keyboard.press(key)
        drawn = picture(content(page.locator("#drawing")))
        assert (drawn[254:258, 256:320] == 0).any(axis=0).all()
        drawn_on = changed(page, "#result", seen)
        page.keyboard.press("Control+z")
        assert changed(page, "#result", drawn_on) == seen


def test_pictures_come_in_and_go_out(browser: Browser, served_site: Site) -> None:
    with opened(browser, served_site) as (page, _):
        first_picture(page)
        with page.expect_download() as drawing:
            page.get_by_role("button", name="Save the drawing").click()
        drag(page, (0.1, 0.1), (0.9, 0.9))
        kept = drawing.value.path().read_bytes()
        page.locator("#file").set_input_files({"name": "kept.png", "mimeType": "image/png", "buffer": kept})
        with Image.open(BytesIO(kept)) as image:
            before = np.asarray(image.convert("RGB"))
        page.wait_for_timeout(500)
        np.testing.assert_array_equal(picture(content(page.locator("#drawing"))), before)
        with page.expect_download() as both:
            page.get_by_role("button", name="Save both").click()
        with Image.open(both.value.path()) as image:
            assert image.width > 2 * 512


# ---- what goes wrong is said in one line


def many_pixels() -> bytes:
    file = BytesIO()
    Image.new("1", (12_000, 6_000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"not an image", "x.png is not an image that this browser can read."),
        (bytes(26 * 2**20), "x.png is too large: at most 25 MB are read here."),
        (many_pixels(), "x.png has 12000 × 6000 pixels, which is too many: at most 50 million are read here."),
        (
            png(random_image(0)),
            "x.png is no label map in the colours of this network, such as one saved from here.",
        ),
    ],
    ids=["no image", "many bytes", "many pixels", "no label map"],
)
def test_a_file_that_cannot_be_drawn_on_is_refused(
    browser: Browser, served_site: Site, tmp_path: Path, file: bytes, said: str
) -> None:
    (tmp_path / "x.png").write_bytes(file)
    with opened(browser, served_site) as (page, _):
        seen = first_picture(page)
        page.locator("#file").set_input_files(tmp_path / "x.png")
        expect(page.locator("#status")).to_have_text(said)
        drag(page, (0.1, 0.1), (0.9, 0.9))
        changed(page, "#result", seen)


def test_a_browser_without_webassembly_is_told(browser: Browser, served_site: Site) -> None:
    with opened(browser, served_site, "none") as (page, _):
        page.add_init_script("delete window.WebAssembly")
        page.goto(served_site.url)
        expect(page.locator("#status")).to_contain_text("This browser has no WebAssembly")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("models/first.onnx", "models/first.onnx could not be loaded (404)."),
        ("ort/ort-wasm-simd-threaded.wasm", "ort/ort-wasm-simd-threaded.wasm could not be loaded (404)."),
        ("models.json", "The list of networks, models.json, could not be loaded."),
    ],
)
def test_a_missing_file_is_named(browser: Browser, served_site: Site, missing: str, said: str) -> None:
    with opened(browser, served_site, "none") as (page, _):
        page.context.route(f"**/{missing}", lambda route: route.fulfill(status=404))
        page.goto(served_site.url)
        expect(page.locator("#status")).to_have_text(said)


# ---- the same pictures as PyTorch's


def test_the_pages_generator_answers_as_pytorch_does(served_site: Site, browser: Browser) -> None:
    """In node all held-out inputs, in the browser the first example."""
    if (node := shutil.which("node")) is None:
        pytest.skip("no node here")
    root, model = served_site.root, served_site.root / "site/models/first.onnx"
    pairs = read_pairs(root / "data/pairs/houses", "val")
    sources = np.stack([read_sides(pair, direction="BtoA", size=64)[0] for pair in pairs])
    assert len(sources) == 20
    opaque = np.concatenate([sources, np.full_like(sources[..., :1], 255)], axis=-1)
    command = [node, str(REPO / "tests/support/generate.mjs"), str(root / "site"), str(model)]
    done = subprocess.run(command, input=opaque.tobytes(), capture_output=True, check=True)
    made = np.frombuffer(done.stdout, np.uint8).reshape(opaque.shape)[..., :3]
    given = to_network(torch.from_numpy(sources).permute(0, 3, 1, 2)).contiguous().numpy()
    for answers, least in ((by_torch(root, given), 40.0), (onnx_answers(onnx.load(model), given), 55.0)):
        expected = from_network(torch.from_numpy(answers)).permute(0, 2, 3, 1).numpy()
        errors = np.square(made.astype(float) - expected).mean(axis=(1, 2, 3))
        assert 10 * np.log10(255**2 / errors.max()) >= least
    with opened(browser, served_site) as (page, _):
        shown = picture(first_picture(page))
    assert np.abs(shown.astype(int) - made[0]).max() <= 1


def by_torch(root: Path, sources: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    generator = load_trained(root / "models/first/last.safetensors", torch.device("cpu")).generator
    return torch_answers(generator.to(memory_format=torch.contiguous_format), sources)


# ---- accessibility


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, served_site: Site, scheme: str) -> None:
    with opened(browser, served_site, color_scheme=scheme, bypass_csp=True) as (page, _):
        first_picture(page)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("async () => (await axe.run()).violations.map(v => [v.impact, v.id, v.nodes[0].html])")
        assert not [violation for violation in found if violation[0] in ("serious", "critical")]
