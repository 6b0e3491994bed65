"""A contact sheet of a prepared data set: what training will see, pairs A|B evenly spaced over a split.

python -m tools.preview facades --split val --count 24
"""

import argparse
from pathlib import Path

import numpy as np

from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.image_grid import side_by_side
from pix2pix.files.images import Uint8, read_image, resize, write_png
from pix2pix.pairs.stitched import SPLITS, Pair, read_pairs

HEIGHT = 128  # pixels of a pair on the sheet
COLUMNS = 4


def preview(dataset: str, *, split: str, count: int, out: Path) -> int:
    """Write the sheet to `out`, each pair under its id and, where that is another, its group; how many pairs it shows.

    Raises:
        ValueError, FileNotFoundError: not prepared, an empty split, or `count` is not positive.
    """
    if count < 1:
        raise ValueError(f"--count {count}: at least 1 pair")
    pairs = read_pairs(Path("data/pairs", dataset), split)
    chosen = np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int)
    sheet = side_by_side([(_title(pairs[i]), _shrunk(pairs[i])) for i in chosen], columns=COLUMNS)
    with whole_file(out) as partial:
        write_png(partial, sheet)
    return len(chosen)


def _title(pair: Pair) -> str:
    return pair.id if pair.group == pair.id else f"{pair.id} ({pair.group})"


def _shrunk(pair: Pair) -> Uint8:
    image = read_image(pair.path)
    return resize(image, width=max(1, round(image.shape[1] * HEIGHT / image.shape[0])), height=HEIGHT)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of a prepared data set.")
    parser.add_argument("dataset")
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--count", type=int, default=24, help="pairs to show (default: 24)")
    parser.add_argument("--out", type=Path, help="default: scratch/previews/<dataset>_<split>.png")
    given = parser.parse_args()
    out = given.out or Path("scratch/previews", f"{given.dataset}_{given.split}.png")
    read_configuration().dataset(given.dataset)  # a misspelt name is told at once
    shown = preview(given.dataset, split=given.split, count=given.count, out=out)
    print(f"{out}: {shown} pairs, A | B")


if __name__ == "__main__":
    run(main)
