"""prepare <dataset>: raw files become stitched A|B pairs, or the first bad file is named and nothing is written.

Reads   data/raw/<dataset>/     laid out as `prepare: {layout: ...}` in config/datasets.yaml says:
            stitched    {train,val,test}/<id>.<suffix>: A|B images; checked and copied byte for byte
            folders     {train,val,test}/{A,B}/<id>.<suffix> or trainA/, trainB/ or as pair_by says; stitched losslessly
            inpainting  {train,val,test}/<id>.<suffix>: photos; A = the photo with a hole in its centre, B = the photo
            carvana     photos and masks (pix2pix/pairs/carvana.py); A = edges, B = the car on white
            gta5        images/NNNNN.png and labels/NNNNN.png; A = the frame, B = its label's colours
Writes  data/pairs/<dataset>/   {train,val,test}/<id>.<suffix> and pairs.csv; where training photos are drawn in several
                                manners also drawings/<id>.png (pix2pix/pairs/stitched.py)

Nothing is repaired. Files whose names start with a dot are passed over.
"""

import argparse
import hashlib
import unicodedata
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pix2pix.config.layouts import (
    CarvanaLayout,
    FoldersLayout,
    Gta5Layout,
    InpaintingLayout,
    Layout,
    SplitLayout,
    StitchedLayout,
)
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_folder
from pix2pix.files.entry_point import run
from pix2pix.files.images import MAX_PIXELS, Uint8, open_image, read_image, read_numbers, rotation, write_png
from pix2pix.files.memory import needing_memory
from pix2pix.machine.resources import keep_memory
from pix2pix.machine.worker_pool import map_in_processes
from pix2pix.pairs.carvana import cut_out, find_photos
from pix2pix.pairs.edges import draw, manners
from pix2pix.pairs.gta5 import find_frames, resize_frame
from pix2pix.pairs.held_out import held_out_pairs, numbered_splits
from pix2pix.pairs.inpainting import cut_hole
from pix2pix.pairs.palettes import check_label_map, from_numbers, is_void
from pix2pix.pairs.raw_pairs import RawPair, find_images, find_sides
from pix2pix.pairs.stitched import DRAWINGS, HOW_TO_HOLD_OUT, SPLITS, PairRecord, split_sides, stitch, write_records

VOID = "the label map is void"
FLAT = 16  # levels; an image of 12 bits stored in 16 has no more
PAIRS_PER_WORKER = 100  # a process takes as long to start as it takes to prepare some 100 photos


def prepare(*, layout: Layout, raw: Path, out: Path, workers: int | None = None) -> list[PairRecord]:
    """Fill `out` from `raw` and print the counts; returns the rows of pairs.csv.

    Args:
        workers: processes; by default the usable cores, but so few that each has PAIRS_PER_WORKER pairs. The output
            does not depend on it.

    Raises:
        ValueError: a file is unreadable, truncated, unpaired, of a wrong size, there twice, or out of place; names it.
        FileNotFoundError: `raw` or a folder that its layout needs is missing or empty.
    """
    if not raw.is_dir():
        raise FileNotFoundError(f"{raw}: no such folder; download the data set first")
    with whole_folder(out) as unfinished:
        looked_at = map_in_processes(
            partial(_write_pair, layout=layout, raw=raw, out=unfinished),
            _without(layout.leave_out, _find_pairs(layout, raw)),
            description="preparing pairs",
            workers=workers,
            items_per_worker=PAIRS_PER_WORKER,
        )
        records = [record for record, _ in looked_at]
        for split in SPLITS:
            if {suspicion for record, suspicion in looked_at if record.split == split} == {VOID}:
                raise ValueError(f"{raw}: nothing to learn or to score: every label map of {split} is void")
        write_records(unfinished, records)
    _print_counts(records, out)
    if suspicious := [(record.source, suspicion) for record, suspicion in looked_at if suspicion]:
        print(f"suspicious: {len(suspicious)} pairs, the first {': '.join(suspicious[0])}")
    return records


def _find_pairs(layout: Layout, raw: Path) -> list[RawPair]:
    match layout:
        case StitchedLayout() | InpaintingLayout():
            return _with_val(numbered_splits(find_images(raw), layout.splits), layout)
        case FoldersLayout():
            return _with_val(numbered_splits(find_sides(raw, layout.pair_by), layout.splits), layout)
        case CarvanaLayout():
            listed = layout.hold_out if isinstance(layout.hold_out, int) else layout.hold_out.model_dump()
            return find_photos(raw, hold_out=listed, seed=layout.seed or 0)
        case Gta5Layout():
            frames, left_out = find_frames(
                raw, block=layout.block, gap=layout.gap, hold_out=layout.hold_out, seed=layout.seed
            )
            print(f"left out of val, next to train: {left_out} frames")
            return frames


def _with_val(pairs: list[RawPair], layout: SplitLayout) -> list[RawPair]:
    """The pairs, of which the layout may hold some out."""
    if layout.hold_out is None or layout.seed is None:
        return pairs
    return held_out_pairs(pairs, hold_out=layout.hold_out, seed=layout.seed)


def _without(leave_out: Sequence[str | int], pairs: list[RawPair]) -> list[RawPair]:
    """The pairs but those that `leave_out` names: `12`, also of 00012, or `val/12`."""
    names = {pair: {pair.id, pair.id.lstrip("0") or "0", f"{pair.split}/{pair.id}"} for pair in pairs}
    there, wanted = set().union(*names.values()), {unicodedata.normalize("NFC", str(id)) for id in leave_out}
    if missing := sorted(wanted - there):
        raise ValueError(f"leave_out: there is no pair '{missing[0]}' in the data set")
    kept = [pair for pair in pairs if names[pair].isdisjoint(wanted)]
    for emptied in sorted({pair.split for pair in pairs} - {pair.split for pair in kept}):
        raise ValueError(f"leave_out: no pair is left in {emptied}")
    if leave_out:
        print(f"left out by name: {len(pairs) - len(kept)} pairs")
    return kept


def _write_pair(raw_pair: RawPair, *, layout: Layout, raw: Path, out: Path) -> tuple[PairRecord, str]:
    """Write one stitched image, and its drawings where there are several, below `out`; its row of pairs.csv.

    The text says what makes the pair suspicious, if anything.
    """
    files = raw_pair.files
    folder = out / raw_pair.split
    folder.mkdir(exist_ok=True)
    with needing_memory(str(files[0])):
        pair, drawings = _make_pair(raw_pair, layout)
        height, width = pair.shape[:2]
        if width * height > MAX_PIXELS:
            raise ValueError(f"{files[0]}: A and B side by side are {width} x {height} pixels, at most {MAX_PIXELS}")
        side_a, side_b = split_sides(pair)
        suspicion = _suspicion(side_a, side_b)
        if isinstance(layout, StitchedLayout | FoldersLayout | Gta5Layout) and layout.labels:
            check_label_map(side_b, layout.labels, files[-1], other_side=side_a)
            suspicion = VOID if is_void(side_b, layout.labels) else suspicion
        if isinstance(layout, StitchedLayout):
            (folder / f"{raw_pair.id}{files[0].suffix}").write_bytes(files[0].read_bytes())
        else:
            write_png(folder / f"{raw_pair.id}.png", pair)
        if len(drawings) > 1:
            (out / DRAWINGS).mkdir(exist_ok=True)
            write_png(out / DRAWINGS / f"{raw_pair.id}.png", np.concatenate(drawings, axis=1))
    record = PairRecord(
        id=raw_pair.id,
        split=raw_pair.split,
        group=raw_pair.group,
        width=width // 2,
        height=height,
        source=" + ".join(path.relative_to(raw).as_posix() for path in files),
        sha256=hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest(),
    )
    return record, suspicion


def _suspicion(side_a: Uint8, side_b: Uint8) -> str:
    """What is suspicious about a pair: a side of hardly more than one colour, or A equals B."""
    for name, side in (("B", side_b), ("A", side_a)):
        if all(np.ptp(part, axis=(0, 1)).max() <= FLAT for part in (side[::16, ::16], side)):  # the first is fast
            if 0 < side.max() <= FLAT:
                return (
                    f"{name} has no value above {side.max()} of 255 (of 0 and 1? 12 bits in 16?); multiply its values"
                )
            return f"{name} is nothing but {side[0, 0].tolist()}"
    return "A equals B" if np.array_equal(side_a[::16], side_b[::16]) and np.array_equal(side_a, side_b) else ""


def _make_pair(raw_pair: RawPair, layout: Layout) -> tuple[Uint8, list[Uint8]]:
    """The stitched image (H, 2W, 3), and the drawings of its side A, which is the first; none where A is not drawn."""
    files = raw_pair.files
    if not isinstance(layout, CarvanaLayout | InpaintingLayout):  # cars: see cut_out
        _refuse_rotations(files)
    match layout:
        case StitchedLayout():
            pair = read_image(files[0])
            if pair.shape[1] % 2:
                raise ValueError(f"{files[0]}: {pair.shape[1]} pixels wide; A and B side by side make an even width")
            return pair, []
        case FoldersLayout():
            a, b = read_image(files[0]), _side_b(files[1], layout)
            if a.shape != b.shape:
                sizes = " and ".join(f"{side.shape[1]} x {side.shape[0]}" for side in (a, b))
                raise ValueError(f"{files[0]} and {files[1]}: {sizes} pixels; A and B must be equal in size")
            return stitch(a, b), []
        case InpaintingLayout():
            return stitch(*cut_hole(read_image(files[0]), size=layout.size, hole=layout.hole)), []
        case CarvanaLayout():
            car, coverage = cut_out(*files, size=layout.size)
            drawings = [draw(car, coverage, manner) for manner in manners(layout.edges, raw_pair.split)]
            return stitch(drawings[0], car), drawings
        case Gta5Layout():
            return stitch(*resize_frame(*files, size=layout.size)), []


def _refuse_rotations(files: Sequence[Path]) -> None:
    """One EXIF rotation of both files is applied to both; a stitched file must have none."""
    rotations = []
    for path in files:
        with open_image(path) as image:
            rotations.append(rotation(image))
    if len({*rotations, rotations[0] if len(files) > 1 else 1}) > 1:
        named = " and ".join(f"{path} ({turn})" for path, turn in zip(files, rotations, strict=True))
        way_out = "turn the pixels and remove the tag (exiftran -a, mogrify -auto-orient)"
        raise ValueError(f"{named}: an EXIF rotation of A, of B or of both (1: upright)? Where they differ, {way_out}")


def _side_b(path: Path, layout: FoldersLayout) -> Uint8:
    if layout.label_numbers and layout.labels:
        return from_numbers(read_numbers(path), layout.labels, layout.label_numbers, path)
    return read_image(path)


def _print_counts(records: Sequence[PairRecord], out: Path) -> None:
    for split in SPLITS:
        groups = [record.group for record in records if record.split == split]
        grouped = f" of {len(set(groups))} groups" if len(set(groups)) < len(groups) else ""
        if groups:
            print(f"{split:5} {len(groups):6} pairs{grouped}")
    if not any(record.split == "val" for record in records):
        print(f"no pairs in val, which training needs; {HOW_TO_HOLD_OUT}")
    sizes = sorted({(record.width, record.height) for record in records})
    if oblong := [record for record in records if record.width != record.height]:
        size = f"{oblong[0].width} x {oblong[0].height}"
        print(
            f"not square: {len(oblong)} pairs, the first {size} pixels; training squeezes them to squares. "
            "Where proportions matter, cut or pad A and B to squares before"
        )
    several = f"of {len(sizes)} sizes, the widest " if len(sizes) > 1 else ""
    print(f"{out}: {len(records)} pairs, A and B {several}{sizes[-1][0]} x {sizes[-1][1]} pixels")


def main() -> None:
    parser = argparse.ArgumentParser(description="Raw files become stitched A|B pairs.")
    parser.add_argument("dataset", help="a name in config/datasets.yaml")
    name = parser.parse_args().dataset
    keep_memory()
    dataset = read_configuration().dataset(name)
    prepare(layout=dataset.prepare, raw=Path("data/raw") / name, out=Path("data/pairs") / name)


if __name__ == "__main__":
    run(main)
