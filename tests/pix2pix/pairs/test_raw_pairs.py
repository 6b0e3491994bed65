"""Laws of raw folders: the split of each image, in any layout; what does not belong there is named."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pix2pix.pairs import carvana
from pix2pix.pairs.gta5 import find_frames
from pix2pix.pairs.raw_pairs import RawPair, find_images, find_sides


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_images_are_found_by_split_and_number(tmp_path: Path) -> None:
    names = ["val/2.jpg", "train/10.jpg", "train/9.PNG", "train/.hidden", "test/1.webp", ".git/config"]
    found = find_images(touch(tmp_path, *names))
    assert [(pair.split, pair.id) for pair in found] == [("train", "9"), ("train", "10"), ("val", "2"), ("test", "1")]
    assert found[0] == RawPair("9", "train", "9", (tmp_path / "train/9.PNG",))


def test_sides_may_lie_in_either_place(tmp_path: Path) -> None:
    root = touch(tmp_path, "train/A/1.jpg", "train/B/1.png", "valA/2.jpg", "valB/2.jpg", "valA/10.jpg", "valB/10.bmp")
    assert find_sides(root) == [
        RawPair("1", "train", "1", (root / "train/A/1.jpg", root / "train/B/1.png")),
        RawPair("2", "val", "2", (root / "valA/2.jpg", root / "valB/2.jpg")),
        RawPair("10", "val", "10", (root / "valA/10.jpg", root / "valB/10.bmp")),
    ]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["val/A/1.jpg", "val/B/1.jpg"], "train/A: no such folder, nor .*trainA$"),
        (["trainA/1.jpg", "trainB/1.jpg", "train/A/1.jpg"], "train/A and .*trainA: the images of one split in two"),
        (["trainA/1.jpg"], "trainB: no such folder"),
        (["trainA/1.jpg", "trainB/.keep"], "trainB: no images"),
        (["trainA/1.jpg", "trainA/2.jpg", "trainB/2.jpg"], "trainA/1.jpg: has no partner '1' in .*trainB$"),
        (["trainA/1.jpg", "trainB/1.jpg", "trainB/0.jpg"], "trainB/0.jpg: has no partner '0' in .*trainA$"),
        (["trainA/1.jpg", "trainB/1.jpg", "trainA/1.png"], "trainA/1.jpg and .*trainA/1.png: two images with the id"),
        (["trainA/1.jpg", "trainB/1.jpg", "trainA/notes.txt"], "trainA/notes.txt: not an image file"),
        (["train/A/1.jpg", "train/B/1.jpg", "train/C/1.jpg"], "train/C: not a folder that this layout knows"),
        (["trainA/1.jpg", "trainB/1.jpg", "2.jpg"], "2.jpg: an image outside of the folders"),
        (["trainA/\u00e9.jpg", "trainA/e\u0301.png"], "trainA/e\u0301.png and .*: two images with the id '\u00e9'"),
        (["trainA/1.jpg", "trainB/1.jpg", "dev/1.jpg"], "dev: not a folder that this layout knows"),
    ],
)
def test_sides_that_do_not_fit_are_named(tmp_path: Path, names: list[str], says: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=f"^{tmp_path}/{says}"):
        find_sides(touch(tmp_path, *names))


@pytest.mark.parametrize(
    ("find", "folders", "name"),
    [
        (carvana.find_photos, ("train", "train_masks"), "a_01.jpg"),
        (partial(find_frames, block=1, gap=0), ("images", "labels"), "00001.png"),
    ],
)
def test_cars_and_frames_need_both_of_their_folders(
    tmp_path: Path, find: Callable[..., object], folders: tuple[str, str], name: str
) -> None:
    for first, file in ((folders[0], name), (folders[1], ".hidden")):
        with pytest.raises(FileNotFoundError, match=f"^{tmp_path}/{first}: no such folder$"):
            find(tmp_path, hold_out=1, seed=0)
        touch(tmp_path, f"{first}/{file}")
    with pytest.raises(FileNotFoundError, match=f"^{tmp_path}/{folders[1]}: no files "):
        find(tmp_path, hold_out=1, seed=0)


def test_names_of_photos_and_masks_are_those_of_carvana() -> None:
    for path in (carvana.photo_path("a_b_07"), carvana.mask_path("a_b_07")):
        assert carvana.parse_id(path) == "a_b_07" and carvana.car_of("a_b_07") == "a_b"
    for other in ("a_07.jpg", "train/a.jpg", "train/a_x.jpg", "train/x/a_07.jpg", "train/._a_07.jpg", "train/a_07.gif"):
        assert carvana.parse_id(Path(other)) is None
