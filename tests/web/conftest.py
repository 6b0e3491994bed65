"""The site with a tiny network, built as `make site` builds it, and a browser."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from app.drawing_model import DrawingModel
from pix2pix.config.configuration import Configuration
from pix2pix.files.json_csv import read_json
from tests.support.browser import RUNTIME, chromium
from tests.support.repository import REPO
from tests.support.tiny import TINY, working_folder, write_configuration
from tests.support.weights_cases import save_weights
from tools.screenshots import file_server
from tools.site import site
from tools.web_model import web_model


@dataclass(frozen=True)
class Site:
    root: Path  # of the repository
    url: str


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a site: networks `first`, of label maps, and `lines`, the same told as one of line drawings."""
    if not RUNTIME.is_dir():
        pytest.skip("no ONNX Runtime for the web here (npm ci --prefix web)")
    root = tmp_path_factory.mktemp("site")
    with working_folder(root, val=20):
        write_configuration(TINY)
        save_weights()
        web_model(Configuration(TINY).experiment("first"))
        told = read_json(Path("site/models/first.json"), DrawingModel)
        lines = told.model_copy(update={"name": "lines", "classes": {}, "ground": "", "examples": None})
        Path("site/models/lines.json").write_text(lines.model_dump_json(), encoding="utf-8")
        (root / "web").symlink_to(REPO / "web")
        site(Configuration(TINY))
    return root


@pytest.fixture(scope="session")
def served_site(built: Path) -> Iterator[Site]:
    with file_server(built / "site") as url:
        yield Site(built, url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found
