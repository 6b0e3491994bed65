"""Laws of trees of raw files: the split of each image, what a limit keeps, and how many there are."""

import random
from pathlib import Path

import pytest

from pix2pix.raw.split_folders import count_images, split_of, within_limit, without_folders_around


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train/1.jpg", "train"),
        ("trainA/1.jpg", "train"),
        ("train_masks/1.gif", "train"),
        ("Train_A/1.jpg", "train"),
        ("photos/validation/1.jpg", "val"),
        ("trainers/1.jpg", None),
        ("val.jpg", None),
    ],
)
def test_the_split_is_that_of_a_folder(path: str, split: str | None) -> None:
    assert split_of(Path(path)) == split


@pytest.mark.parametrize(
    ("images", "paths"),
    [
        (["facades/train/1.jpg", "facades/val/1.jpg"], ["train/1.jpg", "val/1.jpg"]),
        (["set-main/data/train/A/1.jpg", "set-main/docs/1.jpg", "1.jpg"], ["train/A/1.jpg", None, None]),
        (["x/A/Train/1.jpg", "x/B/Train/1.jpg"], ["A/Train/1.jpg", "B/Train/1.jpg"]),
        (["x/photos/train/1.jpg", "x/prints/train/1.jpg"], ["photos/train/1.jpg", "prints/train/1.jpg"]),
        (["train_A/1.jpg", "train_B/1.jpg"], ["train_A/1.jpg", "train_B/1.jpg"]),
        (["train/1.jpg", "1.jpg"], ["train/1.jpg", "1.jpg"]),  # beside the splits: prepare names it
        (["train/val/1.jpg"], ["train/val/1.jpg"]),
        (["mine/A/1.jpg", "mine/B/1.jpg"], ["A/1.jpg", "B/1.jpg"]),  # no splits
        (["mine/1.jpg", "mine/2.jpg"], ["1.jpg", "2.jpg"]),
    ],
)
def test_folders_around_the_splits_are_left_out(images: list[str], paths: list[str | None]) -> None:
    expected = {image: Path(path) for image, path in zip(images, paths, strict=True) if path}
    assert without_folders_around(images) == expected


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
