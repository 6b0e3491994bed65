"""Frames of a game, as Playing for Data (GTA5, Richter et al. 2016) has them: `images/NNNNN.png`, `labels/NNNNN.png`.

Frames with consecutive numbers look alike, so that blocks of them are held out, never single frames (law 2).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pix2pix.files.images import Uint8, open_image, read_image

MAX_COLOURS = 256  # of a label; one of GTA5 has about 30
PACKED = np.array([1, 2**8, 2**16])  # RGB -> one number


@dataclass(frozen=True)
class Frame:
    id: str  # NNNNN
    image: Path
    label: Path

    @property
    def number(self) -> int:
        return int(self.id)


def find_frames(root: Path) -> list[Frame]:
    """Every frame below `root` with its label, by number.

    Raises:
        ValueError: an image without label, a label without image, or a file of another name; names the file.
        FileNotFoundError: a folder is missing or holds no frame.
    """
    images, labels = _by_number(root / "images"), _by_number(root / "labels")
    for number in sorted(images.keys() - labels.keys()):
        raise ValueError(f"{images[number]}: has no label in {root}/labels")
    for number in sorted(labels.keys() - images.keys()):
        raise ValueError(f"{labels[number]}: has no image in {root}/images")
    return [Frame(path.stem, path, labels[number]) for number, path in images.items()]


def _by_number(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found: dict[int, Path] = {}
    for path in sorted(p for p in folder.iterdir() if not p.name.startswith(".")):
        if path.suffix != ".png" or len(path.stem) != 5 or not (path.stem.isascii() and path.stem.isdecimal()):
            raise ValueError(f"{path}: only files named NNNNN.png, five digits, belong here")
        found[int(path.stem)] = path
    if not found:
        raise FileNotFoundError(f"{folder}: no files NNNNN.png")
    return found


def split_frames(
    frames: Sequence[Frame], *, block: int, gap: int, hold_out: int, seed: int
) -> list[tuple[str, str, Frame]]:
    """(split, block, frame) in the order of `frames`; a block is the frames of `block` consecutive numbers.

    The `hold_out` blocks with the smallest sha256 of "<seed>:<block>" are val, so that adding frames moves few. Frames
    of val whose number is at most `gap` from that of a frame of train are left out: every pair across the splits is
    more than `gap` numbers apart.

    Raises:
        ValueError: there would be no block left to train on, or no frame of val left.
    """
    blocks = {frame: str((frame.number - 1) // block) for frame in frames}
    ranked = sorted(set(blocks.values()), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    if hold_out >= len(ranked):
        raise ValueError(f"hold_out is {hold_out}, but there are only {len(ranked)} blocks of {block} frames")
    held_out = set(ranked[:hold_out])
    train = {frame.number for frame in frames if blocks[frame] not in held_out}
    splits = []
    for frame in frames:
        if frame.number in train:
            splits.append(("train", blocks[frame], frame))
        elif train.isdisjoint(range(frame.number - gap, frame.number + gap + 1)):
            splits.append(("val", blocks[frame], frame))
    if len(splits) == len(train):
        raise ValueError(f"gap is {gap}: no frame of val is that far from train; blocks have {block} frames")
    return splits


def squeeze(frame: Frame, *, size: int) -> tuple[Uint8, Uint8]:
    """The photo, averaged down, and the label's colours, never blended; each (size, size, 3), the whole frame squeezed.

    Raises:
        ValueError: a file is unreadable, the two differ in size, or the label has grey levels (class numbers) or more
            colours than there are classes; names the file.
    """
    image, label = read_image(frame.image), read_image(frame.label)
    if image.shape != label.shape:
        sizes = [f"{side.shape[1]} x {side.shape[0]}" for side in (label, image)]
        raise ValueError(f"{frame.label}: is {sizes[0]} pixels, but its photo {frame.image} {sizes[1]}")
    with open_image(frame.label) as header:
        mode = header.mode
    if mode not in ("P", "RGB", "RGBA"):
        raise ValueError(f"{frame.label}: holds grey levels ({mode}), not the colours of classes")
    photo = np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    colours = np.asarray(cv2.resize(label, (size, size), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    if (count := len(np.unique(colours.reshape(-1, 3) @ PACKED))) > MAX_COLOURS:
        raise ValueError(f"{frame.label}: {count} colours and more, at most {MAX_COLOURS} in a label; is it the photo?")
    return photo, colours
