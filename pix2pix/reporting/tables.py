"""The lines of tables: scores, the mean over seeds, paired differences, published numbers; and what they mean."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pix2pix.evaluation.confidence_intervals import summarise
from pix2pix.reporting.results import Row

Line = dict[str, Any]

SCORES = {"psnr": ("PSNR, dB", 2), "ssim": ("SSIM", 4), "l1": ("L1 of 1", 4)}  # heading, decimals
NUMBERS = {
    "train_l1": ("train L1", 4),
    "val_l1": ("val. L1", 4),
    "train_ce": ("train CE", 3),
    "val_ce": ("val. CE", 3),
    "pixel_accuracy": ("pixel acc.", 3),
    "class_accuracy": ("class acc.", 3),
    "mean_iou": ("mean IoU", 3),
    "fcn_pixel_accuracy": ("FCN pixel acc.", 3),
    "fcn_class_accuracy": ("FCN class acc.", 3),
    "fcn_mean_iou": ("FCN mean IoU", 3),
    "fid": ("FID", 1),
    "lpips": ("LPIPS", 3),
}
DEFINED = {
    "psnr": """PSNR, SSIM (RGB, Gaussian window σ 1.5) and L1 are means over the n images; behind them the standard
deviation over images and, in brackets, the 95 % interval of the mean (t-interval over groups: a
car's views count as one).""",
    "val_l1": "Train and val. L1 (of 1) are the last epoch's losses; the former with augmentation and dropout.",
    "val_ce": "CE is the last epoch's cross-entropy per pixel, in nats.",
    "mean_iou": """Pixel accuracy, class accuracy (mean recall of the classes in the label maps) and mean IoU (of the
classes in label maps or predictions) are of one confusion matrix over all images; a pixel is the class of the
nearest colour.""",
    "fcn_mean_iou": """FCN pixel accuracy, class accuracy (mean recall of the classes in the label maps) and mean IoU
are of the classes that a segmenter trained on real photos ({segmenters}) reads in the generated photos;
*real photos* is what it reads in the real ones of the same images, the ceiling as far as the segmenter is good.""",
    "fid": "FID (Inception features; biased upwards where n is small) is against the real photos of the same images.",
    "lpips": "LPIPS is the mean perceptual distance to the target; 0 is equal.",
}


def scores(rows: Sequence[Row], prefix: str = "") -> list[Line]:
    """A line an experiment with the scores of `prefix`, and one over the seeds where rows differ in nothing else."""
    rows = [row for row in rows if f"{prefix}ssim" in row.metrics]
    directions = len({row.card["direction"] for row in rows}) > 1
    lines: list[Line] = []
    for row in rows:
        line = _about(row, directions=directions)
        for score, (heading, decimals) in SCORES.items():
            mean, sd, low, high = (row.metrics[prefix + score + end] for end in ("", "_sd", "_ci95_low", "_ci95_high"))
            spread = "–" if sd is None else f"{sd:.{decimals}f}"
            line[heading] = f"{_number(mean, decimals, '∞')} ± {spread} {_interval(low, high, decimals)}"
        lines.append(line)
    for family in _seed_families(rows):
        line = _about(family[0], directions=directions) | {"experiment": _family(family), "seed": "all"}
        lines.append(line | _over_seeds(family, SCORES, prefix))
    return lines


def numbers(rows: Sequence[Row]) -> list[Line]:
    """What any row has beside the scores: losses, label scores, FCN-score with its ceiling, FID, LPIPS."""
    columns = {key: shown for key, shown in NUMBERS.items() if any(row.numbers.get(key) is not None for row in rows)}
    if not columns:
        return []
    lines: list[Line] = []
    for row in rows:
        values = {shown: _number(row.numbers.get(key), decimals, "–") for key, (shown, decimals) in columns.items()}
        lines.append({"experiment": row.name} | values)
    for family in _seed_families(rows):
        lines.append({"experiment": _family(family)} | _over_seeds(family, columns))
    return lines + _ceilings(rows)


def differences(rows: Sequence[Row], references: Sequence[Row], *, prefix: str = "") -> list[Line]:
    """Every row against each reference on the same images, where both have the scores of `prefix`; mean and interval.

    Raises:
        ValueError: two rows of the same data were not scored on the same images.
    """
    lines = []
    for reference in references:
        for row in rows:
            if row.name == reference.name or row.data != reference.data:
                continue
            if not all(f"{prefix}ssim" in table for table in (row.per_image, reference.per_image)):
                continue
            pairs = row.per_image.merge(
                reference.per_image, on=["split", "id"], suffixes=("", "_reference"), validate="1:1"
            )
            if not len(pairs) == len(row.per_image) == len(reference.per_image):
                raise ValueError(
                    f"{row.name} and {reference.name} were not scored on the same images; run `dvc repro` again"
                )
            line = {"experiment": f"{row.name} − {reference.name}"}
            for score, (heading, decimals) in (SCORES | {"pixel_accuracy": NUMBERS["pixel_accuracy"]}).items():
                if f"{prefix}{score}_reference" not in pairs:
                    continue
                difference = (pairs[prefix + score] - pairs[f"{prefix}{score}_reference"]).to_numpy()
                summary = summarise(difference, pairs["group"].tolist())
                mean = f"{summary.mean:+.{decimals}f}" if math.isfinite(summary.mean) else "–"
                line[heading] = f"{mean} {_interval(summary.low, summary.high, decimals)}"
            lines.append(line)
    return lines


def published(sources: Mapping[str, Mapping[Any, float]]) -> list[Line]:
    """Numbers of others, a line a source, in our columns and formats."""
    keys = {key for values in sources.values() for key in values}
    columns = {key: shown for key, shown in (SCORES | NUMBERS).items() if key in keys}
    return [
        {"source": source} | {shown: _number(values.get(key), digits, "–") for key, (shown, digits) in columns.items()}
        for source, values in sources.items()
    ]


def definitions(rows: Sequence[Row], sources: Mapping[str, Mapping[Any, float]]) -> str:
    """What the columns that these rows, or published numbers beside them, fill mean."""
    segmenters = ", ".join(sorted({f"`{row.score['segmenter']}`" for row in rows if row.score}))
    ours = {key for row in rows for key, value in row.numbers.items() if value is not None}
    filled = ours | {str(key) for values in sources.values() for key in values}
    shown = [text for key, text in DEFINED.items() if key in filled]
    return "\n".join(shown).replace("{segmenters}", segmenters)


def markdown(lines: Sequence[Line]) -> str:
    text: str = pd.DataFrame(lines).fillna("").to_markdown(index=False, disable_numparse=True)
    return text


def _about(row: Row, *, directions: bool) -> Line:
    return {
        "experiment": row.name,
        "data": row.card["dataset"],
        **({"direction": row.card["direction"].replace("to", " → ")} if directions else {}),
        "split": row.card["split"],
        "size": row.card["recipe"]["size"],
        "epochs": row.card["epoch"] if row.learned else "–",
        "seed": row.card["seed"] if row.learned else "–",
        "n": row.metrics["n"],
        "groups": row.metrics["groups"],
    }


def _seed_families(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that differ in nothing but their seed, where there are several."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        same = {key: row.card[key] for key in ("dataset", "direction", "model", "recipe")}
        families.setdefault(json.dumps(same, sort_keys=True), []).append(row)
    return [family for family in families.values() if len(family) > 1]


def _family(family: list[Row]) -> str:
    return f"*{family[0].name}: mean and spread of {len(family)} seeds*"


def _over_seeds(family: list[Row], columns: dict[str, tuple[str, int]], prefix: str = "") -> Line:
    line = {}
    for key, (heading, decimals) in columns.items():
        values = [row.numbers[prefix + key] for row in family if row.numbers.get(prefix + key) is not None]
        if len(values) == len(family):
            line[heading] = f"{np.mean(values):.{decimals}f} ± {np.std(values, ddof=1):.{decimals}f}"
    return line


def _ceilings(rows: Sequence[Row]) -> list[Line]:
    """The FCN-score of the real photos, once for each data set, size and segmenter."""
    real: dict[tuple[Any, ...], Line] = {}
    for row in rows:
        if not row.score:
            continue
        line: Line = {}
        for key in ("pixel_accuracy", "class_accuracy", "mean_iou"):
            heading, decimals = NUMBERS[f"fcn_{key}"]
            line[heading] = _number(row.score[f"real_{key}"], decimals, "–")
        if real.setdefault((*row.data, row.score["segmenter"]), line) != line:
            raise ValueError(f"{row.folder}/fcn_score.json: another ceiling than in other rows; run `dvc repro` again")
    several = len(real) > 1
    return [
        {"experiment": f"*real photos, {dataset} at {size}, by {segmenter}*" if several else "*real photos*"} | line
        for (dataset, _, size, segmenter), line in real.items()
    ]


def _number(value: float | None, decimals: int, none: str) -> str:
    return none if value is None else f"{value:.{decimals}f}"


def _interval(low: float | None, high: float | None, decimals: int) -> str:
    if low is None or high is None or math.isnan(low):
        return "[–]"
    return f"[{low:.{decimals}f}, {high:.{decimals}f}]"
