"""download <dataset>: bring the raw files of one data set here, whole and counted, or not at all.

Reads   config/datasets.yaml; from there an official archive (DATA_MIRROR is tried first), Kaggle,
        a folder or archive of the user's own, or nothing (drawn data)
Writes  data/raw/<dataset>/
            {train,val,test}/<n>.jpg                                  the pix2pix archives, drawn facades
            train/<car>_<nn>.jpg, train_masks/<car>_<nn>_mask.gif     carvana, drawn cars
            images/<nnnnn>.png, labels/<nnnnn>.png                    gta5
            the user's own tree                                       local
        scratch/downloads/ keeps transferred archives; it may be deleted at any time
"""

import argparse
import os
import re
import shutil
from collections import defaultdict
from pathlib import Path

from pix2pix.config.datasets import (
    ArchiveSource,
    CarvanaSource,
    DrawnCarsSource,
    DrawnFacadesSource,
    Gta5Source,
    LocalSource,
    Source,
)
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_folder
from pix2pix.files.command_line import run
from pix2pix.raw.archive_members import DamagedArchiveError
from pix2pix.raw.archives import is_junk, list_members, unpack
from pix2pix.raw.http import fetch, forget
from pix2pix.raw.splits import count_images, is_image, split_of, within_limit, without_top_folder
from pix2pix.toydata.raw_files import write_cars, write_facades

RAW = Path("data/raw")
DOWNLOADS = Path("scratch/downloads")
PIX2PIX = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
GTA5 = "https://download.visinf.tu-darmstadt.de/data/from_games/data"
KAGGLE = "kaggle:carvana-image-masking-challenge"

PHOTO = re.compile(r"train/([0-9a-f]{12})_(\d\d)\.jpg")
MASK = re.compile(r"train_masks/([0-9a-f]{12})_(\d\d)_mask\.gif")
FRAME = re.compile(r"(images|labels)/\d{5}\.png")


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
        counts = ", ".join(f"{place} {count}" for place, count in sorted(count_images(folder).items()))
    print(f"{raw / name}: {counts}")


def _fill(name: str, source: Source, folder: Path, *, raw: Path, downloads: Path, mirror: str | None) -> None:
    match source:
        case ArchiveSource():
            file = f"{source.archive}.tar.gz"
            archive = fetch(file, official=f"{PIX2PIX}/{file}", mirror=mirror, cache=downloads, sha256=source.sha256)
            images = {
                member: path
                for member, path in without_top_folder(list_members(archive)).items()
                if split_of(path) and is_image(path)
            }
            _unpack_within_limit(archive, folder, images, dict(source.limit.items()))
            _check_counts(name, folder, dict(source.expect.items()))
        case CarvanaSource():
            photos = _unpack_cars("train.zip", PHOTO, folder, source.cars, downloads=downloads, mirror=mirror)
            masks = _unpack_cars("train_masks.zip", MASK, folder, source.cars, downloads=downloads, mirror=mirror)
            _check_cars(name, photos, masks, source)
        case Gta5Source():
            for part in source.parts:
                _unpack_part(part, folder, downloads=downloads, mirror=mirror)
            _check_frames(name, folder, source)
        case LocalSource():
            _bring_local(name, Path(source.path), folder, dict(source.limit.items()), raw=raw)
            _check_counts(name, folder, dict(source.expect.items()))
        case DrawnCarsSource():
            write_cars(folder, cars=source.cars, views=source.views, size=source.size, seed=source.seed)
        case DrawnFacadesSource():
            write_facades(folder, train=source.train, val=source.val, size=source.size, seed=source.seed)


# ---- pix2pix archives and local sources ------------------------------------------------------------------------------


def _unpack_within_limit(archive: Path, folder: Path, paths: dict[str, Path], limit: dict[str, int]) -> None:
    kept = within_limit(paths.values(), limit)
    unpack(archive, folder, wanted={member: path for member, path in paths.items() if path in kept})


def _bring_local(name: str, path: Path, folder: Path, limit: dict[str, int], *, raw: Path) -> None:
    key = f"config/datasets.yaml: datasets.{name}.download.path"
    if path.is_file():
        _unpack_within_limit(path, folder, without_top_folder(list_members(path)), limit)
    elif not path.is_dir():
        raise FileNotFoundError(f"{path}: no such folder or archive ({key})")
    elif raw.resolve().is_relative_to(path.resolve()):
        raise ValueError(f"{path}: holds {raw} itself; name a folder with nothing but the images ({key})")
    else:
        files = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
        for file in sorted(within_limit((file for file in files if not is_junk(file)), limit)):
            (folder / file.parent).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path / file, folder / file)
    if not any(split_of(Path(place, "image")) for place in count_images(folder)):
        raise ValueError(f"{path}: no images in folders train, val, test or trainA, trainB, ... ({key})")


def _check_counts(name: str, folder: Path, expect: dict[str, int]) -> None:
    """Each folder of a split must hold as many images as `expect` has for the split; a split not in it, none."""
    if not expect:
        return
    counts = count_images(folder)
    found = {place: split for place in counts if (split := split_of(Path(place, "image")))}
    missing = {split: split for split in expect if split not in found.values()}
    for place, split in sorted((found | missing).items()):
        wanted = expect.get(split, 0)
        if counts[place] != wanted:
            key = f"config/datasets.yaml: datasets.{name}.download.expect.{split}"
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
        key = f"config/datasets.yaml: datasets.{name}.download.expect_cars"
        raise ValueError(f"{name}: {len(photos)} cars in the archives, {source.expect_cars} expected ({key}){which}")
    for car, views in sorted(photos.items()):
        if len(views) != source.expect_views:
            key = f"config/datasets.yaml: datasets.{name}.download.expect_views"
            raise ValueError(f"{name}: {len(views)} photos of car {car}, {source.expect_views} expected ({key})")


# ---- gta5 ------------------------------------------------------------------------------------------------------------


def _unpack_part(part: int, folder: Path, *, downloads: Path, mirror: str | None) -> None:
    for kind in ("images", "labels"):
        file = f"{part:02d}_{kind}.zip"
        archive = fetch(f"gta5/{file}", official=f"{GTA5}/{file}", mirror=mirror, cache=downloads)
        frames = (member for member in list_members(archive) if member.startswith(kind) and FRAME.fullmatch(member))
        unpack(archive, folder, wanted={member: Path(member) for member in frames})


def _check_frames(name: str, folder: Path, source: Gta5Source) -> None:
    counts = count_images(folder)
    for kind in ("images", "labels"):
        if counts[kind] != source.expect_frames:
            key = f"config/datasets.yaml: datasets.{name}.download.expect_frames"
            raise ValueError(f"{name}: {counts[kind]} {kind} in the archives, {source.expect_frames} expected ({key})")


def main() -> None:
    parser = argparse.ArgumentParser(description="Bring the raw files of one data set to data/raw/<dataset>/.")
    parser.add_argument("dataset", help="a name in config/datasets.yaml")
    dataset = parser.parse_args().dataset
    source = read_configuration().dataset(dataset).download
    download(dataset, source, raw=RAW, downloads=DOWNLOADS, mirror=os.environ.get("DATA_MIRROR"))


if __name__ == "__main__":
    run(main)
