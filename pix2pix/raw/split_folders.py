"""Trees of raw files: which path is an image of which split, what a limit keeps, how many images there are.

Paths are relative to a raw folder. An image of a split lies below `train`, `val` or `test`, or below such a name with
an ending: `trainA`, `trainB`, `train_masks`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from pix2pix.config.fields import Split
from pix2pix.files.image_listing import is_image, natural_key

SPLIT_FOLDER = re.compile(r"(train|val|test)(A|B|_masks)?")


def without_top_folder(members: Iterable[str]) -> dict[str, Path]:
    """Member of an archive -> path in raw: without a top folder, where that only wraps the split folders."""
    paths = {member: Path(member) for member in members}
    tops = {path.parts[0] for path in paths.values()}
    inner = {path.parts[1] for path in paths.values() if len(path.parts) > 2}
    if len(tops) == 1 and not any(map(SPLIT_FOLDER.fullmatch, tops)) and any(map(SPLIT_FOLDER.fullmatch, inner)):
        return {member: Path(*path.parts[1:]) for member, path in paths.items() if len(path.parts) > 1}
    return paths


def within_limit(paths: Iterable[Path], limit: Mapping[Split, int]) -> set[Path]:
    """All paths, but of the images of a limited split only the first by number, in each of its folders."""
    kept, taken = set(), Counter[Path]()
    for path in sorted(paths, key=natural_key):
        split = split_of(path)
        if split is not None and split in limit and is_image(path):
            taken[path.parent] += 1
            if taken[path.parent] > limit[split]:
                continue
        kept.add(path)
    return kept


def split_of(path: Path) -> Split | None:
    """The split of a path in raw: `train` for train/..., trainA/... and train_masks/...; None outside of any."""
    found = SPLIT_FOLDER.fullmatch(path.parts[0]) if len(path.parts) > 1 else None
    return cast(Split, found[1]) if found else None


def count_images(folder: Path) -> Counter[str]:
    """Images by folder, as `train` or `train/A`."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return Counter(file.parent.as_posix() for file in files if is_image(file))
