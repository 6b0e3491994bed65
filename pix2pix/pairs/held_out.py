"""Which groups are held out of training: whole cars or blocks of frames, never single images of one."""

import hashlib
from collections.abc import Iterable


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
