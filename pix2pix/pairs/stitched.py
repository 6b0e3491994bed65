"""Prepared pairs: `<root>/<split>/<id>.<suffix>`, each an image A|B side by side, and `<root>/pairs.csv`.

pairs.csv has one row a pair: id (unique within its split), split, group (images that must stay in one split: a car, or
the id itself), width and height of one side in pixels, source (the raw file, or two joined by " + "), sha256 (of that
file's bytes, or of the two files' bytes one after the other).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pix2pix.files.checked import read_table
from pix2pix.files.image_listing import list_images, natural_key
from pix2pix.files.images import Uint8, read_image, resize
from pix2pix.pairs.palettes import decode, palette

COLUMNS = ["id", "split", "group", "width", "height", "source", "sha256"]
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Pair:
    id: str
    split: str
    group: str
    path: Path


@dataclass(frozen=True)
class Row:
    """One row of pairs.csv; the fields are its columns."""

    id: str
    split: str
    group: str
    width: int
    height: int
    source: str
    sha256: str


def stitch(a: Uint8, b: Uint8) -> Uint8:
    """A (H, W, 3) and B (H, W, 3) side by side: (H, 2W, 3)."""
    return np.concatenate([a, b], axis=1)


def split_sides(stitched: Uint8) -> tuple[Uint8, Uint8]:
    """(H, 2W, 3) -> A (H, W, 3), B (H, W, 3). Raises ValueError when the width is odd."""
    width = stitched.shape[1]
    if width % 2:
        raise ValueError(f"a stitched A|B image must have an even width, not {width}")
    return stitched[:, : width // 2], stitched[:, width // 2 :]


def write_table(root: Path, rows: Iterable[Row]) -> None:
    """Write `<root>/pairs.csv`, ordered by split and natural order of id.

    Raises:
        ValueError: an id stands twice in a split, or the same raw bytes lie in two splits (a model would be scored on
            what it was trained on); names both sources.
    """
    ordered = sorted(rows, key=lambda row: (SPLITS.index(row.split), natural_key(Path(row.id))))
    by_id: dict[tuple[str, str], Row] = {}
    by_content: dict[str, Row] = {}
    for row in ordered:
        if (other := by_id.setdefault((row.split, row.id), row)) is not row:
            raise ValueError(f"{other.source} and {row.source}: two pairs with the id '{row.id}' in {row.split}")
        if (other := by_content.setdefault(row.sha256, row)).split != row.split:
            raise ValueError(f"{other.source} and {row.source}: the same bytes in {other.split} and {row.split}")
    pd.DataFrame([asdict(row) for row in ordered], columns=COLUMNS).to_csv(root / "pairs.csv", index=False)


def read_pairs(root: Path, split: str) -> list[Pair]:
    """The pairs of one split, in the order of pairs.csv.

    Raises:
        FileNotFoundError: no pairs.csv there.
        ValueError: pairs.csv is broken, it and the folder do not name the same images once each, or the split is empty.
    """
    if not (root / "pairs.csv").is_file():
        raise FileNotFoundError(f"{root}/pairs.csv: not prepared yet; run `python -m stages.prepare {root.name}` first")
    table = read_table(root / "pairs.csv", words=COLUMNS)
    rows = table[table["split"] == split]
    paths = list_images(root / split) if (root / split).is_dir() else []
    files = {path.stem: path for path in paths}
    for stems in (rows["id"].tolist(), [path.stem for path in paths]):
        if twice := sorted(id for id, count in Counter(stems).items() if count > 1):
            raise ValueError(f"{root}/{split}: '{twice[0]}' stands twice ({len(twice)} such); prepare again")
    if odd := sorted(set(rows["id"]) ^ set(files)):
        raise ValueError(f"{root}/{split}: '{odd[0]}' is only in one of pairs.csv and the folder ({len(odd)} such)")
    if rows.empty:
        raise ValueError(f"{root}: no pairs in split '{split}'")
    return [Pair(id, split, group, files[id]) for id, group in zip(rows["id"], rows["group"], strict=True)]


def read_sides(pair: Pair, *, direction: str, size: int, labels: str | None = None) -> tuple[Uint8, Uint8]:
    """Source and target of a pair, each uint8 (size, size, 3); `direction` is AtoB or BtoA.

    With `labels`, a palette, side B is a label map in exactly its colours, resized without blending classes.
    """
    whole = split_sides(read_image(pair.path))
    a, b = (resize(side, width=size, height=size) for side in whole)
    if labels:
        b = palette(labels)[_classes(whole[1], labels, size=size)]
    return (a, b) if direction == "AtoB" else (b, a)


def read_classes(pair: Pair, labels: str, *, size: int) -> Uint8:
    """The class map (size, size) of side B in palette `labels`, resized without blending."""
    return _classes(split_sides(read_image(pair.path))[1], labels, size=size)


def _classes(label: Uint8, labels: str, *, size: int) -> Uint8:
    resized = cv2.resize(label, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)  # as good before as after decoding
    return decode(np.asarray(resized, np.uint8), labels)
