"""Laws of grids: every image stands whole in its row and column, and chosen images are spread evenly."""

import numpy as np
import pytest
from hypothesis import strategies as st

from pix2pix.files.image_grid import GAP, WIDE_GAP, grid, spread
from tests.support.laws import of_any
from tests.support.soaks import Soak
from tests.support.tiny import random_image


@pytest.mark.soak
def test_any_grid_holds_its_images_in_rows_and_columns(soak: Soak) -> None:
    names = st.lists(st.text("ab_ ", min_size=1, max_size=20), min_size=1, max_size=4)
    sides = st.integers(8, 70)

    @of_any(soak, 30, 1_000, rows=st.integers(1, 7), across=st.integers(1, 4), columns=names, height=sides, width=sides)
    def law(*, rows: int, across: int, columns: list[str], height: int, width: int) -> None:
        pictures = [[random_image(10 * y + x, height, width) for x in range(len(columns))] for y in range(rows)]
        labels = [f"row {y}\n{columns[0]}" for y in range(rows)] if across == 1 else None
        page = grid(pictures, columns=columns, labels=labels, across=across)
        across = min(across, rows)
        block = len(columns) * (width + GAP) - GAP + WIDE_GAP
        header = page.shape[0] - -(-rows // across) * (height + GAP)
        margin = page.shape[1] - across * block + WIDE_GAP
        assert header > 0 and (margin == 0) == (labels is None)
        for y, row in enumerate(pictures):
            for x, picture in enumerate(row):
                top = header + y // across * (height + GAP)
                left = margin + y % across * block + x * (width + GAP)
                np.testing.assert_array_equal(page[top : top + height, left : left + width], picture)


def test_every_row_fills_every_column() -> None:
    with pytest.raises(ValueError, match="each row must have 2 images: a, b"):
        grid([[random_image(0)]], columns=["a", "b"])


@pytest.mark.soak
def test_any_choice_of_images_is_spread_evenly_from_first_to_last(soak: Soak) -> None:
    assert [spread(4, of=10), spread(10, of=3), spread(4, of=1)] == [[0, 3, 6, 9], [0, 1, 2], [0]]

    @of_any(soak, 100, 5_000, count=st.integers(1, 40), of=st.integers(1, 400))
    def law(*, count: int, of: int) -> None:
        places = spread(count, of=of)
        assert len(places) == min(count, of) and places[0] == 0
        assert count == 1 or places[-1] == of - 1
        steps = np.diff(places)
        assert (steps > 0).all() and (not len(steps) or np.ptp(steps) <= 1)
