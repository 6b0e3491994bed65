"""The pairs of a split for training: in the device's memory where they fit, else read from disk ahead of their use.

Batches have the same bits either way (law 7), so a run may go on where there is more memory, or less.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from stages.pix2pix.batches import centre_draws, cut_batch
from stages.pix2pix.cores import usable_cores
from stages.pix2pix.images import Uint8
from stages.pix2pix.labels import palette
from stages.pix2pix.pairs import Pair, read_classes, read_pairs, read_sides
from stages.pix2pix.parallel import on_this_machine

AHEAD = 2  # pairs that are being read, or were and wait, for each thread that reads


@dataclass(frozen=True)
class PairFiles:
    """The files of a split's pairs, each side resized to (side, side) as it is read; `labels` as of `load_pairs`."""

    pairs: list[Pair]
    direction: str
    side: int
    labels: str | None
    marks: list[tuple[int, ...]]  # by which a changed file is known
    content: str  # digest of ids and bytes

    def read(self, i: int) -> Uint8:
        """Source and target channels of pair `i`: (side, side, 6).

        Raises:
            ValueError: its file is not what it was.
        """
        pair = self.pairs[i]
        if _mark(pair.path) != self.marks[i]:
            raise ValueError(f"{pair.path}: has changed during training; run the same command again to begin anew")
        source, target = read_sides(pair, direction=self.direction, size=self.side)
        if self.labels:
            target = palette(self.labels)[read_classes(pair, self.labels, size=self.side)]
        return np.concatenate([source, target], axis=2)


@dataclass(frozen=True)
class PairSet:
    """`images` uint8 (N, side, side, 6) on `device`, in the order of the files' pairs; None where they stay on disk."""

    files: PairFiles
    device: torch.device
    images: Tensor | None

    @property
    def pairs(self) -> list[Pair]:
        return self.files.pairs

    def batches(self, draws: Sequence[Tensor] | Tensor, *, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Source and target, as of `cut_batch`, and seeds (batch,) of each of `draws` (batch, 5), which lie on the CPU.

        Raises:
            ValueError: a file is not what it was, or not readable; names it.
        """
        if len(draws) == 0:
            return
        drawn = torch.cat(list(draws)).to(self.device, non_blocking=True).split([len(draw) for draw in draws])
        if self.images is not None:
            for draw in drawn:
                yield *cut_batch(self.images, draw, size=size), draw[:, 4]
        else:
            read = self._read_ahead([draw[:, 0].tolist() for draw in draws])
            for images, draw in zip(read, drawn, strict=True):
                numbered = torch.cat([torch.arange(len(draw), device=self.device)[:, None], draw[:, 1:]], 1)
                yield *cut_batch(images, numbered, size=size), draw[:, 4]

    def centre(self, index: list[int], *, size: int) -> tuple[Tensor, Tensor]:
        """Source and target of the pairs `index`, cropped at the centre, as of `cut_batch`."""
        source, target, _ = next(self.batches([centre_draws(index, side=self.files.side, size=size)], size=size))
        return source, target

    def _read_ahead(self, batches: list[list[int]]) -> Iterator[Tensor]:
        """The images of each batch, uint8 (batch, side, side, 6) on the device, while others read those of the next."""
        workers = usable_cores()
        pool = ThreadPoolExecutor(workers)
        waiting = deque(
            [pool.submit(self.files.read, i) for i in batch]
            for batch in batches[: 1 + AHEAD * workers // len(batches[0])]
        )
        coming = iter(batches[len(waiting) :])
        try:
            while waiting:
                images = torch.from_numpy(np.stack([future.result() for future in waiting.popleft()]))
                waiting.extend(
                    [pool.submit(self.files.read, i) for i in batch] for batch in [next(coming, None)] if batch
                )
                pinned = images.pin_memory() if self.device.type == "cuda" else images
                yield pinned.to(self.device, non_blocking=True)
        finally:
            pool.shutdown(cancel_futures=True)


def load_pairs(
    root: Path, split: str, *, direction: str, size: int, device: torch.device, where: str, labels: str | None = None
) -> PairSet:
    """The pairs of a split, each side resized to (size, size): 6 size^2 bytes a pair where they are held in memory.

    With `labels`, a palette, targets are label maps in exactly its colours, resized without blending classes.

    Args:
        where: memory, disk, or auto: memory where they take at most half of what is free on `device`.

    Raises:
        ValueError: they do not fit into the memory that is free there; a file is not readable.
        ValueError, FileNotFoundError: as `read_pairs`.
    """
    pairs = read_pairs(root, split)
    need, free = len(pairs) * size * size * 6, _free_bytes(device)
    if where == "memory" and need > free:
        raise ValueError(
            f"{root}: {len(pairs)} pairs at {size} pixels take {need / 1e9:.1f} GB, {device} has {free / 1e9:.1f} GB "
            "free; leave PIX2PIX_PAIRS to auto, or use a smaller size"
        )
    with ThreadPoolExecutor(usable_cores()) as pool:
        marks = [_mark(pair.path) for pair in pairs]
        content = hashlib.sha256()
        for pair, digest in zip(pairs, pool.map(lambda pair: _digest(pair.path), pairs), strict=True):
            content.update(f"{pair.id} {digest}\n".encode())
        files = PairFiles(pairs, direction, size, labels, marks, content.hexdigest())
        if where == "disk" or (where == "auto" and need > free / 2):
            return PairSet(files, device, None)
        images = np.empty((len(pairs), size, size, 6), np.uint8)
        for i, image in enumerate(pool.map(files.read, range(len(pairs)))):
            images[i] = image
    return PairSet(files, device, torch.from_numpy(images).to(device))


def _mark(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available) // on_this_machine()[1]
