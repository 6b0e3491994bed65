"""download <dataset>: bring the raw files of one data set here, whole and counted, or not at all.

Reads   params.yaml, datasets.<dataset>.download; from there an official archive (DATA_MIRROR is tried first), Kaggle,
        a folder or archive of the user's own, or nothing (drawn data)
Writes  data/raw/<dataset>/
            {train,val,test}/<n>.jpg                                  the pix2pix archives, drawn facades
            train/<car>_<nn>.jpg, train_masks/<car>_<nn>_mask.gif     carvana, drawn cars
            the user's own tree                                       local
        scratch/downloads/ keeps transferred archives; it may be deleted at any time
"""

import argparse
import os
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from stages.command import run
from stages.params import (
    ArchiveSource,
    CarvanaSource,
    DrawnCarsSource,
    DrawnFacadesSource,
    LocalSource,
    Source,
    entry,
    read_params,
)
from stages.pix2pix.archives import DamagedArchiveError, is_junk, list_members, unpack
from stages.pix2pix.drawn_raw import write_cars, write_facades
from stages.pix2pix.listing import SUFFIXES, natural_key
from stages.pix2pix.publish import whole_folder
from stages.pix2pix.transfers import fetch, forget

RAW = Path("data/raw")
DOWNLOADS = Path("scratch/downloads")
PIX2PIX = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
KAGGLE = "kaggle:carvana-image-masking-challenge"

SPLIT_FOLDER = re.compile(r"(train|val|test)(A|B|_masks)?")
PHOTO = re.compile(r"train/([0-9a-f]{12})_(\d\d)\.jpg")
MASK = re.compile(r"train_masks/([0-9a-f]{12})_(\d\d)_mask\.gif")


def download(name: str, source: Source, *, raw: Path, downloads: Path, mirror: str | None) -> None:
    """Make `raw/<name>/` from `source`; what was there before stays until the new folder is whole.

    Raises:
        ValueError: a damaged archive, or counts other than expected; one line with both numbers and the key.
        FileNotFoundError: a file that neither the mirror nor the official host gave, or no such local path.
    """
    with whole_folder(raw / name) as folder:
        try:
            _fill(name, source, folder, raw=raw, downloads=downloads, mirror=mirror)
        except DamagedArchiveError as error:
            forget(error.archive, cache=downloads)
            raise
        counts = ", ".join(f"{place} {count}" for place, count in sorted(_count_images(folder).items()))
    print(f"{raw / name}: {counts}")


def _fill(name: str, source: Source, folder: Path, *, raw: Path, downloads: Path, mirror: str | None) -> None:
    match source:
        case ArchiveSource():
            file = f"{source.archive}.tar.gz"
            archive = fetch(file, official=f"{PIX2PIX}/{file}", mirror=mirror, cache=downloads, sha256=source.sha256)
            images = {member: path for member, path in _members(archive).items() if _split(path) and _is_image(path)}
            _unpack_first(archive, folder, images, dict(source.limit.items()))
            _check_counts(name, folder, dict(source.expect.items()))
        case CarvanaSource():
            photos = _unpack_cars("train.zip", PHOTO, folder, source.cars, downloads=downloads, mirror=mirror)
            masks = _unpack_cars("train_masks.zip", MASK, folder, source.cars, downloads=downloads, mirror=mirror)
            _check_cars(name, photos, masks, source)
        case LocalSource():
            _bring_local(name, Path(source.path), folder, dict(source.limit.items()), raw=raw)
            _check_counts(name, folder, dict(source.expect.items()))
        case DrawnCarsSource():
            write_cars(folder, cars=source.cars, views=source.views, size=source.size, seed=source.seed)
        case DrawnFacadesSource():
            write_facades(folder, train=source.train, val=source.val, size=source.size, seed=source.seed)


# ---- pix2pix archives and local sources ------------------------------------------------------------------------------


def _members(archive: Path) -> dict[str, Path]:
    """Member -> path in raw: without the archive's top folder, where that only wraps the split folders."""
    paths = {member: Path(member) for member in list_members(archive)}
    tops = {path.parts[0] for path in paths.values()}
    inner = {path.parts[1] for path in paths.values() if len(path.parts) > 2}
    if len(tops) == 1 and not any(map(SPLIT_FOLDER.fullmatch, tops)) and any(map(SPLIT_FOLDER.fullmatch, inner)):
        return {member: Path(*path.parts[1:]) for member, path in paths.items() if len(path.parts) > 1}
    return paths


def _unpack_first(archive: Path, folder: Path, paths: dict[str, Path], limit: dict[str, int]) -> None:
    first = _first(paths.values(), limit)
    unpack(archive, folder, wanted={member: path for member, path in paths.items() if path in first})


def _bring_local(name: str, path: Path, folder: Path, limit: dict[str, int], *, raw: Path) -> None:
    key = f"params.yaml: datasets.{name}.download.path"
    if path.is_file():
        _unpack_first(path, folder, _members(path), limit)
    elif not path.is_dir():
        raise FileNotFoundError(f"{path}: no such folder or archive ({key})")
    elif raw.resolve().is_relative_to(path.resolve()):
        raise ValueError(f"{path}: holds {raw} itself; name a folder with nothing but the images ({key})")
    else:
        files = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
        for file in sorted(_first((file for file in files if not is_junk(file)), limit)):
            (folder / file.parent).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path / file, folder / file)
    if not any(SPLIT_FOLDER.fullmatch(Path(place).parts[0]) for place in _count_images(folder)):
        raise ValueError(f"{path}: no images in folders train, val, test or trainA, trainB, ... ({key})")


def _first(paths: Iterable[Path], limit: dict[str, int]) -> set[Path]:
    """Everything, but of the images of a limited split only the first by number, in each of its folders."""
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    others = set()
    for path in paths:
        if _is_image(path):
            by_folder[path.parent].append(path)
        else:
            others.add(path)
    kept = (sorted(images, key=natural_key)[: limit.get(_split(images[0]) or "")] for images in by_folder.values())
    return others.union(*kept)


def _split(path: Path) -> str | None:
    """The split of a path in raw: `train` for train/..., trainA/... and train_masks/...; None outside of any."""
    found = SPLIT_FOLDER.fullmatch(path.parts[0]) if len(path.parts) > 1 else None
    return found[1] if found else None


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in (*SUFFIXES, ".gif")


def _count_images(folder: Path) -> Counter[str]:
    """Images by folder, as `train` or `train/A`."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return Counter(file.parent.as_posix() for file in files if _is_image(file))


def _check_counts(name: str, folder: Path, expect: dict[str, int]) -> None:
    """Each folder of a split must hold as many images as `expect` has for the split; a split not in it, none."""
    if not expect:
        return
    counts = _count_images(folder)
    found = {place: split for place in counts if (split := _split(Path(place, "image")))}
    missing = {split: split for split in expect if split not in found.values()}
    for place, split in sorted((found | missing).items()):
        wanted = expect.get(split, 0)
        if counts[place] != wanted:
            key = f"params.yaml: datasets.{name}.download.expect.{split}"
            raise ValueError(f"{name}: {counts[place]} images in {place}, {wanted} expected ({key})")


# ---- carvana ---------------------------------------------------------------------------------------------------------


def _unpack_cars(
    file: str, pattern: re.Pattern[str], folder: Path, cars: list[str] | None, *, downloads: Path, mirror: str | None
) -> dict[str, list[str]]:
    """Unpack the files of the listed cars (None: of all); the views of each car that were there."""
    archive = fetch(f"carvana/{file}", official=f"{KAGGLE}/{file}", mirror=mirror, cache=downloads)
    views = defaultdict(list)
    wanted = {}
    for member in list_members(archive):
        match = pattern.fullmatch(member)
        if match and (cars is None or match[1] in cars):
            views[match[1]].append(match[2])
            wanted[member] = Path(member)
    unpack(archive, folder, wanted=wanted)
    return views


def _check_cars(name: str, photos: dict[str, list[str]], masks: dict[str, list[str]], source: CarvanaSource) -> None:
    """Every photo a mask, every mask a photo, and the expected numbers of cars and views."""
    taken = {f"{car}_{view}" for car, views in photos.items() for view in views}
    masked = {f"{car}_{view}" for car, views in masks.items() for view in views}
    for id in sorted(taken - masked):
        raise ValueError(f"{name}: train.zip has the photo train/{id}.jpg, train_masks.zip no mask for it")
    for id in sorted(masked - taken):
        raise ValueError(f"{name}: train_masks.zip has the mask train_masks/{id}_mask.gif, train.zip no photo for it")
    if len(photos) != source.expect_cars:
        absent = sorted(set(source.cars or []) - set(photos))
        which = f"; car {absent[0]} is not there" if absent else ""
        key = f"params.yaml: datasets.{name}.download.expect_cars"
        raise ValueError(f"{name}: {len(photos)} cars in the archives, {source.expect_cars} expected ({key}){which}")
    for car, views in sorted(photos.items()):
        if len(views) != source.expect_views:
            key = f"params.yaml: datasets.{name}.download.expect_views"
            raise ValueError(f"{name}: {len(views)} photos of car {car}, {source.expect_views} expected ({key})")


def main() -> None:
    parser = argparse.ArgumentParser(description="Bring the raw files of one data set to data/raw/<dataset>/.")
    parser.add_argument("dataset", help="a name under datasets: in params.yaml")
    dataset = parser.parse_args().dataset
    source = entry(read_params().datasets, dataset, "datasets").download
    download(dataset, source, raw=RAW, downloads=DOWNLOADS, mirror=os.environ.get("DATA_MIRROR"))


if __name__ == "__main__":
    run(main)
