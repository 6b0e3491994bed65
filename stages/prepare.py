"""prepare: raw files become stitched A|B pairs, audited. `python -m stages.prepare <dataset>`

Reads   data/raw/<dataset>/   as one of the layouts of config/datasets.yaml:
            stitched   {train,val,test}/NAME: A|B images; checked and copied byte for byte
            folders    {train,val,test}/{A,B}/NAME or trainA/NAME + trainB/NAME; stitched losslessly
            inpainting {train,val,test}/NAME: plain photos; A = the photo with a hole in its centre, B = the photo
            carvana    train/<car>_<view>.jpg + train_masks/<car>_<view>_mask.gif; A = edges, B = the car on white
            gta5       images/NNNNN.png + labels/NNNNN.png; A = the frame, B = its label's colours
Writes  data/pairs/<dataset>/   {train,val,test}/<id>.<suffix> and pairs.csv (pix2pix/pairs/stitched.py)

Nothing is repaired: the first bad file stops the step and is named. Files whose names start with a dot are passed over.
"""

import argparse
import hashlib
import multiprocessing
import signal
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
from tqdm import tqdm

from pix2pix.config.datasets import (
    CannyEdges,
    CarvanaLayout,
    DoodleEdges,
    FoldersLayout,
    Gta5Layout,
    InpaintingLayout,
    Layout,
    StitchedLayout,
)
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_folder
from pix2pix.files.command_line import run
from pix2pix.files.images import Uint8, read_image, write_png
from pix2pix.machine.cpu import end_with_parent, keep_memory, usable_cores
from pix2pix.pairs.carvana import Photo, cut_out, find_photos, held_out_cars, to_square
from pix2pix.pairs.edges import canny, doodle
from pix2pix.pairs.folders import find_images, find_sides
from pix2pix.pairs.gta5 import Frame, find_frames, split_frames, squeeze
from pix2pix.pairs.inpainting import punch
from pix2pix.pairs.stitched import SPLITS, Row, stitch, write_table

T = TypeVar("T")

IMAGES_A_WORKER = 100  # a process takes as long to start as it takes to prepare some 100 photos


def prepare(*, layout: Layout, raw: Path, out: Path, workers: int | None = None) -> list[Row]:
    """Fill `out` from `raw` and print the counts; returns the rows of pairs.csv.

    Args:
        workers: processes; by default the usable cores, but none that would have fewer than IMAGES_A_WORKER images.
            The output does not depend on it.

    Raises:
        ValueError: a file is unreadable, truncated, unpaired, of a wrong size, twice there, or out of place; names it.
        FileNotFoundError: `raw` or a folder that its layout needs is missing or empty.
    """
    if not raw.is_dir():
        raise FileNotFoundError(f"{raw}: no such folder; download the data set first")
    with whole_folder(out) as unfinished:
        match layout:
            case CarvanaLayout():
                photos = find_photos(raw)
                cars = (photo.car for photo in photos)
                held_out = held_out_cars(cars, hold_out=layout.hold_out, seed=layout.seed)
                draw = partial(_draw_pair, raw=raw, out=unfinished, layout=layout)
                in_splits = [("val" if photo.car in held_out else "train", photo) for photo in photos]
                rows = _each(draw, in_splits, unit="photo", workers=workers)
            case StitchedLayout():
                copy = partial(_copy_pair, raw=raw, out=unfinished)
                rows = _each(copy, find_images(raw), unit="pair", workers=workers)
            case FoldersLayout():
                join = partial(_join_pair, raw=raw, out=unfinished)
                rows = _each(join, find_sides(raw), unit="pair", workers=workers)
            case InpaintingLayout():
                hollow = partial(_punch_photo, raw=raw, out=unfinished, layout=layout)
                rows = _each(hollow, find_images(raw), unit="photo", workers=workers)
            case Gta5Layout():
                frames = find_frames(raw)
                splits = split_frames(
                    frames, block=layout.block, gap=layout.gap, hold_out=layout.hold_out, seed=layout.seed
                )
                shrink = partial(_squeeze_frame, raw=raw, out=unfinished, size=layout.size)
                rows = _each(shrink, splits, unit="frame", workers=workers)
                print(f"left out of val, next to train: {len(frames) - len(splits)} frames")
        write_table(unfinished, rows)
    _print_counts(rows, out)
    return rows


def _draw_pair(item: tuple[str, Photo], *, raw: Path, out: Path, layout: CarvanaLayout) -> Row:
    split, photo = item
    image, coverage = cut_out(photo, size=layout.size)
    pair = stitch(_edges(image, coverage, layout.edges), image)
    write_png(_folder(out, split) / f"{photo.id}.png", pair)
    return _row([photo.image, photo.mask], raw=raw, id=photo.id, split=split, group=photo.car, pair=pair)


def _edges(image: Uint8, coverage: Uint8, edges: CannyEdges | DoodleEdges) -> Uint8:
    match edges:
        case CannyEdges():
            return canny(image, blur_sigma=edges.blur_sigma, low=edges.low, high=edges.high)
        case DoodleEdges():
            return doodle(
                image,
                to_square(coverage, len(image)),
                smoothing=edges.smoothing,
                low=edges.low,
                high=edges.high,
                min_length=edges.min_length,
                width=edges.width,
            )


def _copy_pair(item: tuple[str, Path], *, raw: Path, out: Path) -> Row:
    split, path = item
    pair = read_image(path)
    if pair.shape[1] % 2:
        raise ValueError(f"{path}: {pair.shape[1]} pixels wide; A and B side by side make an even width")
    (_folder(out, split) / path.name).write_bytes(path.read_bytes())
    return _row([path], raw=raw, id=path.stem, split=split, group=path.stem, pair=pair)


def _join_pair(item: tuple[str, Path, Path], *, raw: Path, out: Path) -> Row:
    split, path_a, path_b = item
    a, b = read_image(path_a), read_image(path_b)
    if a.shape != b.shape:
        sizes = [f"{side.shape[1]} x {side.shape[0]}" for side in (a, b)]
        raise ValueError(f"{path_a} and {path_b}: {sizes[0]} and {sizes[1]} pixels; A and B must be equal in size")
    pair = stitch(a, b)
    write_png(_folder(out, split) / f"{path_a.stem}.png", pair)
    return _row([path_a, path_b], raw=raw, id=path_a.stem, split=split, group=path_a.stem, pair=pair)


def _punch_photo(item: tuple[str, Path], *, raw: Path, out: Path, layout: InpaintingLayout) -> Row:
    split, path = item
    pair = stitch(*punch(read_image(path), size=layout.size, hole=layout.hole))
    write_png(_folder(out, split) / f"{path.stem}.png", pair)
    return _row([path], raw=raw, id=path.stem, split=split, group=path.stem, pair=pair)


def _squeeze_frame(item: tuple[str, str, Frame], *, raw: Path, out: Path, size: int) -> Row:
    split, block, frame = item
    pair = stitch(*squeeze(frame, size=size))
    write_png(_folder(out, split) / f"{frame.id}.png", pair)
    return _row([frame.image, frame.label], raw=raw, id=frame.id, split=split, group=block, pair=pair)


def _folder(out: Path, split: str) -> Path:
    folder = out / split
    folder.mkdir(exist_ok=True)
    return folder


def _row(files: Sequence[Path], *, raw: Path, id: str, split: str, group: str, pair: Uint8) -> Row:
    for path in files:
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in path.name):
            raise ValueError(f"{path.parent}: {path.name!r} has control characters or is not UTF-8; rename it")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    source = " + ".join(path.relative_to(raw).as_posix() for path in files)
    height, width = pair.shape[:2]
    return Row(id=id, split=split, group=group, width=width // 2, height=height, source=source, sha256=digest)


def _each(work: Callable[[T], Row], items: Sequence[T], *, unit: str, workers: int | None) -> list[Row]:
    if workers is None:
        workers = min(usable_cores(), len(items) // IMAGES_A_WORKER)
    if workers <= 1:
        return [work(item) for item in tqdm(items, unit=unit, disable=None)]
    # workers come from a fork server: a fork of this process, whose libraries run threads, could deadlock
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pix2pix.config.configuration", "pix2pix.pairs.carvana", "pix2pix.pairs.stitched"])
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        rows = pool.map(work, items, chunksize=16)  # in the order of items; an error cancels what has not begun
        return list(tqdm(rows, total=len(items), unit=unit, disable=None))


def _start_worker() -> None:
    end_with_parent()
    keep_memory()
    cv2.setNumThreads(1)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # as the door of the verbs does
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer


def _print_counts(rows: Sequence[Row], out: Path) -> None:
    for split in SPLITS:
        groups = [row.group for row in rows if row.split == split]
        grouped = f" of {len(set(groups))} groups" if len(set(groups)) < len(groups) else ""
        if groups:
            print(f"{split:5} {len(groups):6} pairs{grouped}")
    sizes = sorted({(row.width, row.height) for row in rows})
    several = f"of {len(sizes)} sizes, the widest " if len(sizes) > 1 else ""
    print(f"{out}: A and B {several}{sizes[-1][0]} x {sizes[-1][1]} pixels")


def main() -> None:
    parser = argparse.ArgumentParser(description="Raw files become stitched A|B pairs, audited.")
    parser.add_argument("dataset", help="a name in config/datasets.yaml")
    name = parser.parse_args().dataset
    keep_memory()
    dataset = read_configuration().dataset(name)
    prepare(layout=dataset.prepare, raw=Path("data/raw") / name, out=Path("data/pairs") / name)


if __name__ == "__main__":
    run(main)
