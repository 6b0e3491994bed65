"""Which files are images, and in which order they come: by number, not by letter."""

from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def list_images(folder: Path) -> list[Path]:
    """Image files directly in `folder`, sorted by number where names hold numbers (2.jpg before 10.jpg)."""
    return sorted((p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()), key=natural_key)


def natural_key(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Sort key of a file name in which runs of digits count as numbers."""
    parts: list[tuple[int, int | str]] = []
    digits = ""
    for character in path.name + "\0":
        if character.isascii() and character.isdigit():
            digits += character
            continue
        if digits:
            parts.append((0, int(digits)))
            digits = ""
        parts.append((1, character))
    return parts, path.name
