"""Laws of legitimate images: the values that were written, upright, on both sides of a pair.

Expected values come from the arrays that were written, never from a reader.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config.datasets import FoldersLayout, StitchedLayout
from pix2pix.files.images import read_image
from pix2pix.pairs.stitched import read_pairs, read_sides, split_sides
from stages.prepare import prepare
from tests.support.image_cases import KINDS, SEED, TURN, make, near
from tests.support.soaks import Soak

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's of metadata, as the door of the verbs does


@pytest.mark.soak
def test_what_is_legitimate_has_the_values_that_were_written(tmp_path: Path, soak: Soak) -> None:
    """By itself, and on both sides of a pair; under any image's suffix."""
    rng, rounds = np.random.default_rng(SEED), soak.rounds(len(KINDS), 5 * len(KINDS))
    for i in range(rounds):
        height, width = (int(side) for side in rng.integers(1, 40, 2)) if i % 5 else (1, 1)
        kinds = [KINDS[i % len(KINDS)], KINDS[int(rng.integers(len(KINDS)))]]
        made = []
        for side, kind in zip("AB", kinds, strict=True):
            upright = kind.split()[-1] not in "5678"
            size = (height, width) if upright else (width, height)
            content, expected, tolerance = make(kind, rng, *size)
            path = tmp_path / f"raw/train{side}/x{rng.choice(['.png', '.JPG', '.tiff', '.webp'])}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            assert near(read_image(path), expected, tolerance), (i, kind, height, width)
            made.append((expected, tolerance))
        prepare(layout=FoldersLayout(layout="folders"), raw=tmp_path / "raw", out=tmp_path / "pairs")
        (pair,) = read_pairs(tmp_path / "pairs", "train")
        for half, (expected, tolerance) in zip(split_sides(read_image(pair.path)), made, strict=True):
            assert near(half, expected, tolerance), (i, kinds, height, width)
        shutil.rmtree(tmp_path / "raw")
    soak.counts["images"] = 2 * rounds


@pytest.mark.parametrize("orientation", TURN)
def test_a_rotated_stitched_pair_is_cut_as_a_person_sees_it(tmp_path: Path, orientation: int) -> None:
    content, shown, tolerance = make(f"JPEG EXIF {orientation}", np.random.default_rng(SEED), 32, 64)
    (tmp_path / "raw/train").mkdir(parents=True)
    (tmp_path / "raw/train/1.jpg").write_bytes(content)
    (row,) = prepare(layout=StitchedLayout(layout="stitched"), raw=tmp_path / "raw", out=tmp_path / "pairs")
    half = shown.shape[1] // 2
    assert (row.width, row.height) == (half, shown.shape[0])
    (pair,) = read_pairs(tmp_path / "pairs", "train")
    for side, expected in zip(split_sides(read_image(pair.path)), (shown[:, :half], shown[:, half:]), strict=True):
        assert near(side, expected, tolerance)
    assert read_sides(pair, direction="AtoB", size=32)[0].shape == (32, 32, 3)
