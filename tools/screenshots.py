"""The pictures of the page in docs/, of the site as it was built: `python -m tools.screenshots`. Needs Chromium.

*Reads* site/ (by `make site`). *Writes* docs/page.png, at a desktop's width, and docs/page_phone.png, at a phone's.
"""

import argparse
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
SHOTS = {"page": ("demo_facades", 1280, 920, "light"), "page_phone": ("demo_facades", 390, 844, "dark")}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """The address of a server of a folder's files, on this machine alone, as `python -m http.server` starts one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def screenshots(site: Path, docs: Path) -> None:
    """Open the site at each width, wait for the network's first picture, and keep what is seen.

    Raises:
        FileNotFoundError: no site, or no Chromium.
    """
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None or not (site / "models.json").is_file():
        raise FileNotFoundError(f"{site}: wants `make site` first, and one of {', '.join(NAMES)}")
    with file_server(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        for name, (network, width, height, scheme) in SHOTS.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(f"{address}#{network}")
            page.locator("#output[aria-busy=false]").wait_for(timeout=120_000)
            with whole_file(docs / f"{name}.png") as partial_file:
                page.screenshot(path=partial_file, type="png")
        browser.close()


def main() -> None:
    argparse.ArgumentParser(description="Take the pictures of the page in docs/.").parse_args()
    screenshots(Path("site"), Path("docs"))


if __name__ == "__main__":
    run(main)
