"""Laws of curves: every epoch is a point in its place, whatever the values; a picture by itself."""

import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pix2pix.reporting.curves import BOTTOM, LEFT, RIGHT, TOP, loss_curves, read_history, score_curves

Points = list[tuple[float, float]]


def curves(svg: str) -> list[Points]:
    """Of each panel, training and validation."""
    lines = re.findall(r'<polyline points="([^"]*)"', svg)
    pairs = [[float(number) for number in line.split()] for line in lines]
    return [list(zip(numbers[::2], numbers[1::2], strict=True))[1:] for numbers in pairs]


def test_each_loss_has_a_panel_from_nought_to_its_largest_value(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("epoch,step,train_l1,train_d,val_l1,val_d\n1,4,0.2,2,0.1,\n2,8,0.1,1,0.05,1.5\n", encoding="utf-8")
    svg = loss_curves(read_history(path))
    assert [text.text for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")].count(
        "0.2"
    ) == 1
    middle, height = (LEFT + RIGHT) / 2, BOTTOM - TOP
    train_l1, val_l1, train_d, val_d = curves(svg)
    assert train_l1 == [(middle, TOP), (RIGHT, BOTTOM - height / 2)]
    assert val_l1 == [(middle, BOTTOM - height / 2), (RIGHT, BOTTOM - height / 4)]
    assert train_d == train_l1
    assert val_d == [(RIGHT, BOTTOM - 0.75 * height)], "an epoch without a value is left out"


@pytest.mark.parametrize("values", [[0.0], [-3.0, 4.0], [math.nan, math.inf], [1e-9, 2e-9], [7.3e6, 1.0]])
def test_no_value_leaves_its_panel(values: list[float]) -> None:
    history = [{"epoch": i + 1.0, "train_g": value, "val_g": value} for i, value in enumerate(values)]
    for x, y in (point for curve in curves(loss_curves(history)) for point in curve):
        assert LEFT < x <= RIGHT
        assert TOP <= y <= BOTTOM


def test_scores_have_their_panels_with_a_line_each() -> None:
    rows = [
        {"epoch": epoch, "lsd": 1 / epoch, "lab_l": 0.8, "lab_a": 0.4, "lab_b": 0.2, "ssim": 0.3} for epoch in (2, 4)
    ]
    lsd, *lab, ssim = curves(score_curves(rows))
    middle, height = (LEFT + RIGHT) / 2, BOTTOM - TOP
    assert lsd == [(middle, TOP), (RIGHT, BOTTOM - height / 2)]
    assert [line[1] for line in lab] == [(RIGHT, BOTTOM - height * share) for share in (1, 0.5, 0.25)]
    assert len(ssim) == len(rows)
    assert len(curves(score_curves([{"epoch": 1, "ssim": 0.3}]))) == 1, "panels without values are left out"
