"""Raw pairs as archives and people lay them out: images by split (stitched A|B, or plain photos), or two
folders A and B of equal names.

Nothing is passed over but names that start with a dot: what does not fit is an error that names it.
"""

from pathlib import Path

from pix2pix.files.image_listing import SUFFIXES, natural_key
from pix2pix.pairs.stitched import SPLITS


def find_images(root: Path) -> list[tuple[str, Path]]:
    """(split, image) of every `<split>/<id>.<suffix>` below `root`, in natural order; train must be there.

    Raises:
        ValueError: a file that is no image, two images of one id, or a folder that is no split; names it.
        FileNotFoundError: a folder is missing or empty.
    """
    _refuse_folders_except(root, set(SPLITS))
    splits = [split for split in SPLITS if split == "train" or (root / split).is_dir()]
    return [(split, path) for split in splits for path in _images_by_id(root / split).values()]


def find_sides(root: Path) -> list[tuple[str, Path, Path]]:
    """(split, A, B) of every pair of images with one id in two folders, in natural order; train must be there.

    A split's folders are `<split>/A` and `<split>/B`, or `<split>A` and `<split>B`.

    Raises:
        ValueError: an image without partner, a file that is no image, two images of one id, a split in two of these
            places, or a folder that is none of them; names it.
        FileNotFoundError: a folder is missing or empty.
    """
    _refuse_folders_except(root, {*SPLITS, *(f"{split}{side}" for split in SPLITS for side in "AB")})
    pairs = []
    for split in SPLITS:
        places = [
            (root / split / "A", root / split / "B"),
            (root / f"{split}A", root / f"{split}B"),
        ]
        used = [place for place in places if any(folder.is_dir() for folder in place)]
        if len(used) > 1:
            raise ValueError(f"{used[0][0]} and {used[1][0]}: the images of one split in two places")
        if not used and split == "train":
            raise FileNotFoundError(f"{places[0][0]}: no such folder, nor {places[1][0]}")
        for folder_a, folder_b in used:
            a, b = _images_by_id(folder_a), _images_by_id(folder_b)
            for id in sorted(a.keys() ^ b.keys()):
                path, other = (a[id], folder_b) if id in a else (b[id], folder_a)
                raise ValueError(f"{path}: has no partner of that name in {other}")
            pairs += [(split, path, b[id]) for id, path in a.items()]
    return pairs


def _images_by_id(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found: dict[str, Path] = {}
    for path in sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=natural_key):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            raise ValueError(f"{path}: not an image file ({', '.join(SUFFIXES)})")
        if (other := found.setdefault(path.stem, path)) is not path:
            raise ValueError(f"{other} and {path}: two images with the id '{path.stem}'")
    if not found:
        raise FileNotFoundError(f"{folder}: no images")
    return found


def _refuse_folders_except(root: Path, known: set[str]) -> None:
    for path in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if path.name not in known:
            raise ValueError(f"{path}: not a folder that this layout knows ({', '.join(sorted(known))})")
