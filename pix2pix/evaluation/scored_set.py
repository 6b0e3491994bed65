"""A set of images scored against their targets: one by one, and as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pix2pix.evaluation.checkerboard import checkerboard
from pix2pix.evaluation.confidence_intervals import Summary, summarise
from pix2pix.evaluation.distributions import Distributions, blotches, distributions, joined
from pix2pix.evaluation.metrics import Mask, foreground, scores
from pix2pix.evaluation.result_files import ImageScores, Metrics, Spread, finite
from pix2pix.evaluation.segmentation import Counts
from pix2pix.evaluation.set_scores import SetPair
from pix2pix.files.images import Uint8
from pix2pix.pairs.stitched import Pair


@dataclass(frozen=True)
class ScoredImage:
    """`image` and `target` by prefix of the metrics' keys; `matrix`, of a label map alone, is its confusion matrix."""

    row: ImageScores
    image: dict[str, Distributions]
    target: dict[str, Distributions]
    matrix: Counts | None = None


def score_image(
    pair: Pair, image: Uint8, target: Uint8, *, masked_out: bool, matrix: Counts | None = None, **more: float
) -> ScoredImage:
    """The scores of an image (size, size, 3), and `more` of them that the caller knows.

    Where the target is `masked_out` on white, also those over its foreground, with the prefix fg_.
    """
    values = scores(image, target, masked_out=masked_out) | more
    mask = foreground(target) if masked_out else None
    of_image, of_target = _by_prefix(image, mask), _by_prefix(target, mask)
    if matrix is None:  # a photo
        values |= {f"{part}blotches": blotches(of_image[part].lab[0], of_target[part].lab[0]) for part in of_image}
        values |= {f"{part}checkerboard": checkerboard(image, target, mask if part else None) for part in of_image}
    row = ImageScores(split=pair.split, id=pair.id, group=pair.group, **values)
    return ScoredImage(row, of_image, of_target, matrix)


def distributions_of(target: Uint8, masked_out: bool) -> dict[str, Distributions]:
    """Those of a target alone, by prefix of the metrics' keys."""
    return _by_prefix(target, foreground(target) if masked_out else None)


def _by_prefix(image: Uint8, mask: Mask | None) -> dict[str, Distributions]:
    return {"": distributions(image)} | ({} if mask is None else {"fg_": distributions(image, mask)})


def set_pairs(scored: Sequence[ScoredImage]) -> dict[str, SetPair]:
    """All images and all targets, by prefix."""
    return {
        prefix: SetPair(joined([one.image[prefix] for one in scored]), joined([one.target[prefix] for one in scored]))
        for prefix in scored[0].image
    }


def summarise_set(scored: Sequence[ScoredImage]) -> tuple[dict[str, float], dict[str, Spread]]:
    """The mean of each image metric, the metrics of the set, how many images equal their targets; and the spreads."""
    rows, groups = [one.row for one in scored], [one.row.group for one in scored]
    summaries = {key: summarise(np.array([row.values[key] for row in rows]), groups) for key in rows[0].values}
    equal = {}
    for prefix, pair in set_pairs(scored).items():
        summaries |= {f"{prefix}{key}": summary for key, summary in pair.summaries(groups).items()}
        equal[f"{prefix}equal"] = float(sum(row.values[f"{prefix}l1"] == 0 for row in rows))
    return {key: summary.mean for key, summary in summaries.items()} | equal, spreads(summaries)


def spreads(summaries: Mapping[str, Summary]) -> dict[str, Spread]:
    return {key: Spread(sd=finite(s.sd), low=finite(s.low), high=finite(s.high)) for key, s in summaries.items()}


def metrics_file(scored: Sequence[ScoredImage], values: Mapping[str, float]) -> Metrics:
    """metrics.json of these images."""
    groups = len({one.row.group for one in scored})
    return Metrics(n=len(scored), groups=groups, **{key: finite(value) for key, value in values.items()})
