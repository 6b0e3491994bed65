"""Which files are images, and in which order they are listed: numbers in names count as numbers."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

HEIC = (".heic", ".heif") if find_spec("pillow_heif") else ()  # of telephones, by an optional package
HEIC_HINT = "; for photos in HEIC: pip install pillow-heif, or save them as JPEG"
SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", *HEIC)
JUNK = {"__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "#recycle"}  # of file managers
JUNK |= {"$recycle.bin", "system volume information", "lost+found"}  # at the top of a disk

MAX_NAME = 230  # bytes of a file's name; file systems have 255, and results add a few


def list_images(folder: Path) -> list[Path]:
    """Image files directly in `folder`, in natural order (2.jpg before 10.jpg)."""
    found = (path for path in folder.iterdir() if is_image(path) and not is_junk(Path(path.name)) and path.is_file())
    return sorted(found, key=natural_key)


def list_files(folder: Path, *, above: Sequence[Path] | None = None) -> Iterator[Path]:
    """Every file below `folder`, or the file, in natural order, also behind links; without what file managers leave.

    Raises:
        FileNotFoundError: a link leads nowhere; names it.
        PermissionError: a folder may not be read.
        ValueError: a link leads to a folder that it lies in, a folder has the name of an image, or a name cannot be
            passed on (`check_name`).
    """
    here = folder.resolve()
    above = above if above is not None else here.parents
    if here in above:
        raise ValueError(f"{folder}: a link in a circle; it leads to a folder that it lies in")
    for path in sorted(folder.iterdir(), key=natural_key) if folder.is_dir() else [folder]:
        if path != folder and is_junk(Path(path.name)):
            continue
        check_name(path)
        if path.is_dir():
            if is_image(path):
                raise ValueError(f"{path}: a folder with the name of an image")
            yield from list_files(path, above=(*above, here))
        elif not path.exists():
            raise FileNotFoundError(
                f"{path}: a link that leads nowhere ({path.readlink()}); bring the file, as by pull"
            )
        else:
            yield path


def is_image(path: Path) -> bool:
    """Whether a name says that the file is an image."""
    return path.suffix.lower() in SUFFIXES


def is_junk(path: PurePosixPath | Path) -> bool:
    """Whether a relative path is something that an operating system leaves beside a person's files."""
    return any(part.startswith(".") or part.lower() in JUNK for part in path.parts)


def print_not_read(paths: Iterable[Path]) -> None:
    """Count files that are no images, if any, by suffix in one line: `3 files not read: 2 .heic, 1 .txt`."""
    counts = Counter(path.suffix.lower() or path.name for path in paths)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    hint = HEIC_HINT if counts[".heic"] or counts[".heif"] else ""
    if counts:
        print(f"{counts.total()} files not read: {kinds}{hint}")


def check_name(path: Path) -> None:
    """Raise ValueError for a name with control characters, that is not UTF-8, or that is too long for its results."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path.name):
        raise ValueError(f"{str(path.parent)!r}: {path.name!r} has control characters or is not UTF-8; rename it")
    if len(os.fsencode(path.name)) > MAX_NAME:
        raise ValueError(f"{path}: the name has {len(os.fsencode(path.name))} bytes, at most {MAX_NAME}; rename it")


def natural_key(path: Path) -> tuple[list[int | str], str]:
    """Sort key of a file name in which runs of digits count as numbers; a number sorts before any other character."""
    parts = re.split("([0-9]+)", path.name + "\0")  # text, number, text, ...; the end sorts after a number, too
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], path.name
