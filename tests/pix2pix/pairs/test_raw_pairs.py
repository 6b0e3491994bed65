"""Laws of raw folders: the split of each image, in any layout; what does not belong there is named."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pix2pix.config.checks import check
from pix2pix.config.layouts import SidePatterns
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


def test_sides_may_lie_in_any_of_their_places(tmp_path: Path) -> None:
    names = ["train/A/1.jpg", "train/B/1.png", "valA/2.jpg", "valB/2.jpg", "valA/10.jpg", "valB/10.bmp"]
    root = touch(tmp_path, *names, "Test_A/1.png", "A/testing/2.png", "B/testing/2.png", "Test_B/1.png")
    assert find_sides(root) == [
        RawPair("1", "train", "1", (root / "train/A/1.jpg", root / "train/B/1.png")),
        RawPair("2", "val", "2", (root / "valA/2.jpg", root / "valB/2.jpg")),
        RawPair("10", "val", "10", (root / "valA/10.jpg", root / "valB/10.bmp")),
        RawPair("2", "test", "2", (root / "A/testing/2.png", root / "B/testing/2.png")),
        RawPair("1", "test", "1", (root / "Test_A/1.png", root / "Test_B/1.png")),
    ]


def test_without_folders_of_splits_all_is_train(tmp_path: Path) -> None:
    sides = touch(tmp_path / "sides", "A/1.jpg", "B/1.PNG")
    assert find_sides(sides) == [RawPair("1", "train", "1", (sides / "A/1.jpg", sides / "B/1.PNG"))]
    images = touch(tmp_path / "images", "1.JPG", "notes.txt.png")
    assert find_images(images)[0] == RawPair("1", "train", "1", (images / "1.JPG",))


@pytest.mark.parametrize(
    ("a", "b", "names", "found"),
    [
        ("x/{split}/{id}", "y/{split}/{id}", ["x/Train/1.png", "y/Train/1.jpg"], [("1", "train")]),
        ("{split}/{id}", "{split}/{id}_m", ["VAL/1.png", "VAL/1_m.png", "train/1.png", "train/1_m.png"],
         [("1", "train"), ("1", "val")]),
        ("{id}/in", "{id}/out", ["10/in.png", "10/out.png", "9/in.png", "9/out.png"],
         [("9", "train"), ("10", "train")]),
        ("a {id}", "b {id}", ["a e\u0301.png", "b \u00e9.png"], [("\u00e9", "train")]),
        ("{split}_x/{id}", "{split}_y/{id}", ["testing_x/1.png", "testing_y/1.png", "training_x/1.png",
         "training_y/1.png"], [("1", "train"), ("1", "test")]),
    ],
)  # fmt: skip
def test_sides_may_be_told_apart_by_patterns(
    tmp_path: Path, a: str, b: str, names: list[str], found: list[tuple[str, str]]
) -> None:
    pairs = find_sides(touch(tmp_path, *names), SidePatterns(A=a, B=b))
    assert [(pair.id, pair.split) for pair in pairs] == found
    for pair in pairs:
        assert pair.files[0] != pair.files[1]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["x/1.png", "y/1.png", "z/1.png"], "z/1.png: not an image, or not in its place"),
        (["x/1.png", "x/2.png", "y/1.png"], "x/2.png: has no partner '2' in .*y$"),
        (["x/1.png"], ": no images of train B"),
        (["x/1.jpg", "x/1.png", "y/1.png"], "x/1.jpg and .*x/1.png: two images with the id '1'"),
    ],
)
def test_what_no_pattern_fits_is_named(tmp_path: Path, names: list[str], says: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=f"^{tmp_path}/?{says}"):
        find_sides(touch(tmp_path, *names), SidePatterns(A="x/{id}", B="y/{id}"))


@pytest.mark.parametrize(
    ("a", "b"), [("x", "y"), ("{id}", "{id}"), ("{id}{id}", "{id}"), ("{split}/{id}", "{id}"), ("{name}", "{id}")]
)
def test_patterns_that_tell_nothing_are_refused(a: str, b: str) -> None:
    with pytest.raises(ValueError, match="pair_by"):
        check("pair_by", SidePatterns, {"A": a, "B": b})


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["val/A/1.jpg", "val/B/1.jpg"], ": no images of train A"),
        (["trainA/1.jpg"], ": no images of train B"),
        (["trainA/1.jpg", "trainB/.keep"], ": no images of train B"),
        (["trainA/1.jpg", "trainB/1.jpg", "train/A/1.jpg"], "train/A/1.jpg and .*trainA/1.jpg: two images with the id"),
        (["trainA/1.jpg", "trainA/2.jpg", "trainB/2.jpg"], "trainA/1.jpg: has no partner '1' in .*trainB$"),
        (["trainA/1.jpg", "trainB/1.jpg", "trainB/0.jpg"], "trainB/0.jpg: has no partner '0' in .*trainA$"),
        (["trainA/1.jpg", "trainB/1.jpg", "trainA/1.png"], "trainA/1.jpg and .*trainA/1.png: two images with the id"),
        (["trainA/1.jpg", "trainB/1.jpg", "trainA/notes.txt"], "trainA/notes.txt: not an image, or not in its place"),
        (["train/A/1.jpg", "train/B/1.jpg", "train/C/1.jpg"], "train/C/1.jpg: not an image, or not in its place"),
        (["trainA/1.jpg", "trainB/1.jpg", "2.jpg"], "2.jpg: not an image, or not in its place"),
        (["train/A/1.jpg", "train/B/1.jpg", "A/2.jpg", "B/2.jpg"], "A/2.jpg: not an image, or not in its place"),
        (["trainA/\u00e9.jpg", "trainA/e\u0301.png"], "trainA/e\u0301.png and .*: two images with the id '\u00e9'"),
        (["trainA/1.jpg", "trainB/1.jpg", "dev/1.jpg"], "dev/1.jpg: not an image, or not in its place"),
    ],
)
def test_sides_that_do_not_fit_are_named(tmp_path: Path, names: list[str], says: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=f"^{tmp_path}/?{says}"):
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
    for path, name in ((carvana.photo_path, carvana.PHOTO_NAME), (carvana.mask_path, carvana.MASK_NAME)):
        match = name.fullmatch(path("a_b_07").name)
        assert match is not None and match[1] == "a_b_07"
        assert not any(map(name.fullmatch, ("a.jpg", "a_x.jpg", "x/a_07.jpg", "._a_07.jpg", "a_07.gif")))
    assert carvana.car_of("a_b_07") == "a_b"
