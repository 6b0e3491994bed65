"""Laws of the site's pages of results: made from what git keeps, all of their links lead somewhere in the site."""

import re
from pathlib import Path

import pytest

from pix2pix.config.reader import read_configuration
from tests.support.repository import REPO
from tools.site_pages import read_studies, write_pages


def test_a_page_a_study_whose_links_lead_into_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    pages = read_studies(read_configuration())
    out = tmp_path / "results"
    write_pages(pages, out, ["ingredients"])
    elsewhere = {tmp_path / name for name in ("index.html", "icon.svg", "style.css", "models/ingredients.onnx")}
    assert {page.study.name for page in pages} >= {"ingredients", "ablations_small"}
    for path in sorted(out.glob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert '<meta name="description" content="' in text
        for address in re.findall(r'(?:href|src)="([^"]*)"', text):
            if address.startswith("data:"):
                continue
            file, _, name = address.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target in elsewhere or target.is_file(), address
            assert not name or target in elsewhere or f'id="{name}"' in text, address
    page = (out / "ingredients.html").read_text(encoding="utf-8")
    assert '<a href="#ingredients">' in page
    folder = "ingredients/ingredients"
    for told in ("dvc repro evaluate@ingredients", f"{folder}/per_image.csv", f"{folder}/record.json"):
        assert told in page
