"""The pairs of a split for training: in the device's memory where they fit, else read from disk ahead of their use.

Batches have the same bits either way (docs/design.md, law 7), so a run may go on where there is more memory, or less.
"""

import hashlib
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pix2pix.batches.augmentation import Augmentation, cut_batch
from pix2pix.config.models import FCN, UNetAlone
from pix2pix.config.recipes import Recipe
from pix2pix.config.resolved import Experiment
from pix2pix.files.images import Uint8
from pix2pix.machine.distributed import on_this_machine, say
from pix2pix.machine.hardware import Hardware
from pix2pix.machine.resources import free_memory, usable_cores
from pix2pix.pairs.stitched import Pair, read_drawings, read_pairs, read_sides

READERS = 16  # threads of a process at most: more would only keep the one that trains from its work
PREFETCH = 2  # pairs per reader that are read ahead, beside a whole batch


@dataclass(frozen=True)
class PairSet:
    """The pairs of a split, each side resized to (side, side); `labels` as of `read_sides`.

    `images`, uint8 (N, side, side, 6 + K - 1) on `device`: source and target channels, and where side A is drawn in K
    manners, its other drawings; None where they stay on disk.
    """

    pairs: list[Pair]
    digests: list[str]  # of the content of each pair's files
    direction: str
    side: int
    labels: str | None
    device: torch.device
    images: Tensor | None = None
    augmentation: Augmentation | None = None  # of batches that ask for it
    manners: int = 1  # K

    @property
    def content(self) -> str:
        """A digest of all ids and contents."""
        lines = (f"{pair.id} {digest}\n" for pair, digest in zip(self.pairs, self.digests, strict=True))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def kept(self) -> str:
        """Where they are kept: memory or disk."""
        return "disk" if self.images is None else "memory"

    def read(self, i: int) -> Uint8:
        """What `images` holds of pair `i`: (side, side, 6 + K - 1).

        Raises:
            ValueError, FileNotFoundError: a file of it is not what it was, not readable, or gone, or holds more or
                fewer drawings than those of other pairs.
        """
        pair = self.pairs[i]
        sides = read_sides(pair, direction=self.direction, size=self.side, labels=self.labels)
        drawings = read_drawings(pair, size=self.side) if pair.drawings else sides[0][None, ..., 0]
        if _digest(pair) != self.digests[i]:
            raise ValueError(f"{pair.path}: has changed during training; run the same command again to begin anew")
        if len(drawings) != self.manners:
            raise ValueError(f"{pair.drawings}: {len(drawings)} drawings, others have {self.manners}; prepare again")
        return np.concatenate([*sides, np.moveaxis(drawings[1:], 0, 2)], axis=2)

    def batches(
        self, draws: Sequence[Tensor] | Tensor, *, size: int, augment: bool = False
    ) -> Generator[tuple[Tensor, Tensor, Tensor], None, None]:
        """Source and target, as of `cut_batch`, and seeds (batch,) of each of `draws`, as of `uncut_batches`."""
        augmentation = self.augmentation if augment else None
        for images, draw in self.uncut_batches(draws):
            yield *cut_batch(images, draw, size=size, augmentation=augmentation), draw[:, 4]

    def uncut_batches(self, draws: Sequence[Tensor] | Tensor) -> Generator[tuple[Tensor, Tensor], None, None]:
        """On the device, what `cut_batch` cuts each batch from: images and draws (batch, 5). `draws` lie on the CPU.

        Raises:
            ValueError, FileNotFoundError: as `read`, where pairs are read from disk.
        """
        if len(draws) == 0:
            return
        drawn = torch.cat(list(draws)).to(self.device, non_blocking=True).split([len(draw) for draw in draws])
        if self.images is not None:
            for draw in drawn:
                yield self.images, draw
        else:
            read = self._read_ahead([draw[:, 0].tolist() for draw in draws])
            for images, draw in zip(read, drawn, strict=True):
                numbered = torch.cat([torch.arange(len(draw), device=self.device)[:, None], draw[:, 1:]], 1)
                yield images, numbered

    def _read_ahead(self, batches: list[list[int]]) -> Generator[Tensor, None, None]:
        """Images of each batch, as `images` has them, while threads read those of the next."""
        readers = _readers()
        pool = ThreadPoolExecutor(readers)
        try:
            reads = ([pool.submit(self.read, i) for i in batch] for batch in batches)
            waiting = deque(islice(reads, 1 + PREFETCH * readers // len(batches[0])))
            while waiting:
                waiting.extend(islice(reads, 1))
                images = torch.from_numpy(np.stack([read.result() for read in waiting.popleft()]))
                pinned = images.pin_memory() if self.device.type == "cuda" else images
                yield pinned.to(self.device, non_blocking=True)
        finally:
            pool.shutdown(cancel_futures=True)


def load_splits(experiment: Experiment, recipe: Recipe, hardware: Hardware) -> tuple[PairSet, PairSet]:
    """The training pairs, at the recipe's load size, and the validation pairs, at its size.

    Raises:
        ValueError: fewer training pairs than a batch.
        ValueError, FileNotFoundError: as `load_pairs`.
    """
    root, model = Path("data/pairs", experiment.dataset_name), experiment.model
    training, validation = (
        load_pairs(
            root,
            split,
            direction=experiment.direction,
            size=size,
            device=hardware.device,
            where=hardware.pairs,
            labels=model.classes if isinstance(model, FCN | UNetAlone) else None,
        )
        for split, size in (("train", recipe.load_size), ("val", recipe.size))
    )
    if training.kept == "disk":
        say(f"{experiment.name}: its pairs stay on disk, and are read as they are needed")
    if recipe.batch_size > len(training.pairs):
        raise ValueError(f"{root}: {len(training.pairs)} training pairs, but batch_size is {recipe.batch_size}")
    a, b = (0, 1) if experiment.direction == "AtoB" else (1, 0)  # which of source and target
    labels = None if experiment.dataset.labels is None else b
    return replace(training, augmentation=Augmentation(recipe.scale, recipe.rotation, labels, drawn=a)), validation


def load_pairs(
    root: Path, split: str, *, direction: str, size: int, device: torch.device, where: str, labels: str | None = None
) -> PairSet:
    """The pairs of a split, each side resized to (size, size): in memory a pair takes size^2 bytes a channel.

    Args:
        where: memory, disk, or auto: memory where they take at most half of what is free.
        labels: as of `read_sides`.

    Raises:
        ValueError: they do not fit into memory, or a file that is to be kept there is not readable.
        ValueError, FileNotFoundError: as `read_pairs`.
    """
    pairs = read_pairs(root, split)
    manners = len(read_drawings(pairs[0], size=size)) if pairs[0].drawings else 1
    channels = 6 + manners - 1
    need, free = len(pairs) * size * size * channels, _free_bytes(device)
    if where == "memory" and need > free:
        raise ValueError(
            f"{root}: {len(pairs)} pairs at {size} pixels take {need / 1e9:.1f} GB, {device} has {free / 1e9:.1f} GB "
            "free; leave PIX2PIX_PAIRS to auto, or use a smaller size"
        )
    with ThreadPoolExecutor(_readers()) as pool:
        digests = list(pool.map(_digest, pairs))
        on_disk = PairSet(pairs, digests, direction, size, labels, device, manners=manners)
        if where == "disk" or (where == "auto" and need > free / 2):
            return on_disk
        images = np.empty((len(pairs), size, size, channels), np.uint8)

        def place(i: int) -> None:
            images[i] = on_disk.read(i)

        list(pool.map(place, range(len(pairs))))
    return replace(on_disk, images=torch.from_numpy(images).to(device))


def _digest(pair: Pair) -> str:
    files = [pair.path, pair.drawings] if pair.drawings else [pair.path]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _readers() -> int:
    return min(READERS, max(1, usable_cores() // on_this_machine()[1]))


def _free_bytes(device: torch.device) -> int:
    """What is free on the device and, since all pairs pass through it, in this process's share of the memory."""
    free = free_memory() // on_this_machine()[1]
    return min(free, int(torch.cuda.mem_get_info(device)[0])) if device.type == "cuda" else free
