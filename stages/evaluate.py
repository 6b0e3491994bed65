"""Score the rendered images of an experiment against their targets: PSNR, SSIM, L1. Needs no model and no GPU.

*Reads* data/pairs/<dataset>/ and results/<table>/<experiment>/{images/, card.json}.
*Writes* results/<table>/<experiment>/: per_image.csv, metrics.json (n, and mean, sd, 95 % interval of each score) and
strip.png (the best, the median and the worst image by SSIM). For cars also the scores of the foreground alone (fg_...),
since a white backdrop flatters every score.
"""

import argparse
import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from stages.command import run
from stages.params import Params, entry, read_params
from stages.pix2pix.cores import usable_cores
from stages.pix2pix.grids import grid
from stages.pix2pix.images import Uint8, read_image, write_png
from stages.pix2pix.listing import list_images
from stages.pix2pix.metrics import scores
from stages.pix2pix.pairs import Pair, read_pairs, read_sides
from stages.pix2pix.publish import whole_file
from stages.pix2pix.statistics import summarise


def evaluate(name: str, params: Params) -> None:
    """Score experiment `name` and publish its numbers.

    Raises:
        ValueError, FileNotFoundError: no such experiment, nothing rendered, or images and pairs do not match.
    """
    experiment = entry(params.experiments, name, "experiments")
    out = Path("results", experiment.table, name)
    card_path = out / "card.json"
    if not card_path.exists():
        raise FileNotFoundError(f"{card_path}: not rendered yet; run `python -m stages.render {name}` first")
    card = json.loads(card_path.read_text(encoding="utf-8"))
    images = out / "images" / card["split"]
    pairs = read_pairs(Path("data/pairs", experiment.dataset), card["split"])
    rendered = {path.name for path in list_images(images)} if images.is_dir() else set()
    if rendered != {f"{pair.id}.png" for pair in pairs}:
        raise ValueError(f"{images}: does not hold exactly the images of split '{card['split']}'; render again")
    masked_out = params.datasets[experiment.dataset].prepare.layout == "carvana" and card["direction"] == "AtoB"

    with ThreadPoolExecutor(usable_cores()) as pool:
        rows = list(pool.map(lambda pair: _score(pair, images, card, masked_out), pairs))
    table = pd.DataFrame(rows)
    with whole_file(out / "per_image.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.8f", lineterminator="\n")
    with whole_file(out / "metrics.json") as partial:
        summary = _summarise(table, [pair.group for pair in pairs])
        partial.write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    with whole_file(out / "strip.png") as partial:
        write_png(partial, _strip(table, pairs, images, card))


def _score(pair: Pair, images: Path, card: dict[str, Any], masked_out: bool) -> dict[str, Any]:
    """One row of per_image.csv."""
    generated = read_image(images / f"{pair.id}.png")
    _, target = read_sides(pair, direction=card["direction"], size=card["recipe"]["size"])
    if generated.shape != target.shape:
        sizes = f"{generated.shape[1]} x {generated.shape[0]} pixels, its target {target.shape[1]} x {target.shape[0]}"
        raise ValueError(f"{images / pair.id}.png: {sizes}; render again")
    about = {"split": pair.split, "id": pair.id, "group": pair.group}
    return about | scores(generated, target, masked_out=masked_out)


def _summarise(table: pd.DataFrame, groups: list[str]) -> dict[str, int | float | None]:
    """Flat metrics: n, groups, and of each score its mean, sd and interval; null where there is none."""
    flat: dict[str, int | float | None] = {"n": len(table), "groups": len(set(groups))}
    for name in table.columns[3:]:
        summary = summarise(table[name].to_numpy(), groups)
        values = {"": summary.mean, "_sd": summary.sd, "_ci95_low": summary.low, "_ci95_high": summary.high}
        flat |= {name + end: round(value, 8) if math.isfinite(value) else None for end, value in values.items()}
    return flat


def _strip(table: pd.DataFrame, pairs: list[Pair], images: Path, card: dict[str, Any]) -> Uint8:
    """The best, the median and the worst image by SSIM, each with its score."""
    order = table["ssim"].sort_values(ascending=False, kind="stable").index
    rows, labels = [], []
    for word, place in (("best", 0), ("median", len(order) // 2), ("worst", -1)):
        pair = pairs[order[place]]
        source, target = read_sides(pair, direction=card["direction"], size=card["recipe"]["size"])
        rows.append([source, read_image(images / f"{pair.id}.png"), target])
        labels.append(f"{word}\n{pair.id}\nSSIM {table['ssim'][order[place]]:.3f}")
    return grid(rows, columns=["input", "generated", "target"], labels=labels)


def main() -> None:
    parser = argparse.ArgumentParser(description="Score an experiment's rendered images against their targets.")
    parser.add_argument("experiment")
    evaluate(parser.parse_args().experiment, read_params())


if __name__ == "__main__":
    run(main)
