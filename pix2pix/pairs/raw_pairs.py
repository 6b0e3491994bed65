"""Raw files by folder: listed in natural order, matched by id. A file that does not belong there is an error.

Files whose names start with a dot are passed over.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pix2pix.config.layouts import SidePatterns
from pix2pix.files.image_listing import SUFFIXES, check_name, is_image, is_junk, list_files, natural_key
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


@dataclass(frozen=True)
class RawPair:
    """The raw files of one pair: a stitched image or a photo, or one file for each side."""

    id: str
    split: str
    group: str  # images of one group must stay in one split
    files: tuple[Path, ...]


def find_images(root: Path) -> list[RawPair]:
    """Every `<split>/<id>.<suffix>` below `root`, or `<id>.<suffix>` of train where there are no folders of splits.

    Raises:
        ValueError: a file that is not an image, two images with one id, or a folder that is not a split; names it.
        FileNotFoundError: a folder is missing or empty.
    """
    if any(is_image(path) for path in _visible(root)) and not any((root / split).exists() for split in SPLITS):
        return [RawPair(id, "train", id, (path,)) for id, path in _images_by_id(root).items()]
    _refuse_other_folders(root, set(SPLITS))
    splits = [split for split in SPLITS if split == "train" or (root / split).is_dir()]
    return [RawPair(id, split, id, (path,)) for split in splits for id, path in _images_by_id(root / split).items()]


def find_sides(root: Path, pair_by: SidePatterns | None = None) -> list[RawPair]:
    """Every pair of images with the same id in the two folders of a split; train must be there.

    A split's folders are `<split>/A` and `<split>/B`, or `<split>A` and `<split>B`; where there are none of any split,
    `A` and `B` are those of train. With `pair_by` they are what the patterns say.

    Raises:
        ValueError: an image without a partner, a file that is not an image, two images with one id, a split in both of
            these places, or any other folder; names it.
        FileNotFoundError: a folder is missing or empty.
    """
    if pair_by:
        return _sides_by_pattern(root, pair_by)
    if {path.name for path in _visible(root)} == {"A", "B"}:
        return _sides_by_pattern(root, SidePatterns(A="A/{id}", B="B/{id}"))
    _refuse_other_folders(root, {*SPLITS, *(f"{split}{side}" for split in SPLITS for side in "AB")})
    pairs = []
    for split in SPLITS:
        places = [(root / split / "A", root / split / "B"), (root / f"{split}A", root / f"{split}B")]
        if (root / split).is_dir():
            _refuse_other_folders(root / split, {"A", "B"})
        used = [place for place in places if any(folder.is_dir() for folder in place)]
        if len(used) > 1:
            raise ValueError(f"{used[0][0]} and {used[1][0]}: the images of one split in two places")
        if not used and split == "train":
            raise FileNotFoundError(f"{places[0][0]}: no such folder, nor {places[1][0]}")
        for folder_a, folder_b in used:
            matched = match_files(_images_by_id(folder_a), _images_by_id(folder_b))
            pairs += [RawPair(id, split, id, files) for id, files in matched.items()]
    return pairs


def _sides_by_pattern(root: Path, pair_by: SidePatterns) -> list[RawPair]:
    """As `find_sides`. A file that both patterns fit is of the one that says more."""
    patterns = sorted(pair_by.model_dump().items(), key=lambda item: (-len(item[1]), item[0]))
    said = f"pair_by: A: {pair_by.A}, B: {pair_by.B}"
    found: dict[tuple[str, str], dict[str, Path]] = {(split, side): {} for split in SPLITS for side in "AB"}
    for path in list_files(root):
        place = unicodedata.normalize("NFC", path.relative_to(root).with_suffix("").as_posix())
        fits = [(side, match) for side, pattern in patterns if (match := expression(pattern).fullmatch(place))]
        if not fits or not is_image(path):
            raise ValueError(f"{path}: neither an image of side A nor of side B ({said})")
        side, match = fits[0]
        split = SPLIT_WORDS[match.groupdict().get("split", "train").lower()]
        if (other := found[split, side].setdefault(match["id"], path)) is not path:
            raise ValueError(f"{other} and {path}: two images with the id '{match['id']}'")
    pairs = []
    for split in SPLITS:
        first, second = found[split, "A"], found[split, "B"]
        if bool(first) != bool(second) or (split == "train" and not first):
            raise FileNotFoundError(f"{root}: no image of side {'B' if first else 'A'} of {split} ({said})")
        pairs += [RawPair(id, split, id, files) for id, files in match_files(first, second).items()]
    return pairs


def expression(pattern: str) -> re.Pattern[str]:
    """A pattern of `pair_by` as a regular expression with groups `id` and, where it has one, `split`."""
    text = re.escape(unicodedata.normalize("NFC", pattern))
    splits = f"(?P<split>(?i:{'|'.join(SPLIT_WORDS)}))"
    return re.compile(text.replace(r"\{id\}", "(?P<id>[^/]+)").replace(r"\{split\}", splits))


def files_by_id(folder: Path, *, name: re.Pattern[str], form: str) -> dict[str, Path]:
    """Every file of `folder`, in natural order, by group 1 of the pattern `name`.

    Raises:
        ValueError: a file whose name does not match; `form` describes the pattern to a person.
        FileNotFoundError: the folder is missing or empty.
    """
    found = {}
    for path in _visible(folder):
        if not (match := name.fullmatch(path.name)):
            raise ValueError(f"{path}: only files named {form} belong here")
        found[unicodedata.normalize("NFC", match[1])] = path
    if not found:
        raise FileNotFoundError(f"{folder}: no files {form}")
    return found


def match_files(first: Mapping[str, Path], second: Mapping[str, Path]) -> dict[str, tuple[Path, Path]]:
    """Both files of each id, in the order of `first`. Raises ValueError where one is missing; names the other."""
    for id in sorted(first.keys() ^ second.keys()):
        path, others = (first[id], second) if id in first else (second[id], first)
        raise ValueError(f"{path}: has no partner '{id}' in {next(iter(others.values())).parent}")
    return {id: (path, second[id]) for id, path in first.items()}


def _images_by_id(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in _visible(folder):
        if not is_image(path) or not path.is_file():
            raise ValueError(f"{path}: not an image file ({', '.join(SUFFIXES)})")
        id = unicodedata.normalize("NFC", path.stem)  # é is one letter, or e and an accent
        if (other := found.setdefault(id, path)) is not path:
            raise ValueError(f"{other} and {path}: two images with the id '{id}'")
    if not found:
        raise FileNotFoundError(f"{folder}: no images")
    return found


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    paths = sorted((path for path in folder.iterdir() if not is_junk(Path(path.name))), key=natural_key)
    for path in paths:
        check_name(path)
    return paths


def _refuse_other_folders(root: Path, known: set[str]) -> None:
    for path in _visible(root):
        if path.is_file() and is_image(path):
            raise ValueError(f"{path}: an image outside of the folders of this layout ({', '.join(sorted(known))})")
        if path.is_dir() and path.name not in known:
            raise ValueError(f"{path}: not a folder that this layout knows ({', '.join(sorted(known))})")
