"""Which layout of `prepare` a folder of raw files has, told by the names of its folders and files."""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from pix2pix.config.checks import check
from pix2pix.config.layouts import FoldersLayout, SidePatterns, StitchedLayout
from pix2pix.files.image_listing import list_files
from pix2pix.files.images import open_image
from pix2pix.pairs.raw_pairs import SPLIT_WORDS, RawPair, find_images, find_sides

SPLIT = re.compile(rf"(?<![^/])({'|'.join(SPLIT_WORDS)})(?![a-z])", re.IGNORECASE)
WIDE = 1.5  # an image at least so many times as wide as high is taken for A and B side by side


def find_layout(raw: Path) -> tuple[StitchedLayout | FoldersLayout, list[RawPair]]:
    """The layout of `raw`, and its pairs before any is held out.

    Raises:
        ValueError, FileNotFoundError: no layout, or a file that does not fit into it; says what was seen.
    """
    try:
        return FoldersLayout(layout="folders"), find_sides(raw)
    except (ValueError, FileNotFoundError):
        folders: dict[str, list[str]] = {}  # with {split} for a split -> names of files in them, without endings
        for path in list_files(raw):
            folder = path.parent.relative_to(raw).as_posix().removeprefix(".")
            folders.setdefault(SPLIT.sub("{split}", folder), []).append(path.stem)
    if len(folders) == 1 and _is_wide(next(list_files(raw))):
        return StitchedLayout(layout="stitched"), find_images(raw)
    if patterns := find_patterns(folders):
        return FoldersLayout(layout="folders", pair_by=patterns), find_sides(raw, patterns)
    seen = ", ".join(f"{folder or 'the top'} {len(names)}" for folder, names in sorted(folders.items())[:8])
    raise ValueError(
        f"no pairs found: neither two folders of like names, nor two names a pair in one folder, nor images at least "
        f"{WIDE} times as wide as high; images in {seen}"
    )


def _is_wide(image: Path) -> bool:
    with open_image(image) as opened:
        return opened.width >= WIDE * opened.height


def find_patterns(folders: Mapping[str, Sequence[str]]) -> SidePatterns | None:
    """How the files of both sides are called; side A is the first by name.

    Two folders, one for each side; or one with files of two kinds, as 1_photo and 1_mask; or one for each pair, with
    files of the same two names in each.

    Args:
        folders: folder, with `{split}` for a split -> names of its files, without endings.
    """
    sides = list[str]()
    names = sorted({name for inside in folders.values() for name in inside})
    match sorted(folders):
        case [folder]:
            for expression, pattern in ((r"[ _.-]*[A-Za-z]*$", "{{id}}{}"), (r"^[A-Za-z]*[ _.-]*", "{}{{id}}")):
                words = {found[0] for name in names if (found := re.search(expression, name))}
                if len(words) == 2 and not sides:
                    sides = [f"{folder}/{pattern.format(word)}" for word in sorted(words)]
        case [a, b]:
            before, after = zip(*(_around(folders[folder]) for folder in (a, b)), strict=True)
            before, after = (("", "") if len({*literals}) == 1 else literals for literals in (before, after))
            sides = [f"{folder}/{x}{{id}}{y}" for folder, x, y in zip((a, b), before, after, strict=True)]
        case [first, *_] if len(names) == 2:
            sides = [f"{first.rpartition('/')[0]}/{{id}}/{name}" for name in names]
    patterns = {side: pattern.removeprefix("/") for side, pattern in zip("AB", sides, strict=False)}
    return check("pair_by", SidePatterns, patterns) if patterns else None


def _around(names: Sequence[str]) -> tuple[str, str]:
    """What all names begin with, and what they end with, in whole words and numbers."""
    tokens = [re.findall(r"[A-Za-z]+|\d+|[^A-Za-z\d]+", name) for name in names]
    before = _common(tokens)
    after = _common([parts[: len(before) - len(parts) - 1 : -1] for parts in tokens])  # of what is left, from the end
    return "".join(before), "".join(reversed(after))


def _common(sequences: Sequence[Sequence[str]]) -> list[str]:
    return [column[0] for column in takewhile(lambda column: len({*column}) == 1, zip(*sequences, strict=False))]
