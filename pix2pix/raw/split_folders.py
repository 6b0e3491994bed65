"""Trees of raw files: what lies around them, which path is an image of which split, what a limit keeps, counts.

Paths are relative to a raw folder. An image of a split lies below `train`, `val` or `test`, another word for these, or
such a name with an ending: `trainA`, `train_B`, `train_masks`.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from pix2pix.config.fields import Split
from pix2pix.files.image_listing import is_image, natural_key
from pix2pix.pairs.raw_pairs import SPLIT_WORDS

SPLIT_FOLDER = re.compile(rf"(?i)(?<![^/])({'|'.join(SPLIT_WORDS)})(_?[AB]|_masks)?/")


def without_folders_around(images: Iterable[str]) -> dict[str, Path]:
    """Image of an archive -> its path in raw: below the folder, at any depth, that holds all folders of splits.

    Images outside of that folder are left out. Without folders of splits it is the folder that holds all images.
    """
    images = list(images)
    tops = [image[: found.start()] for image in images if (found := SPLIT_FOLDER.search(image))]
    top = os.path.commonpath(tops or [str(Path(image).parent) for image in images] or [""])
    return {image: Path(image).relative_to(top) for image in images if Path(image).is_relative_to(top)}


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
    found = SPLIT_FOLDER.search(path.as_posix())
    return cast(Split, SPLIT_WORDS[found[1].lower()]) if found else None


def count_images(folder: Path) -> Counter[str]:
    """Images by folder, as `train` or `train/A`."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return Counter(file.parent.as_posix() for file in files if is_image(file))
