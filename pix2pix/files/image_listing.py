"""Which files are images, and in which order they are listed: numbers in names count as numbers."""

import re
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def list_images(folder: Path) -> list[Path]:
    """Image files directly in `folder`, in natural order (2.jpg before 10.jpg)."""
    return sorted((p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()), key=natural_key)


def natural_key(path: Path) -> tuple[list[int | str], str]:
    """Sort key of a file name in which runs of digits count as numbers; a number sorts before any other character."""
    parts = re.split("([0-9]+)", path.name + "\0")  # text, number, text, ...; the end sorts after a number, too
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], path.name
