"""Prepared pairs: `<root>/<split>/<id>.<suffix>`, each an image A|B side by side, and `<root>/pairs.csv`.

pairs.csv has one row a pair; `PairRecord` describes its columns. Where side A of the training pairs is drawn in several
manners, `<root>/drawings/<id>.png` holds all drawings of a pair side by side, K squares of its height; the first is A.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from pix2pix.files.image_listing import list_images, natural_key
from pix2pix.files.images import Uint8, read_image, resize
from pix2pix.files.json_csv import read_rows, write_rows
from pix2pix.pairs.palettes import check_label_map, decode, palette

SPLITS = ("train", "val", "test")
DRAWINGS = Path("drawings")
HOW_TO_HOLD_OUT = "hold some out by `hold_out: NUMBER` and `seed: 0` under prepare of the data set"


@dataclass(frozen=True)
class PairRecord:
    """One row of pairs.csv; the fields are its columns."""

    id: str  # unique within its split
    split: str
    group: str  # images of one group must stay in one split: a car, a block of frames, or the id itself
    width: int  # of one side, pixels
    height: int
    source: str  # the raw file, or two joined by " + "
    sha256: str  # of the raw file's bytes, or of both files' bytes one after the other


@dataclass(frozen=True)
class Pair:
    """One row of pairs.csv and its image."""

    id: str
    split: str
    group: str
    path: Path
    drawings: Path | None = None  # of a training pair whose side A is drawn in several manners


COLUMNS = [field.name for field in fields(PairRecord)]


def stitch(a: Uint8, b: Uint8) -> Uint8:
    """A (H, W, 3) and B (H, W, 3) side by side: (H, 2W, 3)."""
    return np.concatenate([a, b], axis=1)


def split_sides(stitched: Uint8) -> tuple[Uint8, Uint8]:
    """(H, 2W, 3) -> A (H, W, 3), B (H, W, 3). Raises ValueError when the width is odd."""
    width = stitched.shape[1]
    if width % 2:
        raise ValueError(f"a stitched A|B image must have an even width, not {width}")
    return stitched[:, : width // 2], stitched[:, width // 2 :]


def write_records(root: Path, records: Iterable[PairRecord]) -> None:
    """Write `<root>/pairs.csv`, ordered by split and, in natural order, by id.

    Raises:
        ValueError: an id occurs twice in a split, or the same raw bytes lie in two splits (a model would be scored on
            what it was trained on); names both sources.
    """
    ordered = sorted(records, key=lambda record: (SPLITS.index(record.split), natural_key(Path(record.id))))
    by_id: dict[tuple[str, str], PairRecord] = {}
    by_content: dict[str, PairRecord] = {}
    for record in ordered:
        if (other := by_id.setdefault((record.split, record.id), record)) is not record:
            raise ValueError(
                f"{other.source} and {record.source}: two pairs with the id '{record.id}' in {record.split}"
            )
        if (other := by_content.setdefault(record.sha256, record)).split != record.split:
            raise ValueError(f"{other.source} and {record.source}: the same bytes in {other.split} and {record.split}")
    write_rows(root / "pairs.csv", [asdict(record) for record in ordered])


def read_pairs(root: Path, split: str) -> list[Pair]:
    """The pairs of one split, in the order of pairs.csv.

    Raises:
        FileNotFoundError: no pairs.csv there.
        ValueError: pairs.csv is broken, it and a folder do not hold the same images once each, or the split is empty.
    """
    table = read_rows(root / "pairs.csv", PairRecord, made_by=f"python -m stages.prepare {root.name}")
    records = [record for record in table if record.split == split]
    files = _files_by_id(root / split, records)
    redrawn = split == "train" and (root / DRAWINGS).is_dir()
    drawings = _files_by_id(root / DRAWINGS, records) if redrawn else {}
    if not records:
        hint = f"; {HOW_TO_HOLD_OUT}" if split == "val" else ""
        raise ValueError(f"{root}: no pairs in split '{split}'{hint}")
    return [Pair(record.id, split, record.group, files[record.id], drawings.get(record.id)) for record in records]


def _files_by_id(folder: Path, records: Iterable[PairRecord]) -> dict[str, Path]:
    """The images of `folder`; each record must have one, and each image a record."""
    paths = list_images(folder) if folder.is_dir() else []
    recorded, present = Counter(record.id for record in records), Counter(path.stem for path in paths)
    if wrong := sorted(id for id in recorded | present if (recorded[id], present[id]) != (1, 1)):
        counts = f"{recorded[wrong[0]]} times in pairs.csv and {present[wrong[0]]} times in the folder"
        raise ValueError(f"{folder}: '{wrong[0]}' is {counts}, not once ({len(wrong)} such); prepare again")
    return {path.stem: path for path in paths}


def read_sides(pair: Pair, *, direction: str, size: int, labels: str | None = None) -> tuple[Uint8, Uint8]:
    """Source and target of a pair, each uint8 (size, size, 3); `direction` is AtoB or BtoA.

    With `labels`, a palette, side B is a label map in exactly its colours, resized without blending classes; raises
    ValueError where it is none (`check_label_map`).
    """
    whole = split_sides(read_image(pair.path))
    a, b = (resize(side, width=size, height=size) for side in whole)
    if labels:
        b = palette(labels)[_classes(whole[1], labels, size=size, path=pair.path)]
    return (a, b) if direction == "AtoB" else (b, a)


def read_drawings(pair: Pair, *, size: int) -> Uint8:
    """All drawings of side A, grey (K, size, size); the first equals every channel of A as of `read_sides`.

    K is 1 where A is drawn in one manner only.

    Raises:
        ValueError: the file of drawings is not readable or does not hold whole squares; names it.
    """
    if pair.drawings is None:
        strip = split_sides(read_image(pair.path))[0]
        return resize(strip, width=size, height=size)[None, ..., 0]
    strip = read_image(pair.drawings)
    height, width = strip.shape[:2]
    if width % height:
        raise ValueError(f"{pair.drawings}: {width} x {height} pixels are not whole squares; prepare again")
    drawings = np.split(strip, width // height, axis=1)
    return np.stack([resize(drawing, width=size, height=size)[..., 0] for drawing in drawings])


def read_classes(pair: Pair, labels: str, *, size: int) -> Uint8:
    """The class map (size, size) of side B in palette `labels`, resized without blending; raises as `read_sides`."""
    return _classes(split_sides(read_image(pair.path))[1], labels, size=size, path=pair.path)


def _classes(label: Uint8, labels: str, *, size: int, path: Path) -> Uint8:
    check_label_map(label, labels, path)
    resized = cv2.resize(label, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)  # the same as after decoding
    return decode(np.asarray(resized, np.uint8), labels)
