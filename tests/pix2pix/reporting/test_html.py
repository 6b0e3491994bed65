"""Laws of a page: complete in itself, tables as tables, text as text."""

import base64
import re
from pathlib import Path

import pytest

from pix2pix.files.images import write_png
from pix2pix.reporting.html import html_page
from tests.support.tiny import random_image

TABLE = "### Houses\n\n| experiment | PSNR, dB |\n|:--|:--|\n| first | 12.34 ± 0.56 |\n"


def test_a_table_is_a_table(tmp_path: Path) -> None:
    page = html_page(TABLE, title="Houses", folder=tmp_path)
    assert "<h3>Houses</h3>" in page
    assert re.search(r"<td[^>]*>12.34 ± 0.56</td>", page)
    assert '<meta charset="utf-8">' in page


def test_a_picture_lies_in_the_page_byte_for_byte(tmp_path: Path) -> None:
    write_png(tmp_path / "two words.png", random_image(0))
    page = html_page("![figure](<two words.png>)", title="", folder=tmp_path)
    (inside,) = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    assert base64.b64decode(inside) == (tmp_path / "two words.png").read_bytes()


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", random_image(0))
    page = html_page(f"![a](a.png)\n\n{TABLE}", title="Houses", folder=tmp_path)
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "<script" not in page


def test_titles_and_names_are_text_never_markup(tmp_path: Path) -> None:
    page = html_page("<script>alert(1)</script>", title="<b>A & B</b>", folder=tmp_path)
    assert "<title>&lt;b&gt;A &amp; B&lt;/b&gt;</title>" in page
    assert "<script>" not in page


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        html_page("![a](gone.png)", title="t", folder=tmp_path)
