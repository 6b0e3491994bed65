"""Laws of class scores: they count pixels, all images at once; what is void or absent does not count."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from pix2pix.evaluation.segmentation import confusion, ious, label_scores, pixel_accuracy
from pix2pix.files.images import Uint8
from tests.support.laws import of_any, seeds
from tests.support.soaks import Soak

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


@pytest.mark.soak
def test_any_class_maps_score_as_by_counting(soak: Soak) -> None:
    """scikit-learn's definitions: accuracy_score, recall_score and jaccard_score over the classes that occur."""

    @of_any(soak, 120, 5_000, seed=seeds, names=st.integers(1, 20), side=st.integers(1, 9), void=st.booleans())
    def law(*, seed: int, names: int, side: int, void: bool) -> None:
        draw = np.random.default_rng(seed)
        classes = [f"class {i}" for i in range(names)]
        if void:
            classes[draw.integers(names)] = "void"
        some = draw.choice(names, draw.integers(1, names + 1), replace=False)  # others occur nowhere
        truth, called = (draw.choice(some, (side, side + 1)).astype(np.uint8) for _ in range(2))
        matrix = confusion(called, truth, classes=classes)
        counted = np.array([classes[t] != "void" for t in truth.ravel()])
        true, claimed = truth.ravel()[counted].tolist(), called.ravel()[counted].tolist()
        for t in range(names):
            for c in range(names):
                assert matrix[t, c] == sum((t, c) == both for both in zip(true, claimed, strict=True))
        recalls, overlaps = [], {}
        for index, name in enumerate(classes):
            hits = sum(t == c == index for t, c in zip(true, claimed, strict=True))
            either = sum(index in both for both in zip(true, claimed, strict=True))
            if index in true:
                recalls.append(hits / true.count(index))
            if name != "void":
                overlaps[name] = hits / either if either else math.nan
        assert ious(matrix, classes=classes) == pytest.approx(overlaps, nan_ok=True)
        occurring = [value for value in overlaps.values() if not math.isnan(value)]
        right = sum(t == c for t, c in zip(true, claimed, strict=True))
        expected = {
            "pixel_accuracy": right / len(true) if true else math.nan,
            "class_accuracy": sum(recalls) / len(recalls) if recalls else math.nan,
            "mean_iou": sum(occurring) / len(occurring) if occurring else math.nan,
        }
        assert label_scores(matrix, classes=classes) == pytest.approx(expected, nan_ok=True)


def test_matrices_of_several_images_add_up_whatever_their_order() -> None:
    draw = np.random.default_rng(0)
    images = [draw.integers(0, 4, (2, 8, 8)).astype(np.uint8) for _ in range(5)]
    total: Any = sum(confusion(*image, classes=list("abcd")) for image in images)
    joined = np.concatenate(images, axis=2)[:, ::-1, ::-1]
    np.testing.assert_array_equal(total, confusion(joined[0], joined[1], classes=list("abcd")))


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
