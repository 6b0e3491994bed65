"""Laws of class scores: they count pixels, all images at once; what is void or absent does not count."""

import math
from typing import Any

import numpy as np
import pytest

from pix2pix.evaluation.segmentation import confusion, ious, label_scores, pixel_accuracy
from pix2pix.files.images import Uint8

AB = ["a", "b"]
SCORES = ("pixel_accuracy", "class_accuracy", "mean_iou")


def maps(*values: int) -> Uint8:
    return np.array([values], np.uint8)


def scores(predicted: Uint8, truth: Uint8, classes: list[str]) -> list[float]:
    found = label_scores(confusion(predicted, truth, classes=classes), classes=classes)
    return [found[name] for name in SCORES]


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        (maps(0, 0, 1, 1), maps(0, 0, 1, 1), [1, 1, 1]),
        (maps(1, 1, 0, 0), maps(0, 0, 1, 1), [0, 0, 0]),
        (maps(0, 0, 0, 1), maps(0, 0, 1, 1), [3 / 4, (1 + 1 / 2) / 2, (2 / 3 + 1 / 2) / 2]),
        (maps(0, 0, 0, 0), maps(0, 0, 0, 1), [3 / 4, 1 / 2, (3 / 4 + 0) / 2]),
        (maps(0, 0, 0, 0), maps(0, 0, 0, 0), [1, 1, 1]),  # b occurs nowhere: it counts nowhere
        (maps(0, 0, 0, 1), maps(0, 0, 0, 0), [3 / 4, 3 / 4, (3 / 4 + 0) / 2]),  # b is only called: its IoU is 0
    ],
)
def test_two_classes_by_hand(predicted: Uint8, truth: Uint8, expected: list[float]) -> None:
    assert scores(predicted, truth, AB) == pytest.approx(expected)


def brute_force(predicted: Uint8, truth: Uint8, classes: list[str]) -> list[float]:
    """Pixel by pixel, with sets."""
    pixels = [(int(p), int(t)) for p, t in zip(predicted.flat, truth.flat, strict=True) if classes[t] != "void"]
    recalls, overlaps = [], []
    for index, name in enumerate(classes):
        called = {i for i, (p, _) in enumerate(pixels) if p == index}
        true = {i for i, (_, t) in enumerate(pixels) if t == index}
        recalls += [len(called & true) / len(true)] if true else []
        overlaps += [len(called & true) / len(called | true)] if called | true and name != "void" else []
    right = sum(p == t for p, t in pixels)
    return [right / len(pixels), sum(recalls) / len(recalls), sum(overlaps) / len(overlaps)]


@pytest.mark.parametrize("seed", range(20))
def test_any_maps_by_brute_force(seed: int) -> None:
    draw = np.random.default_rng(seed)
    count = int(draw.integers(2, 9))
    classes = [f"class {i}" for i in range(count - 1)] + ["void" if seed % 2 else "last"]
    predicted, truth = (draw.integers(0, draw.integers(1, count + 1), (9, 11)).astype(np.uint8) for _ in range(2))
    truth[0, 0] = 0
    assert scores(predicted, truth, classes) == pytest.approx(brute_force(predicted, truth, classes))


def test_the_order_of_images_and_of_pixels_does_not_matter() -> None:
    draw = np.random.default_rng(0)
    images = [draw.integers(0, 4, (2, 8, 8)).astype(np.uint8) for _ in range(5)]
    classes = list("abcd")
    total: Any = sum(confusion(*image, classes=classes) for image in images)
    np.testing.assert_array_equal(total, sum(confusion(*image, classes=classes) for image in images[::-1]))
    joined = np.concatenate(images, axis=2)[:, ::-1, ::-1]
    np.testing.assert_array_equal(total, confusion(joined[0], joined[1], classes=classes))


def test_renaming_classes_renames_their_ious() -> None:
    predicted, truth = maps(0, 1, 1, 2), maps(0, 1, 2, 2)
    straight = ious(confusion(predicted, truth, classes=list("abc")), classes=list("abc"))
    turned = ious(confusion(2 - predicted, 2 - truth, classes=list("cba")), classes=list("cba"))
    assert straight == turned == {"a": 1.0, "b": 0.5, "c": 0.5}


def test_void_pixels_do_not_count_but_calling_void_is_a_mistake() -> None:
    classes = ["a", "b", "void"]
    assert scores(maps(0, 1, 0, 1), maps(0, 1, 2, 2), classes) == [1, 1, 1]
    assert scores(maps(0, 2), maps(0, 0), classes) == [0.5, 0.5, 0.5]
    assert "void" not in ious(confusion(maps(0), maps(0), classes=classes), classes=classes)


def test_where_nothing_is_evaluated_there_is_no_number() -> None:
    classes = ["a", "void"]
    matrix = confusion(maps(0, 1), maps(1, 1), classes=classes)
    assert math.isnan(pixel_accuracy(matrix))
    assert all(math.isnan(value) for value in label_scores(matrix, classes=classes).values())
    assert math.isnan(ious(matrix, classes=classes)["a"])


@pytest.mark.parametrize(("predicted", "truth"), [(maps(0, 1), maps(0)), (maps(2), maps(0)), (maps(0), maps(2))])
def test_maps_that_do_not_fit_are_refused(predicted: Uint8, truth: Uint8) -> None:
    with pytest.raises(ValueError, match="do not fit, or not 2 classes"):
        confusion(predicted, truth, classes=AB)
