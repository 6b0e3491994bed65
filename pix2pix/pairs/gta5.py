"""Playing for Data (GTA5, Richter et al. 2016): frames of a game, `images/NNNNN.png`, and `labels/NNNNN.png`.

Frames with consecutive numbers look alike, so blocks of them are held out, never single frames.
"""

import re
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np

from pix2pix.files.images import Uint8, open_image, read_image
from pix2pix.pairs.held_out import held_out_groups
from pix2pix.pairs.raw_pairs import RawPair, files_by_id, match_files

FRAME_NAME = re.compile(r"([0-9]{5})\.png")
MAX_COLOURS = 256  # of a label; one of GTA5 has about 30
PACKED = np.array([1, 2**8, 2**16])  # RGB -> one number


def find_frames(root: Path, *, block: int, gap: int, hold_out: int, seed: int) -> tuple[list[RawPair], int]:
    """Every frame below `root` with its label, by number, and how many `split_frames` left out; a group is a block.

    Raises:
        ValueError: an image without label, a label without image, a file of another name, or a split without frames.
        FileNotFoundError: a folder is missing or empty.
    """
    images, labels = (files_by_id(root / kind, name=FRAME_NAME, form="NNNNN.png") for kind in ("images", "labels"))
    files = match_files(images, labels)
    splits = split_frames(list(map(int, files)), block=block, gap=gap, hold_out=hold_out, seed=seed)
    frames = [
        RawPair(id, splits[int(id)], block_of(int(id), block=block), both)
        for id, both in files.items()
        if int(id) in splits
    ]
    return frames, len(files) - len(frames)


def block_of(number: int, *, block: int) -> str:
    """The block of a frame: blocks are `block` consecutive numbers, the first from 1 on."""
    return str((number - 1) // block)


def split_frames(numbers: Collection[int], *, block: int, gap: int, hold_out: int, seed: int) -> dict[int, str]:
    """The split of each frame; some are in none.

    `hold_out` blocks are val (`held_out_groups`). Frames of val whose number is at most `gap` from that of a frame of
    train are left out: all pairs of frames across the splits are more than `gap` numbers apart.

    Raises:
        ValueError: there would be no block left to train on, or no frame of val left.
    """
    blocks = {number: block_of(number, block=block) for number in numbers}
    held_out = held_out_groups(blocks.values(), hold_out=hold_out, seed=seed, kind=f"blocks of {block} frames")
    train = {number for number in numbers if blocks[number] not in held_out}
    val = {number for number in numbers if train.isdisjoint(range(number - gap, number + gap + 1))}
    if not val:
        raise ValueError(f"gap is {gap}: no frame of val is that far from train; blocks have {block} frames")
    return dict.fromkeys(train, "train") | dict.fromkeys(val, "val")


def resize_frame(image: Path, label: Path, *, size: int) -> tuple[Uint8, Uint8]:
    """The image, averaged down, and the label, its colours never blended; each squeezed to (size, size, 3).

    Raises:
        ValueError: a file is unreadable, the two differ in size, or the label has grey levels (class numbers) or more
            colours than there are classes; names the file.
    """
    photo, colours = read_image(image), read_image(label)
    if photo.shape != colours.shape:
        sizes = [f"{side.shape[1]} x {side.shape[0]}" for side in (colours, photo)]
        raise ValueError(f"{label}: is {sizes[0]} pixels, but its photo {image} {sizes[1]}")
    with open_image(label) as header:
        mode = header.mode
    if mode not in ("P", "RGB", "RGBA"):
        raise ValueError(f"{label}: holds grey levels ({mode}), not the colours of classes")
    small = np.asarray(cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    nearest = np.asarray(cv2.resize(colours, (size, size), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    if (count := len(np.unique(nearest.reshape(-1, 3) @ PACKED))) > MAX_COLOURS:
        raise ValueError(f"{label}: at least {count} colours, at most {MAX_COLOURS} in a label; is it the photo?")
    return small, nearest
