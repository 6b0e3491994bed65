"""Laws of a page: complete in itself, text as text; tables as narrow as they can be, and the best score bold."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from pix2pix.files.images import write_png
from pix2pix.reporting.html import html_page, image, narrow, split, winners
from pix2pix.reporting.tables import Section
from tests.support.tiny import random_image

LINES = [
    {"experiment": "a_b", "data": "houses", "size": "64", "epochs": "7", "SSIM": "0.5 ± 0.1 [0.4, 0.6]", "LSD": "0.2"},
    {"experiment": "mean", "data": "houses", "size": "64", "epochs": "–", "SSIM": "0.3 ± 0.1 [0.2, 0.4]", "LSD": "2.0"},
    {"experiment": "*real*", "data": "houses", "size": "64", "epochs": "–", "SSIM": "–", "LSD": "0.1"},
]


def page(**changes: Any) -> str:
    given: dict[str, Any] = {
        "title": "Houses",
        "result": "Better.",
        "tables": {"Losses": LINES},
        "comparison": Markup("<svg/>"),
        "best_and_worst": {},
        "losses": {},
        "scores": {},
        "cells": "",
        "definitions": {"SSIM": "structural similarity"},
        "further": [Section("The foreground:", LINES)],
        "made": [{"experiment": "a_b", "command": "`python -m stages.train a_b`"}],
    }
    return html_page(**(given | changes))


def test_a_page_begins_with_its_result_and_defines_each_score_once() -> None:
    text = page()
    found = [
        text.index(part) for part in ("<h1>Houses", "Better.", "<h3>Losses", "<svg/>", "<dt>SSIM", "The foreground")
    ]
    assert found == sorted(found)
    assert text.count("structural similarity") == 1
    assert '<td data-heading="command" class="long">python -m stages.train a_<wbr>b</td>' in text


def test_a_picture_lies_in_the_page_byte_for_byte(tmp_path: Path) -> None:
    write_png(tmp_path / "two words.png", random_image(0))
    (inside,) = re.findall(r'src="data:image/png;base64,([^"]*)"', page(comparison=image(tmp_path / "two words.png")))
    assert base64.b64decode(inside) == (tmp_path / "two words.png").read_bytes()
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        image(tmp_path / "gone.png")


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", random_image(0))
    text = page(best_and_worst={"a": image(tmp_path / "a.png")})
    assert not re.findall(r'(?:src|href)="(?!data:)|url\(|@import', text)
    assert "<script" not in text


@pytest.mark.parametrize("key", ["title", "result", "cells"])
def test_titles_and_names_are_text_never_markup(key: str) -> None:
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in page(**{key: "<b>A & B</b>"})
    bad = "<script>alert(1)</script>"
    text = page(tables={bad: [{"experiment": bad, bad: bad}]}, definitions={bad: bad}, further=[Section(bad)])
    assert "<script" not in text


def test_what_all_lines_share_is_a_caption_and_the_rest_stands_under_the_name() -> None:
    caption, columns, lines = narrow(LINES)
    assert caption == "data houses · size 64 · epochs 7"
    assert columns == ["experiment", "SSIM", "LSD"]
    assert [line["experiment"] for line in lines] == ["a_b\n", "mean\n", "*real*\n"]
    caption, columns, lines = narrow([*LINES, LINES[0] | {"data": "cars", "LSD": "0.2"}])
    assert (caption, lines[0]["experiment"]) == ("size 64 · epochs 7", "a_b\ndata houses")
    made = [{"experiment": name, "commit": "1234", "time": time} for name, time in (("a", "1 s"), ("b", "2 s"))]
    assert narrow(made)[:2] == ("commit 1234", ["experiment", "time"])


@pytest.mark.parametrize(
    ("cell", "large", "small"),
    [
        ("0.5 ± 0.1 [0.4, 0.6]", "0.5", "[0.4, 0.6]"),
        ("58.92 ± – [–] (1 equal)", "58.92", "[–] (1 equal)"),
        ("0.5 ± 0.1", "0.5", "± 0.1"),
        ("+0.5 [0.4, 0.6]", "+0.5", "[0.4, 0.6]"),
        ("–", "–", ""),
        ("2 × a GPU [a]", "2 × a GPU [a]", ""),
        ("name\ndata", "name", "data"),
    ],
)
def test_an_interval_stands_small_beneath_its_mean(cell: str, large: str, small: str) -> None:
    assert split(cell) == (large, small)


def test_the_best_is_bold_among_experiments_on_the_same_images() -> None:
    assert winners(LINES) == {("a_b", "SSIM"), ("a_b", "LSD")}, "controls do not compete"
    apart = [LINES[0], LINES[1] | {"data": "cars"}]
    assert winners(apart) == set(), "nor does who stands alone"
    assert "<b>0.5</b><small>[0.4, 0.6]</small>" in page()
