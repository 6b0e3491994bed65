"""download: the raw files of one data set, whole and counted, or not at all. `python -m stages.download <dataset>`

Reads   config/datasets.yaml, <dataset>.download; from there an official archive (DATA_MIRROR is tried first), Kaggle,
        a folder or archive of the user's own, or nothing (drawn data)
Writes  data/raw/<dataset>/
            {train,val,test}/<n>.jpg                                  the pix2pix archives, drawn facades
            photos and masks as in pix2pix/pairs/carvana.py           carvana, drawn cars
            images/<nnnnn>.png, labels/<nnnnn>.png                    gta5
            the user's own tree                                       local
        scratch/downloads/ keeps downloaded archives; it may be deleted at any time
"""

import argparse
import os
import re
import shutil
from collections import Counter
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
from pix2pix.files.entry_point import run
from pix2pix.files.image_listing import check_name, is_image, list_files, not_read
from pix2pix.pairs import carvana
from pix2pix.raw.archives import DamagedArchiveError, list_members, unpack
from pix2pix.raw.http import fetch, remove_from_cache
from pix2pix.raw.split_folders import count_images, split_of, within_limit, without_top_folder
from pix2pix.toydata.raw_files import write_cars, write_facades

RAW = Path("data/raw")
DOWNLOADS = Path("scratch/downloads")
PIX2PIX = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
GTA5 = "https://download.visinf.tu-darmstadt.de/data/from_games/data"
KAGGLE = "kaggle:carvana-image-masking-challenge"

FRAME = re.compile(r"(images|labels)/\d{5}\.png")


def download(name: str, source: Source, *, raw: Path, downloads: Path, mirror: str | None) -> None:
    """Make `raw/<name>/` from `source`; what was there before stays until the new folder is whole.

    Raises:
        ValueError: a damaged archive, or counts other than expected; one line with both numbers and the key.
        FileNotFoundError: a file that neither the mirror nor the official host gave, or no such local path.
    """
    with whole_folder(raw / name) as folder:
        try:
            match source:
                case ArchiveSource():
                    _bring_pix2pix(name, source, folder, downloads=downloads, mirror=mirror)
                case CarvanaSource():
                    _bring_carvana(name, source, folder, downloads=downloads, mirror=mirror)
                case Gta5Source():
                    _bring_gta5(name, source, folder, downloads=downloads, mirror=mirror)
                case LocalSource():
                    _bring_local(name, source, folder, raw=raw)
                case DrawnCarsSource():
                    write_cars(folder, cars=source.cars, views=source.views, size=source.size, seed=source.seed)
                case DrawnFacadesSource():
                    write_facades(folder, train=source.train, val=source.val, size=source.size, seed=source.seed)
        except DamagedArchiveError as error:
            removed = remove_from_cache(error.archive, cache=downloads)
            raise ValueError(f"{error}; {'the same command downloads it again' if removed else 'replace it'}") from None
        counts = ", ".join(f"{place} {count}" for place, count in sorted(count_images(folder).items()))
    print(f"{raw / name}: {counts}")


# ---- pix2pix archives and one's own data -----------------------------------------------------------------------------


def _bring_pix2pix(name: str, source: ArchiveSource, folder: Path, *, downloads: Path, mirror: str | None) -> None:
    file = f"{source.archive}.tar.gz"
    archive = fetch(file, official=f"{PIX2PIX}/{file}", mirror=mirror, cache=downloads, sha256=source.sha256)
    paths = without_top_folder(list_members(archive))
    images = {member: path for member, path in paths.items() if split_of(path) and is_image(path)}
    kept = within_limit(images.values(), source.limit)
    unpack(archive, folder, wanted={member: path for member, path in images.items() if path in kept})
    _check_splits(name, source, folder)


def _bring_local(name: str, source: LocalSource, folder: Path, *, raw: Path) -> None:
    path, key = Path(source.path).expanduser(), _key(name, "path")
    if path.is_file():
        paths = without_top_folder(list_members(path))
        files = list(paths.values())
        for file in files:
            check_name(path / file)
        kept = within_limit(filter(is_image, files), source.limit)
        unpack(path, folder, wanted={member: place for member, place in paths.items() if place in kept})
    elif not path.is_dir():
        raise FileNotFoundError(f"{path}: no such folder or archive ({key})")
    elif raw.resolve().is_relative_to(path.resolve()):
        raise ValueError(f"{path}: holds {raw} itself; name a folder with nothing but the images ({key})")
    else:
        files = [file.relative_to(path) for file in list_files(path)]
        for file in sorted(within_limit(filter(is_image, files), source.limit)):
            (folder / file.parent).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path / file, folder / file)
    if line := not_read(file for file in files if not is_image(file)):
        print(line)
    if not count_images(folder):
        raise ValueError(f"{path}: no images in it ({key})")
    for split in source.limit.keys() - map(split_of, files):
        raise ValueError(f"{path}: no folder of {split} ({_key(name, f'limit.{split}')})")
    _check_splits(name, source, folder)


def _check_splits(name: str, source: ArchiveSource | LocalSource, folder: Path) -> None:
    """Each folder of a split must hold as many images as are expected of the split; where none is expected, none."""
    if not source.expect:
        return
    counts = count_images(folder)
    found = {place: split for place in counts if (split := split_of(Path(place, "image")))}
    missing = {split: split for split in source.expect if split not in found.values()}
    for place, split in sorted((found | missing).items()):
        expected = source.expect.get(split, 0)
        expected = min(expected, source.limit.get(split, expected))
        _check_count(name, f"images in {place}", counts[place], expected, f"expect.{split}")


def _check_count(name: str, what: str, count: int, expected: int, key: str) -> None:
    if count != expected:
        raise ValueError(
            f"{name}: {count} {what}, {expected} expected ({_key(name, key)}); "
            f"correct the number, or replace the data (of archives, also the copy in {DOWNLOADS})"
        )


def _key(name: str, key: str) -> str:
    return f"config/datasets.yaml: datasets.{name}.download.{key}"


# ---- carvana ---------------------------------------------------------------------------------------------------------


def _bring_carvana(name: str, source: CarvanaSource, folder: Path, *, downloads: Path, mirror: str | None) -> None:
    for file in ("train.zip", "train_masks.zip"):
        archive = fetch(f"carvana/{file}", official=f"{KAGGLE}/{file}", mirror=mirror, cache=downloads)
        ids = {member: id for member in list_members(archive) if (id := carvana.parse_id(Path(member)))}
        cars = {member: carvana.car_of(id) for member, id in ids.items()}
        wanted = {member: Path(member) for member, car in cars.items() if source.cars is None or car in source.cars}
        unpack(archive, folder, wanted=wanted)
    _check_cars(name, source, folder)


def _check_cars(name: str, source: CarvanaSource, folder: Path) -> None:
    """Every photo a mask, every mask a photo, and the expected numbers of cars and views."""
    photos, masks = (
        {id for path in (folder / kind).glob("*") if (id := carvana.parse_id(path.relative_to(folder)))}
        for kind in (carvana.PHOTO_FOLDER, carvana.MASK_FOLDER)
    )
    for id in sorted(photos - masks):
        raise ValueError(f"{name}: train.zip has the photo {carvana.photo_path(id)}, train_masks.zip no mask for it")
    for id in sorted(masks - photos):
        raise ValueError(f"{name}: train_masks.zip has the mask {carvana.mask_path(id)}, train.zip no photo for it")
    views = Counter(map(carvana.car_of, photos))
    for car in sorted(set(source.cars or []) - set(views)):
        raise ValueError(f"{name}: car {car} is not in the archives ({_key(name, 'cars')})")
    _check_count(name, "cars in the archives", len(views), source.expect_cars, "expect_cars")
    for car, count in sorted(views.items()):
        _check_count(name, f"photos of car {car}", count, source.expect_views, "expect_views")


# ---- gta5 ------------------------------------------------------------------------------------------------------------


def _bring_gta5(name: str, source: Gta5Source, folder: Path, *, downloads: Path, mirror: str | None) -> None:
    for part in source.parts:
        for kind in ("images", "labels"):
            file = f"{part:02d}_{kind}.zip"
            archive = fetch(f"gta5/{file}", official=f"{GTA5}/{file}", mirror=mirror, cache=downloads)
            frames = (member for member in list_members(archive) if member.startswith(kind) and FRAME.fullmatch(member))
            unpack(archive, folder, wanted={member: Path(member) for member in frames})
    counts = count_images(folder)
    for kind in ("images", "labels"):
        _check_count(name, f"{kind} in the archives", counts[kind], source.expect_frames, "expect_frames")


def main() -> None:
    parser = argparse.ArgumentParser(description="Bring the raw files of one data set to data/raw/<dataset>/.")
    parser.add_argument("dataset", help="a name in config/datasets.yaml")
    dataset = parser.parse_args().dataset
    source = read_configuration().dataset(dataset).download
    download(dataset, source, raw=RAW, downloads=DOWNLOADS, mirror=os.environ.get("DATA_MIRROR"))


if __name__ == "__main__":
    run(main)
