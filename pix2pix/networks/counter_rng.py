"""Counter-based random numbers: a draw is a function of its seed and position alone (docs/design.md, law 1).

Dropout draws by a hash that is evaluated on the device: there is no state, shapes are static, and a CPU and a GPU draw
the same numbers. (An epoch's order and crops are drawn on the host, by NumPy's generator: batches/augmentation.py.)
"""

import hashlib

import torch

_LOW32 = 0xFFFFFFFF


def seed_of(*parts: int | str) -> int:
    """A 32-bit seed from any integers and strings, for example an experiment's seed and an image's id."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big")


def uniform(seeds: torch.Tensor, count: int) -> torch.Tensor:
    """Uniform numbers in [0, 1), float32 (N, count); row n is a function of (seeds[n], position) alone.

    `seeds` is int64 (N,) with values below 2**32. The hash is the 32-bit finaliser of MurmurHash3, of the seed and then
    of both.
    """
    positions = torch.arange(count, device=seeds.device) * 0x9E3779B1 & _LOW32
    hashed = _mix(_mix(seeds + 1)[:, None] ^ positions)
    return (hashed >> 8).float() / (1 << 24)


def _mix(x: torch.Tensor) -> torch.Tensor:
    x = (x ^ (x >> 16)) * 0x85EBCA6B & _LOW32
    x = (x ^ (x >> 13)) * 0xC2B2AE35 & _LOW32
    return x ^ (x >> 16)
