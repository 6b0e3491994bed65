"""Scores of class maps against label maps: pixel accuracy, class accuracy and mean IoU of one confusion matrix.

The definitions are those of Long et al. 2015, section 5, which the FCN-score of Isola et al. 2017, section 4.1, uses.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pix2pix.files.images import Uint8

VOID = "void"  # pixels of this class are not evaluated

Counts = NDArray[np.int64]


def confusion(predicted: Uint8, truth: Uint8, *, classes: Sequence[str]) -> Counts:
    """Class maps (H, W), (H, W) -> (K, K): entry (i, j) counts the pixels of class i that were predicted as class j.

    Pixels whose true class is void are not counted. The matrix of several images is the sum of theirs.

    Raises:
        ValueError: the maps differ in shape, or hold an index that is no class.
    """
    count = len(classes)
    if predicted.shape != truth.shape or max(predicted.max(), truth.max()) >= count:
        raise ValueError(f"class maps of {predicted.shape} and {truth.shape} pixels do not fit, or not {count} classes")
    pairs = truth.astype(np.int64) * count + predicted
    matrix = np.bincount(pairs.ravel(), minlength=count * count).reshape(count, count)
    if VOID in classes:
        matrix[classes.index(VOID)] = 0
    return matrix


def pixel_accuracy(matrix: Counts) -> float:
    """Share of the evaluated pixels whose class was predicted; NaN where there are none."""
    return float(matrix.trace() / matrix.sum()) if matrix.any() else math.nan


def class_accuracy(matrix: Counts) -> float:
    """Mean recall of the classes that occur in the truth: the share of their pixels that were predicted as such."""
    totals = matrix.sum(1)
    present = totals > 0
    return float((matrix.diagonal()[present] / totals[present]).mean()) if present.any() else math.nan


def ious(matrix: Counts, *, classes: Sequence[str]) -> dict[str, float]:
    """Intersection over union of each class but void; NaN where it occurs in neither truth nor prediction."""
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    return {
        name: float(both / either) if either else math.nan
        for name, both, either in zip(classes, matrix.diagonal(), union, strict=True)
        if name != VOID
    }


def label_scores(matrix: Counts, *, classes: Sequence[str]) -> dict[str, float]:
    """pixel_accuracy, class_accuracy and mean_iou, 0..1.

    mean_iou is over the classes that occur in truth or prediction: one that is only predicted, never true, counts as 0.
    """
    values = [value for value in ious(matrix, classes=classes).values() if not math.isnan(value)]
    return {
        "pixel_accuracy": pixel_accuracy(matrix),
        "class_accuracy": class_accuracy(matrix),
        "mean_iou": sum(values) / len(values) if values else math.nan,
    }
