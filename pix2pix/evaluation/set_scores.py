"""Scores of a set of images as a whole against the set of targets, whichever image belongs to which target.

lsd, the log-spectrum distance: the root mean square, over the radii 2 … size / 2 - 1, of the difference between the
log10 of both sets' radial power (Durall et al. 2020, section 3); 0 for equal sets. Blur lowers the power at large
radii, noise raises it. Less power than that of rounding to 8 bits counts as that, so that the distance of a
black image is finite.
lab_l, lab_a, lab_b, the Lab histogram intersections: the share, 0..1, that both sets' histograms of L, of a or of b
have in common (Isola et al. 2017, section 4.2); 1 for equal sets, 0 where a set has no pixel that counts.
"""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from pix2pix.evaluation.confidence_intervals import Summary, resampled, summarise_resampled
from pix2pix.evaluation.distributions import BINS, ROUNDING, Distributions, Float64
from pix2pix.files.atomic import whole_file

RANGES = {"lsd": (0.0, math.inf), "lab_l": (0.0, 1.0), "lab_a": (0.0, 1.0), "lab_b": (0.0, 1.0)}
SET_SCORES = tuple(RANGES)
SIDES = ("image", "target")


@dataclass(frozen=True)
class SetPair:
    """A set of images and the targets that they are scored against."""

    images: Distributions
    targets: Distributions

    def scores(self) -> dict[str, float]:
        weights = np.ones((1, len(self.images.power))), np.ones((1, len(self.targets.power)))
        return {key: float(values[0]) for key, values in self._scores(*weights).items()}

    def resampled_scores(self, groups: Sequence[str], others: Sequence[str] | None = None) -> dict[str, Float64]:
        """The scores of every resample of groups, (RESAMPLES,) each: the same resamples wherever groups are the same.

        `groups` are those of the targets, and of the images that were generated for them; images of other pairs have
        groups of their own, `others`.
        """
        weights = resampled(groups)
        return self._scores(weights if others is None else resampled(others, seed=1), weights)

    def summaries(self, groups: Sequence[str], others: Sequence[str] | None = None) -> dict[str, Summary]:
        """Each score with its interval, as of `resampled_scores`."""
        count = min(len({*groups}), len({*groups} if others is None else {*others}))
        resamples = self.resampled_scores(groups, others)
        return {
            key: summarise_resampled(score, resamples[key], count, within=RANGES[key])
            for key, score in self.scores().items()
        }

    def _scores(self, of_images: Float64, of_targets: Float64) -> dict[str, Float64]:
        """The scores for every row of the weights of single images, (B, N) and (B, M): (B,) each."""
        logs, shares = [], []
        for part, weights in ((self.images, of_images), (self.targets, of_targets)):
            power = weights @ part.power.astype(np.float64) / weights.sum(1, keepdims=True)
            logs.append(np.log10(np.maximum(power, ROUNDING)))
            counts = (weights @ part.lab.reshape(len(part.lab), -1).astype(np.float64)).reshape(-1, 3, BINS)
            shares.append(counts / np.maximum(counts.sum(2, keepdims=True), 1))
        distance = np.sqrt(np.square(logs[0] - logs[1]).mean(1))
        return dict(zip(SET_SCORES, (distance, *np.minimum(*shares).sum(2).T), strict=True))

    def in_order(self, order: Sequence[int]) -> "SetPair":
        """The same images in another order."""
        parts = (Distributions(part.power[order], part.lab[order]) for part in (self.images, self.targets))
        return SetPair(*parts)


def paired_differences(
    first: Sequence[SetPair], second: Sequence[SetPair], groups: Sequence[str]
) -> dict[str, Summary]:
    """The mean score of the first sets (a row's seeds) minus that of the second, all against the same targets."""
    score, resamples = ({key: np.zeros(1) for key in SET_SCORES} for _ in range(2))
    for sets, sign in ((first, 1), (second, -1)):
        for one in sets:
            values, resampled_values = one.scores(), one.resampled_scores(groups)
            for key in SET_SCORES:
                score[key] = score[key] + sign * values[key] / len(sets)
                resamples[key] = resamples[key] + sign * resampled_values[key] / len(sets)
    count = len({*groups})
    return {key: summarise_resampled(score[key].item(), resamples[key], count) for key in SET_SCORES}


def write_sets(path: Path, sets: Mapping[str, SetPair]) -> None:
    """Write distributions.npz, whole or not at all: of each image and target, by prefix of the metrics' keys."""
    arrays: dict[str, NDArray[Any]] = {}
    for prefix, pair in sets.items():
        for side, part in zip(SIDES, (pair.images, pair.targets), strict=True):
            arrays |= {f"{prefix}{side}_power": part.power, f"{prefix}{side}_lab": part.lab}
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_sets(path: Path, *, prefixes: Sequence[str], images: int, made_by: str) -> dict[str, SetPair]:
    """Read what `write_sets` wrote of that many images, by prefix.

    Raises:
        FileNotFoundError: there is no such file; says which command makes it.
        ValueError: not such a file, or of other images.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            sets = {prefix: SetPair(*(_read_part(arrays, f"{prefix}{side}") for side in SIDES)) for prefix in prefixes}
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file; run `{made_by}` first") from None
    except (ValueError, KeyError, EOFError, BadZipFile):
        raise ValueError(f"{path}: not the distributions of a set of images; run `{made_by}` again") from None
    if any(len(part.power) != images for pair in sets.values() for part in (pair.images, pair.targets)):
        raise ValueError(f"{path}: not of the {images} images of per_image.csv; run `{made_by}` again")
    return sets


def _read_part(arrays: Mapping[str, NDArray[Any]], name: str) -> Distributions:
    return Distributions(arrays[f"{name}_power"], arrays[f"{name}_lab"])
