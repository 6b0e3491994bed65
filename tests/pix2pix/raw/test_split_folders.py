"""Laws of trees of raw files: the split of each image, what a limit keeps, and how many there are."""

import random
from pathlib import Path

import pytest

from pix2pix.raw.split_folders import count_images, split_of, within_limit, without_top_folder


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train/1.jpg", "train"),
        ("trainA/1.jpg", "train"),
        ("train_masks/1.gif", "train"),
        ("training/1.jpg", None),
        ("val.jpg", None),
        ("data/val/1.jpg", None),
    ],
)
def test_the_split_is_that_of_the_top_folder(path: str, split: str | None) -> None:
    assert split_of(Path(path)) == split


@pytest.mark.parametrize(
    ("members", "paths"),
    [
        (["facades/train/1.jpg", "facades/README"], ["train/1.jpg", "README"]),
        (["facades", "facades/val/1.jpg"], [None, "val/1.jpg"]),  # the top folder itself is no file
        (["train/A/1.jpg", "train/B/1.jpg"], ["train/A/1.jpg", "train/B/1.jpg"]),  # train is no wrapping
        (["photos/one/1.jpg"], ["photos/one/1.jpg"]),  # no split within: nothing to unwrap for
    ],
)
def test_one_folder_around_the_splits_is_left_out(members: list[str], paths: list[str | None]) -> None:
    expected = {member: Path(path) for member, path in zip(members, paths, strict=True) if path}
    assert without_top_folder(members) == expected


def test_a_limit_takes_the_first_by_number_of_each_folder_and_all_that_is_no_image() -> None:
    paths = [Path(f"train{side}/{n}.jpg") for side in "AB" for n in range(1, 21)]
    paths += [Path("val/1.jpg"), Path("val/2.jpg"), Path("train/notes.txt"), Path("README")]
    random.Random(0).shuffle(paths)
    kept = within_limit(paths, {"train": 3})
    assert sorted(kept) == sorted(
        [Path(f"train{side}/{n}.jpg") for side in "AB" for n in (1, 2, 3)]
        + [Path("val/1.jpg"), Path("val/2.jpg"), Path("train/notes.txt"), Path("README")]
    )


def test_images_are_counted_by_folder(tmp_path: Path) -> None:
    for name in ("train/A/1.jpg", "train/A/2.png", "train/B/1.jpg", "train_masks/1.gif", "train/A/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert count_images(tmp_path) == {"train/A": 2, "train/B": 1, "train_masks": 1}
