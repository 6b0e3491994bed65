"""The site: one folder of plain files that any file server can publish. `make site`

*Reads* web/ (the drawing page; ONNX Runtime in web/node_modules/, by `npm ci`), site/models/ (by `make web-models`),
results/, records/ and the loss curves in models/.
*Writes* site/, but site/models/: the drawing page, with all that it loads, and the pages of the results.

Nothing in it is asked of another host.
"""

import argparse
import shutil
from pathlib import Path

from pydantic import BaseModel

from app.drawing_model import DrawingModel
from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.json_csv import read_json
from tools.site_pages import read_studies, write_pages

SITE, WEB, RUNTIME = Path("site"), Path("web"), Path("web/node_modules/onnxruntime-web/dist")
PREVIEW = Path("docs/page.png")  # what others show beside a link to the page
WASM = "ort-wasm-simd-threaded"
RUNTIME_FILES = ("ort.wasm.min.mjs", f"{WASM}.mjs", f"{WASM}.wasm")


class Wasm(BaseModel):
    """ONNX Runtime's program."""

    file: str
    bytes: int


class Offered(BaseModel):
    """models.json: what the drawing page offers."""

    networks: list[DrawingModel]
    wasm: Wasm


def site(configuration: Configuration) -> None:
    """Build it anew from what is here.

    Raises:
        FileNotFoundError, ValueError: no runtime, no networks, or a broken file.
    """
    if not (RUNTIME / RUNTIME_FILES[0]).is_file():
        raise FileNotFoundError(f"{RUNTIME}: ONNX Runtime is not here; run `npm ci --prefix web`")
    networks = [read_json(path, DrawingModel) for path in sorted((SITE / "models").glob("*.json"))]
    if not networks:
        raise FileNotFoundError(f"{SITE}/models: no networks; run `make web-models EXPERIMENTS=demo_facades`")
    for old in SITE.iterdir():
        if old.name != "models":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    write_pages(read_studies(configuration), SITE / "results", [network.name for network in networks])
    links = '<nav aria-label="Pages"><a href="results/index.html">Results</a></nav>'
    for path in sorted(WEB.iterdir()):
        if path.suffix in (".html", ".css", ".js", ".svg"):
            text = path.read_text(encoding="utf-8").replace("<!-- links -->", links)
            (SITE / path.name).write_text(text, encoding="utf-8")
    if PREVIEW.is_file():
        shutil.copyfile(PREVIEW, SITE / "preview.png")
    (SITE / "ort").mkdir()
    for name in RUNTIME_FILES:
        shutil.copyfile(RUNTIME / name, SITE / "ort" / name)
    wasm = Path("ort", RUNTIME_FILES[2])
    offered = Offered(networks=networks, wasm=Wasm(file=str(wasm), bytes=(SITE / wasm).stat().st_size))
    with whole_file(SITE / "models.json") as partial:
        partial.write_text(offered.model_dump_json() + "\n", encoding="utf-8")


def main() -> None:
    argparse.ArgumentParser(description="Build the site, one folder of plain files.").parse_args()
    site(read_configuration())
    print(f"{SITE}/: look at it with `python -m http.server --directory {SITE}`")


if __name__ == "__main__":
    run(main)
