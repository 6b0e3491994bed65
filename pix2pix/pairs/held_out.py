"""Which images are held out: cars, blocks of frames or pairs by hash, cars by name, images by number."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pix2pix.config.layouts import NumberRange
from pix2pix.pairs.raw_pairs import RawPair


def held_out_groups(groups: Iterable[str], *, hold_out: int, seed: int, kind: str) -> set[str]:
    """The `hold_out` groups with the smallest sha256 of "<seed>:<group>".

    Adding m groups moves at most m of them from the held-out ones to the training set, and none the other way.

    Args:
        kind: what the groups are, in the plural, for the error.

    Raises:
        ValueError: no group would be left to train on.
    """
    ranked = sorted(set(groups), key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).hexdigest())
    if hold_out >= len(ranked):
        raise ValueError(f"hold_out is {hold_out}, but there are only {len(ranked)} {kind}")
    return set(ranked[:hold_out])


def held_out_pairs(pairs: Sequence[RawPair], *, hold_out: int, seed: int) -> list[RawPair]:
    """The same pairs, of which `hold_out` of train are val (`held_out_groups`).

    Raises:
        ValueError: there is a val already, or no pair would be left to train on.
    """
    if any(pair.split == "val" for pair in pairs):
        raise ValueError("hold_out: the data have a val of their own; leave hold_out and seed out")
    groups = [pair.group for pair in pairs if pair.split == "train"]
    chosen = held_out_groups(groups, hold_out=hold_out, seed=seed, kind="pairs")
    return [replace(pair, split="val") if pair.split == "train" and pair.group in chosen else pair for pair in pairs]


def listed_groups(groups: Iterable[str], *, listed: Mapping[str, Sequence[str]], kind: str) -> dict[str, str]:
    """Group -> split, of the groups that `listed` (split -> groups) holds out.

    Raises:
        ValueError: a listed group is not there, or no group would be left to train on.
    """
    there = set(groups)
    splits = {group: split for split, members in listed.items() for group in members}
    for group, split in splits.items():
        if group not in there:
            raise ValueError(f"hold_out.{split} lists {group}, which is not among the {len(there)} {kind}")
    if len(splits) == len(there):
        raise ValueError(f"hold_out lists all {len(there)} {kind}; none is left to train on")
    return splits


def numbered_splits(pairs: Sequence[RawPair], ranges: Mapping[Literal["val", "test"], NumberRange]) -> list[RawPair]:
    """The same pairs, of which those in `ranges` (new split -> images of a split of the archive) change their split.

    Raises:
        ValueError: the archive has images of the new split, a number is missing or there twice, or no image would be
            left where they are taken from.
    """
    taken: dict[tuple[str, int], str] = {}
    counts = Counter((pair.split, number_of(pair.id)) for pair in pairs)
    for split, rule in ranges.items():
        if any(pair.split == split for pair in pairs):
            raise ValueError(f"splits.{split}: the archive has a split {split} of its own")
        for number in range(rule.first, rule.last + 1):
            if (count := counts[rule.of, number]) != 1:
                found = f"{count} images of {rule.of} have the number {number}, not one"
                raise ValueError(f"splits.{split}: {found} ({rule.first} to {rule.last} are asked for)")
            taken[rule.of, number] = split
    moved = [replace(pair, split=taken.get((pair.split, number_of(pair.id)), pair.split)) for pair in pairs]
    for emptied in sorted({pair.split for pair in pairs} - {pair.split for pair in moved}):
        raise ValueError(f"splits: no image is left in {emptied}")
    return moved


def number_of(id: str) -> int:
    """The first number in an id; -1 where there is none."""
    found = re.search("[0-9]+", id)
    return int(found[0]) if found else -1
