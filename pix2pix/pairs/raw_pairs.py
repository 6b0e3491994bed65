"""Raw files by where they lie: listed in natural order, matched by id. A file that does not belong there is an error.

What file managers leave beside a person's files is passed over.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pix2pix.config.layouts import SidePatterns
from pix2pix.files.image_listing import is_image, list_files
from pix2pix.pairs.stitched import SPLITS

SPLIT_WORDS = {  # what people call the folders
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
# Where images may lie, without their endings; of train alone, where no folder of a split is there
ONE_FILE = {"": ["{split}/{id}", "{id}"]}
SIDE_A = ["{split}/A/{id}", "{split}A/{id}", "{split}_A/{id}", "A/{split}/{id}", "A/{id}"]
TWO_FILES = {"A": SIDE_A, "B": [pattern.replace("A", "B") for pattern in SIDE_A]}


@dataclass(frozen=True)
class RawPair:
    """The raw files of one pair: a stitched image or a photo, or one file for each side."""

    id: str
    split: str
    group: str  # images of one group must stay in one split
    files: tuple[Path, ...]


def find_images(root: Path) -> list[RawPair]:
    """Every image below `root`, in the places of ONE_FILE; raises as `find_sides`."""
    return _find(root, ONE_FILE)


def find_sides(root: Path, pair_by: SidePatterns | None = None) -> list[RawPair]:
    """Every pair of images with the same id below `root`, in the places of TWO_FILES or of `pair_by`.

    Raises:
        ValueError: an image without a partner, a file that is not an image or lies elsewhere, or two images of one
            place and id; names it.
        FileNotFoundError: no images of train, or of one side of a split.
    """
    return _find(root, {side: [pattern] for side, pattern in pair_by.model_dump().items()} if pair_by else TWO_FILES)


def _find(root: Path, patterns: Mapping[str, Sequence[str]]) -> list[RawPair]:
    """The pairs, each of one file of each side. A file that several patterns fit is of the one that says most."""
    places = {  # é is one letter, or e and an accent
        path: unicodedata.normalize("NFC", path.relative_to(root).with_suffix("").as_posix())
        for path in list_files(root)
    }
    said = sorted((-len(pattern), side, pattern) for side, listed in patterns.items() for pattern in listed)
    known = [(side, expression(pattern)) for _, side, pattern in said]
    of_splits = [(side, one) for side, one in known if "split" in one.groupindex]
    if any(one.fullmatch(place) for place in places.values() for _, one in of_splits):
        known = of_splits
    found: dict[str, dict[str, dict[str, Path]]] = {split: {side: {} for side in patterns} for split in SPLITS}
    for path, place in places.items():
        fits = [(side, match) for side, one in known if (match := one.fullmatch(place))]
        if not fits or not is_image(path):
            looked_in = ", ".join(pattern for listed in patterns.values() for pattern in listed[:2])
            raise ValueError(f"{path}: not an image, or not in its place ({looked_in}, ...; or see pair_by)")
        side, match = fits[0]
        split = SPLIT_WORDS[match.groupdict().get("split", "train").lower()]
        if (other := found[split][side].setdefault(match["id"], path)) is not path:
            raise ValueError(f"{other} and {path}: two images with the id '{match['id']}'")
    pairs = []
    for split, sides in found.items():
        missing = [side for side, files in sides.items() if not files]
        if missing and (split == "train" or len(missing) < len(sides)):
            raise FileNotFoundError(f"{root}: no images of {split} {missing[0]}".rstrip())
        pairs += [RawPair(id, split, id, files) for id, files in match_files(*sides.values()).items()]
    return pairs


def expression(pattern: str) -> re.Pattern[str]:
    """A pattern of `pair_by` as a regular expression with groups `id` and, where it has one, `split`."""
    text = re.escape(unicodedata.normalize("NFC", pattern))
    splits = f"(?P<split>(?i:{'|'.join(SPLIT_WORDS)}))"
    return re.compile(text.replace(r"\{id\}", "(?P<id>[^/]+)").replace(r"\{split\}", splits))


def files_by_id(folder: Path, *, name: re.Pattern[str], form: str) -> dict[str, Path]:
    """Every file of `folder`, in natural order, by group 1 of the pattern `name`.

    Raises:
        ValueError: a file whose name does not match, where `form` describes the pattern to a person; or two of one id.
        FileNotFoundError: the folder is missing or empty.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found: dict[str, Path] = {}
    for path in list_files(folder):
        if not (match := name.fullmatch(path.name)) or path.parent != folder:
            raise ValueError(f"{path}: only files named {form} belong here")
        id = unicodedata.normalize("NFC", match[1])
        if (other := found.setdefault(id, path)) is not path:
            raise ValueError(f"{other} and {path}: two files with the id '{id}'")
    if not found:
        raise FileNotFoundError(f"{folder}: no files {form}")
    return found


def match_files(*sides: Mapping[str, Path]) -> dict[str, tuple[Path, ...]]:
    """The files of each id, in the order of the first side. Raises ValueError where one is missing; names another."""
    first, second = sides[0], sides[-1]
    for id in sorted(first.keys() ^ second.keys()):
        path, others = (first[id], second) if id in first else (second[id], first)
        raise ValueError(f"{path}: has no partner '{id}' in {next(iter(others.values())).parent}")
    return {id: tuple(side[id] for side in sides) for id in first}
