"""Laws of odd names: through pairs.csv and back, each id with its own picture."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.config.datasets import StitchedLayout
from pix2pix.files.images import read_image
from pix2pix.pairs.stitched import read_pairs
from stages.prepare import prepare
from tests.support.image_cases import SEED, make

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's of metadata, as the door of the verbs does

NAMES = [
    "a b",
    " a",
    "a ",
    "a,b",
    'a"b',
    "'a'",
    "-rf",
    "--out",
    "..a",
    "a..b",
    "NA",
    "null",
    "001",
    "1e5",
    "con",
    "nul",
]
NAMES += [
    "ünï",
    "u\u0308",
    "图",
    "🚗",
    "a\u00a0b",
    "a\u202fb",
    "A",
    "a",
    "$HOME",
    "`x`",
    "%41",
    "a;b",
    "a|b",
    "a:b",
    "a*b",
    "#",
]
NAMES += ["=1+1", "x" * 240, "true", "1.0", "\\", "a\\nb"]


def test_names_of_all_kinds_keep_their_pairs(tmp_path: Path) -> None:
    """Through pairs.csv and back; each id with its own picture, also where names differ in case alone."""
    rng, shown = np.random.default_rng(SEED), {}
    names = [name for name in NAMES if not name.startswith(".")]
    (tmp_path / "raw/train").mkdir(parents=True)
    for name in names:
        content, shown[name], _ = make("PNG", rng, 4, 8)
        (tmp_path / f"raw/train/{name}.png").write_bytes(content)
    prepare(layout=StitchedLayout(layout="stitched"), raw=tmp_path / "raw", out=tmp_path / "pairs")
    pairs = read_pairs(tmp_path / "pairs", "train")
    assert {pair.id for pair in pairs} == {*names}
    for pair in pairs:
        np.testing.assert_array_equal(read_image(pair.path), shown[pair.id])
