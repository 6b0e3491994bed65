"""Controls: sets of images of which one knows what they are; they show what the metrics of a table can and cannot tell.

training  real training images: the ceiling of the metrics of a set, which compare no image with its own target
shuffled  each target in the place of another: what the metrics of a set do not see
noise     an experiment's own images with the noise that gives them the targets' spectrum: how lsd can be fooled

The first two depend on the data alone and stand beside the baseline, the mean, which is the floor; the third stands
beside a generator that was trained by L1 alone, whose images lack detail.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from pix2pix.config.models import Mean, Pix2Pix
from pix2pix.evaluation.confidence_intervals import Summary
from pix2pix.evaluation.distributions import LEAST_RADIUS, joined, rings
from pix2pix.evaluation.metrics import Float64
from pix2pix.evaluation.rendered_images import Rendered
from pix2pix.evaluation.result_files import NOISE, SHUFFLED, TRAINING, Control, Metrics, finite
from pix2pix.evaluation.scored_set import (
    ScoredImage,
    distributions_of,
    metrics_file,
    score_image,
    set_pairs,
    spreads,
    summarise_set,
)
from pix2pix.evaluation.set_scores import SetPair
from pix2pix.files.image_grid import spread
from pix2pix.files.images import Uint8
from pix2pix.pairs.stitched import Pair, read_pairs


def controls(
    rendered: Rendered, scored: Sequence[ScoredImage], root: Path, pool: Executor, *, masked_out: bool
) -> dict[str, Control]:
    """Those that stand beside an experiment, whose images are `scored`; `root` holds the prepared pairs."""
    pairs = rendered.pairs

    def control(image: Callable[[int], Uint8]) -> Control:
        def score(i: int) -> ScoredImage:
            return score_image(pairs[i], image(i), rendered.sides(pairs[i])[1], masked_out=masked_out)

        set_of_images = list(pool.map(score, range(len(pairs))))
        values, intervals = summarise_set(set_of_images)
        return Control(metrics=metrics_file(set_of_images, values), intervals=intervals)

    match rendered.card.model:
        case Mean():
            half = len(pairs) // 2  # so that the views of a car stand beside those of another car
            return {
                TRAINING: _training(rendered, scored, read_pairs(root, "train"), pool, masked_out=masked_out),
                SHUFFLED: control(lambda i: rendered.sides(pairs[i - half])[1]),
            }
        case Pix2Pix() if rendered.card.recipe.gan_weight == 0:
            missing = missing_amplitude(set_pairs(scored)[""])
            return {NOISE: control(lambda i: with_noise(rendered.image(pairs[i]), missing, seed=i))}
        case _:
            return {}


def _training(
    rendered: Rendered, scored: Sequence[ScoredImage], training: Sequence[Pair], pool: Executor, *, masked_out: bool
) -> Control:
    """As many training targets as there are held-out ones (all, where there are fewer), evenly spread over the set."""
    chosen = [training[i] for i in spread(len(scored), of=len(training))]
    set_of_images = list(pool.map(lambda pair: distributions_of(rendered.sides(pair)[1], masked_out), chosen))
    groups, others = [one.row.group for one in scored], [pair.group for pair in chosen]
    summaries: dict[str, Summary] = {}
    for prefix, held_out in set_pairs(scored).items():
        pair = SetPair(joined([of_image[prefix] for of_image in set_of_images]), held_out.targets)
        summaries |= {f"{prefix}{key}": summary for key, summary in pair.summaries(groups, others).items()}
    values = {key: finite(summary.mean) for key, summary in summaries.items()}
    metrics = Metrics(n=len(chosen), groups=len({*others}), **values)
    return Control(metrics=metrics, intervals=spreads(summaries))


def missing_amplitude(pair: SetPair) -> Float64:
    """At each radius from 0 to size / 2 - 1: the root of the power that the images lack, levels."""
    power = (part.power.astype(np.float64).mean(0) for part in (pair.targets, pair.images))
    missing = np.sqrt(np.maximum(np.subtract(*power), 0))
    return np.concatenate([np.zeros(LEAST_RADIUS), missing])


def with_noise(image: Uint8, amplitude: Float64, *, seed: int) -> Uint8:
    """Grey Gaussian noise of that amplitude at each radius, and of the last one's beyond, added to (size, size, 3)."""
    size = len(image)
    radius, _ = rings(size)
    white = np.fft.rfft2(np.random.default_rng(seed).normal(size=(size, size)))
    noise = np.fft.irfft2(white * amplitude[np.minimum(radius, len(amplitude) - 1)], s=(size, size))
    return np.asarray((image + noise[..., None]).round().clip(0, 255).astype(np.uint8))
