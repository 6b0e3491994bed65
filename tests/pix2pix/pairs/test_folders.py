"""Laws of raw folders: the split of each image, in any layout; what does not fit is named, never passed over."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pix2pix.pairs.carvana import find_photos
from pix2pix.pairs.folders import find_images, find_sides
from pix2pix.pairs.gta5 import find_frames


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_images_come_by_split_and_number(tmp_path: Path) -> None:
    names = ["val/2.jpg", "train/10.jpg", "train/9.PNG", "train/.hidden", "test/1.webp", ".git/config"]
    found = find_images(touch(tmp_path, *names))
    expected = ["train/9.PNG", "train/10.jpg", "val/2.jpg", "test/1.webp"]
    assert found == [(name.split("/")[0], tmp_path / name) for name in expected]


def test_sides_may_lie_in_either_place(tmp_path: Path) -> None:
    root = touch(tmp_path, "train/A/1.jpg", "train/B/1.png", "valA/2.jpg", "valB/2.jpg", "valA/10.jpg", "valB/10.bmp")
    assert find_sides(root) == [
        ("train", root / "train/A/1.jpg", root / "train/B/1.png"),
        ("val", root / "valA/2.jpg", root / "valB/2.jpg"),
        ("val", root / "valA/10.jpg", root / "valB/10.bmp"),
    ]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["val/A/1.jpg", "val/B/1.jpg"], "train/A: no such folder, nor .*trainA$"),
        (["trainA/1.jpg", "trainB/1.jpg", "train/A/1.jpg"], "train/A and .*trainA: the images of one split in two"),
        (["trainA/1.jpg"], "trainB: no such folder"),
        (["trainA/1.jpg", "trainB/.keep"], "trainB: no images"),
        (["trainA/1.jpg", "trainA/2.jpg", "trainB/2.jpg"], "trainA/1.jpg: has no partner of that name in .*trainB$"),
        (["trainA/1.jpg", "trainB/1.jpg", "trainB/0.jpg"], "trainB/0.jpg: has no partner of that name in .*trainA$"),
        (["trainA/1.jpg", "trainB/1.jpg", "trainA/1.png"], "trainA/1.jpg and .*trainA/1.png: two images with the id"),
        (["trainA/1.jpg", "trainB/1.jpg", "trainA/Thumbs.db"], "trainA/Thumbs.db: not an image file"),
        (["trainA/1.jpg", "trainB/1.jpg", "dev/1.jpg"], "dev: not a folder that this layout knows"),
    ],
)
def test_sides_that_do_not_fit_are_named(tmp_path: Path, names: list[str], says: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=f"^{tmp_path}/{says}"):
        find_sides(touch(tmp_path, *names))


@pytest.mark.parametrize(
    ("find", "first", "second", "other"),
    [
        (find_photos, "train/a_01.jpg", "train_masks/a_01_mask.gif", "train/a.jpg"),
        (find_frames, "images/00001.png", "labels/00001.png", "images/1.png"),
    ],
)
def test_cars_and_frames_need_both_of_their_folders(
    tmp_path: Path, find: Callable[[Path], list[object]], first: str, second: str, other: str
) -> None:
    folders = [(tmp_path / name).parent for name in (first, second)]
    for name, folder in zip((first, second), folders, strict=True):
        with pytest.raises(FileNotFoundError, match=f"^{folder}: no such folder$"):
            find(tmp_path)
        folder.mkdir()
        with pytest.raises(FileNotFoundError, match=f"^{folder}: no files "):
            find(tmp_path)
        (tmp_path / name).touch()
    (folders[0] / ".DS_Store").touch()
    assert len(find(tmp_path)) == 1
    (tmp_path / other).touch()
    with pytest.raises(ValueError, match=f"^{tmp_path / other}: only files named .* belong here$"):
        find(tmp_path)
