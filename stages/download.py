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
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from pix2pix.config.datasets import (
    ArchiveSource,
    CarvanaSource,
    DrawnCarsSource,
    DrawnFacadesSource,
    Gta5Source,
    LocalSource,
    Source,
)
from pix2pix.config.fields import Split
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_folder
from pix2pix.files.entry_point import run
from pix2pix.files.image_listing import check_name, is_image, list_files, print_not_read
from pix2pix.pairs import carvana, gta5
from pix2pix.raw.archives import DamagedArchiveError, list_members, unpack
from pix2pix.raw.http import fetch, remove_from_cache
from pix2pix.raw.split_folders import count_images, split_of, within_limit, without_folders_around
from pix2pix.toydata.raw_files import write_cars, write_facades

RAW = Path("data/raw")
DOWNLOADS = Path("scratch/downloads")
PIX2PIX = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
GTA5 = "https://download.visinf.tu-darmstadt.de/data/from_games/data"
KAGGLE = "kaggle:carvana-image-masking-challenge"


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
        counts = count_images(folder)
    print(f"{raw / name}: {_listed(counts)}")


# ---- pix2pix archives and one's own data -----------------------------------------------------------------------------


def _bring_pix2pix(name: str, source: ArchiveSource, folder: Path, *, downloads: Path, mirror: str | None) -> None:
    file = f"{source.archive}.tar.gz"
    archive = fetch(file, official=f"{PIX2PIX}/{file}", mirror=mirror, cache=downloads, sha256=source.sha256)
    unpack(archive, folder, wanted=_choose(archive, list_members(archive), source.limit))
    _check_splits(name, source, folder)


def _bring_local(name: str, source: LocalSource, folder: Path, *, raw: Path) -> None:
    path, key = _in_project(source.path), _key(name, "path")
    if path.is_file():
        unpack(path, folder, wanted=_choose(path, list_members(path), source.limit))
    elif not path.is_dir():
        raise FileNotFoundError(f"{path}: no such folder or archive ({key})")
    elif raw.resolve().is_relative_to(path.resolve()):
        raise ValueError(f"{path}: holds {raw} itself; name a folder with nothing but the images ({key})")
    else:
        files = [file.relative_to(path).as_posix() for file in list_files(path)]
        for file, place in _choose(path, files, source.limit).items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path / file, folder / place)
    _check_splits(name, source, folder)


def _choose(source: Path, names: Sequence[str], limit: Mapping[Split, int]) -> dict[str, Path]:
    """Image of `source`, an archive or a folder -> its path in raw; one line counts the files that are none."""
    for part in {part for name in names for part in (Path(name), *Path(name).parents[:-1])}:
        check_name(source / part)
    images = [name for name in names if is_image(Path(name))]
    paths = without_folders_around(images) if source.is_file() else {name: Path(name) for name in images}
    if not paths:
        raise ValueError(f"{source}: no images in it{f', but {names[0]}' if names else ''}")
    print_not_read(Path(name) for name in names if name not in paths)
    for split in limit.keys() - map(split_of, paths.values()):
        raise ValueError(f"{source}: no folder of {split}, which limit names")
    kept = within_limit(paths.values(), limit)
    return {name: place for name, place in paths.items() if place in kept}


def _in_project(path: str) -> Path:
    """A path of the user's, relative to the project: `dvc exp run --temp` and --queue run in a copy elsewhere."""
    return Path(os.path.relpath(os.environ.get("DVC_ROOT", os.curdir)), Path(path).expanduser())


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
        seen = "" if counts[place] else f" (there are: {_listed(counts)})"
        _check_count(name, f"images in {place}{seen}", counts[place], expected, f"expect.{split}")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{place} {count}" for place, count in sorted(counts.items()))


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
    found: list[set[str]] = []
    for file, pattern, place in (
        ("train.zip", carvana.PHOTO_NAME, carvana.photo_path),
        ("train_masks.zip", carvana.MASK_NAME, carvana.mask_path),
    ):
        archive = fetch(f"carvana/{file}", official=f"{KAGGLE}/{file}", mirror=mirror, cache=downloads)
        ids = _ids(archive, pattern, form=place("<car>_<view>").name)
        taken = {m: id for m, id in ids.items() if source.cars is None or carvana.car_of(id) in source.cars}
        unpack(archive, folder, wanted={member: place(id) for member, id in taken.items()})
        found.append({*taken.values()})
    _check_cars(name, source, *found)


def _ids(archive: Path, name: re.Pattern[str], *, form: str) -> dict[str, str]:
    """Member -> id, group 1 of the pattern `name`, of the files of such a name, in whichever folder they lie."""
    members = list_members(archive)
    files = {member: unicodedata.normalize("NFC", PurePosixPath(member).name) for member in members}
    if found := {member: match[1] for member, file in files.items() if (match := name.fullmatch(file))}:
        return found
    raise ValueError(f"{archive}: holds no {form}, but {members[0]}")


def _check_cars(name: str, source: CarvanaSource, photos: set[str], masks: set[str]) -> None:
    """Every photo a mask, every mask a photo, and the expected numbers of cars and views."""
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
            frames = _ids(archive, gta5.FRAME_NAME, form="NNNNN.png")
            unpack(archive, folder, wanted={member: Path(kind, f"{id}.png") for member, id in frames.items()})
    counts = count_images(folder)
    for kind in ("images", "labels"):
        _check_count(name, f"{kind} in the archives", counts[kind], source.expect_frames, "expect_frames")


def main() -> None:
    parser = argparse.ArgumentParser(description="Bring the raw files of one data set to data/raw/<dataset>/.")
    parser.add_argument("dataset", help="a name in config/datasets.yaml")
    dataset = parser.parse_args().dataset
    source = read_configuration().dataset(dataset).download
    mirror = os.environ.get("DATA_MIRROR")
    if mirror and "://" not in mirror:
        mirror = str(_in_project(mirror))
    download(dataset, source, raw=RAW, downloads=DOWNLOADS, mirror=mirror)


if __name__ == "__main__":
    run(main)
