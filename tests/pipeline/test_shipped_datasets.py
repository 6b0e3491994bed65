"""Every shipped data set, small, in the layout of its official archive: downloaded and prepared by its own entry.

Only the counts of the entry are changed. A pair is known by the colours of its sides: A is reddish, B bluish or of a
class, and both tell the number of the image.
"""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config.datasets import SPLITS, ArchiveSource, CarvanaSource, Dataset, LocalSource
from pix2pix.config.layouts import CarvanaLayout, StitchedLayout
from pix2pix.config.reader import read_configuration
from pix2pix.files.images import Uint8, read_image
from pix2pix.pairs.inpainting import FILL
from pix2pix.pairs.palettes import CITYSCAPES, palette
from pix2pix.pairs.stitched import read_pairs, split_sides, stitch
from stages.prepare import prepare
from tests.support.raw_archives import bring, write_tar, write_zip
from tests.support.repository import REPO

CONFIGURATION = read_configuration(REPO)
SHIPPED = {name: CONFIGURATION.dataset(name) for name in CONFIGURATION.names("datasets")}

STITCHED = {name for name, dataset in SHIPPED.items() if isinstance(dataset.prepare, StitchedLayout)}

# archive -> width and height of a side, file names; as the authors packed them
OFFICIAL = {
    "facades": (256, 256, "{n}.jpg"),
    "maps": (600, 600, "{n}.jpg"),
    "edges2shoes": (256, 256, "{n}_AB.jpg"),
    "edges2handbags": (256, 256, "{n}_AB.jpg"),
    "cityscapes": (256, 256, "{n}.jpg"),
    "night2day": (256, 256, "{n}.jpg"),
    "shoes2edges-part": (256, 256, "{n}_AB.jpg"),
}


def plain(colour: tuple[int, int, int] | Uint8, width: int, height: int) -> Uint8:
    return np.full((height, width, 3), colour, np.uint8)


def encoded(image: Image.Image | Uint8, kind: str) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, quality=95)
    return file.getvalue()


def sides(n: int, width: int, height: int, labels: str | None = None) -> tuple[Uint8, Uint8]:
    b = (40, 10 * n, 200) if labels is None else palette(labels)[n % len(palette(labels))]
    return plain((200, 10 * n, 40), width, height), plain(b, width, height)


def made(tmp_path: Path, dataset: Dataset, **changes: object) -> Path:
    """Download from the folder `mirror` and prepare, under the changed counts; the folder of pairs."""
    bring(tmp_path, dataset.download.model_copy(update=changes), tmp_path / "mirror")
    prepare(layout=dataset.prepare, raw=tmp_path / "data/raw/some", out=tmp_path / "pairs")
    return tmp_path / "pairs"


@pytest.mark.parametrize("name", sorted(STITCHED - {"toy_facades"}))
def test_an_archive_of_pairs_becomes_pairs(tmp_path: Path, name: str) -> None:
    """With two images in val; where a part of val is another split, that is the second image."""
    dataset = SHIPPED[name]
    source, layout = dataset.download, dataset.prepare
    assert isinstance(layout, StitchedLayout) and isinstance(source, ArchiveSource | LocalSource)
    archive = source.archive if isinstance(source, ArchiveSource) else Path(source.path).name.partition(".")[0]
    width, height, file = OFFICIAL[archive]
    counts = {split: 11 if split == "train" else 2 for split in source.expect}
    files = {  # two splits never hold the same bytes
        f"{archive}/{split}/{file.format(n=n)}": encoded(stitch(*sides(n, width, height, layout.labels)), "JPEG")
        + split.encode()
        for split, count in counts.items()
        for n in range(1, count + 1)
    }
    path = write_tar(tmp_path / f"mirror/{archive}.tar.gz", files)

    limit = {"train": 10} if source.limit else {}
    changes = {"limit": limit, "expect": counts} | ({"path": str(path)} if source.source == "local" else {})
    second = {split: taken.model_copy(update={"first": 2, "last": 2}) for split, taken in layout.splits.items()}
    small = layout.model_copy(update={"splits": second})
    pairs = made(tmp_path, dataset.model_copy(update={"prepare": small}), **changes)
    numbers = {split: [*range(1, count + 1)] for split, count in (counts | limit).items()}
    for made_split, taken in second.items():
        numbers |= {made_split: [2], taken.of: [1]}
    for split, expected_numbers in numbers.items():
        found = read_pairs(pairs, split)
        assert [pair.path.name for pair in found] == [file.format(n=n) for n in expected_numbers]
        for n, pair in zip(expected_numbers, found, strict=True):
            both = sides(n, width, height, layout.labels)
            for side, expected in zip(split_sides(read_image(pair.path)), both, strict=True):
                assert side.shape == (height, width, 3)
                assert np.abs(side.astype(int) - expected)[:, 8:-8].max() < 8
    assert dataset.splits == [split for split in SPLITS if split in numbers]


def test_every_set_of_cars_holds_out_the_same_cars() -> None:
    """By id; but of drawn cars it is a number."""
    layouts = {name: dataset.prepare for name, dataset in SHIPPED.items() if isinstance(dataset.prepare, CarvanaLayout)}
    by_number = {name for name, layout in layouts.items() if isinstance(layout.hold_out, int)}
    assert by_number == {"toy_cars"}
    (listed,) = {repr(layout.hold_out) for name, layout in layouts.items() if name not in by_number}
    for name in layouts.keys() - by_number:
        source = SHIPPED[name].download
        assert isinstance(source, CarvanaSource)
        assert source.cars is None or all(car in source.cars for car in re.findall("[0-9a-f]{12}", listed))


def test_paris_photos_become_inpainting_pairs(tmp_path: Path) -> None:
    """Large JPEGs in train, small PNGs in val; red grows from left to right, green downwards."""
    for file, (height, width) in {"train/001_im.JPG": (537, 936), "val/001_im.png": (227, 227)}.items():
        photo = plain((0, 0, 60), width, height)
        photo[..., 0] = np.linspace(0, 255, width)
        photo[..., 1] = np.linspace(0, 255, height)[:, None]
        path = tmp_path / "paris" / file
        path.parent.mkdir(parents=True)
        path.write_bytes(encoded(photo, "JPEG" if path.suffix == ".JPG" else "PNG"))
    pairs = made(tmp_path, SHIPPED["paris"], path=str(tmp_path / "paris"), expect={"train": 1, "val": 1})

    hole = np.zeros((256, 256), bool)
    hole[64:192, 64:192] = True
    for split, crop in (("train", (936 - 537) / 2 / 936), ("val", 0.0)):
        (pair,) = read_pairs(pairs, split)
        a, b = (side.astype(int) for side in split_sides(read_image(pair.path)))
        assert a.shape == b.shape == (256, 256, 3)
        assert (a[hole] == FILL).all() and not (b[hole] == FILL).all(-1).any()
        assert np.array_equal(a[~hole], b[~hole])
        assert np.abs(b[..., 0] - np.linspace(255 * crop, 255 * (1 - crop), 256)).max() < 6
        assert np.abs(b[..., 1] - np.linspace(0, 255, 256)[:, None]).max() < 6


def test_gta5_frames_become_pairs(tmp_path: Path) -> None:
    """Frames of 1914 x 1052 pixels, labels as PNGs with a palette; here 192 x 106."""
    label = Image.fromarray(np.full((106, 192), 13, np.uint8), mode="P")
    label.putpalette(palette("cityscapes").reshape(-1).tolist())
    for part, numbers in {1: range(1, 31), 2: range(31, 61), 3: range(61, 99)}.items():
        images = {f"images/{n:05d}.png": encoded(plain((n, 100, 50), 192, 106), "PNG") for n in numbers}
        write_zip(tmp_path / f"mirror/gta5/{part:02d}_images.zip", images)
        labels = {f"labels/{n:05d}.png": encoded(label, "PNG") for n in numbers}
        write_zip(tmp_path / f"mirror/gta5/{part:02d}_labels.zip", labels)
    dataset = SHIPPED["gta5"]
    small = dataset.prepare.model_copy(update={"size": 64, "block": 20, "gap": 3, "hold_out": 1})
    pairs = made(tmp_path, dataset.model_copy(update={"prepare": small}), parts=[1, 2], expect_frames=60)
    train, val = read_pairs(pairs, "train"), read_pairs(pairs, "val")
    assert len(train) == 40 and 14 <= len(val) <= 17
    for pair in (*train, *val):
        a, b = split_sides(read_image(pair.path))
        assert np.array_equal(a, plain((int(pair.id), 100, 50), 64, 64))
        assert np.array_equal(b, plain(CITYSCAPES["car"], 64, 64))
