"""The contact sheet shows pairs as they are, evenly over a split."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.files.images import read_image, resize
from tools.preview import HEIGHT, preview


def test_first_and_last_pair_are_on_the_sheet(tiny_repo: Path) -> None:
    assert preview("houses", split="train", count=3, out=Path("sheet.png")) == 3
    sheet = read_image(Path("sheet.png"))
    for id in ("1", "8"):
        pair = resize(read_image(Path(f"data/pairs/houses/train/{id}.png")), width=2 * HEIGHT, height=HEIGHT)
        places = np.lib.stride_tricks.sliding_window_view(sheet, pair.shape)[:, :, 0]
        corners = np.argwhere((places[..., 0, 0, :] == pair[0, 0]).all(axis=2))
        assert any((places[y, x] == pair).all() for y, x in corners), id


def test_a_small_split_is_shown_whole(tiny_repo: Path) -> None:
    assert preview("houses", split="val", count=24, out=Path("deep/sheet.png")) == 3


def test_what_cannot_be_shown_is_named(tiny_repo: Path) -> None:
    with pytest.raises(ValueError, match="no pairs in split 'test'"):
        preview("houses", split="test", count=24, out=Path("sheet.png"))
    with pytest.raises(ValueError, match="--count 0"):
        preview("houses", split="val", count=0, out=Path("sheet.png"))
    assert not Path("sheet.png").exists()
