"""Laws of the table of robustness: differences are paired by drawing, and their interval counts cars."""

import pytest

from pix2pix.evaluation.metric_definitions import METRICS
from pix2pix.evaluation.result_files import DrawingScores
from pix2pix.reporting.robustness_table import Drawings, robustness_lines


def drawings(values: list[float], corruption: str = "bold") -> Drawings:
    """Two views of three cars with these SSIM."""
    rows: Drawings = {}
    for id, value in zip(("a_1", "a_2", "b_1", "b_2", "c_1", "c_2"), values, strict=True):
        row = {"edges": "canny", "corruption": corruption, "split": "val", "id": id, "group": id[0], "ssim": value}
        rows["canny", corruption, "val", id] = DrawingScores.model_validate(row)
    return rows


def test_differences_are_paired_and_their_interval_counts_cars() -> None:
    first = drawings([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    other = drawings([0.2, 0.3, 0.5, 0.6, 0.8, 0.9])  # + .1, .2, .3 by car: t = 4.303, n = 3
    shuffled = {drawing: other[drawing] for drawing in sorted(other, reverse=True)}
    [line] = robustness_lines({"one": first, "two": shuffled}, METRICS["ssim"])
    assert line == {
        "edges": "canny",
        "corruption": "bold",
        "one": "0.3500",
        "two": "0.5500",
        "two − one": "+0.2000 [-0.0484, 0.4484]",
    }


def test_other_drawings_are_not_compared() -> None:
    with pytest.raises(ValueError, match="one and two were not tested on the same drawings"):
        robustness_lines({"one": drawings([0.0] * 6), "two": drawings([0.0] * 6, "broken")}, METRICS["ssim"])
