"""Try an experiment's generator on drawings it was not trained on: does it generalise to what a hand draws?

*Reads* data/pairs/<canny>/ and data/pairs/<doodle>/ (the same held-out photos, edges prepared in two ways),
models/<experiment>/last.safetensors and sketches/cars/*.png.
*Writes* results/<study>/<experiment>/: robustness.csv (one row a drawing: edges, redrawn, split, id, group, and its
scores against the photo), robustness.png (some of them, and what was generated) and sketches.png (each sketch and what
was made of it).

Every experiment gets the same drawings, redrawn at the size of the pairs, then resized to its own. Dropout noise
depends on the photo's id alone, so two rows of one photo differ in nothing but the drawing.
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from pix2pix.config.experiment import Robustness
from pix2pix.config.reader import read_configuration
from pix2pix.evaluation.edge_corruptions import redrawings
from pix2pix.evaluation.metrics import scores
from pix2pix.files.atomic import whole_file
from pix2pix.files.command_line import run
from pix2pix.files.image_grid import grid, side_by_side
from pix2pix.files.image_listing import list_images
from pix2pix.files.images import Uint8, read_image, resize, write_png
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.inference import Trained, load_trained
from pix2pix.pairs.stitched import Pair, read_pairs, split_sides

SKETCHES = Path("sketches/cars")
SHOWN = 2  # photos in robustness.png
TILE = 128  # pixels of a picture in it


class Try(NamedTuple):
    row: dict[str, Any]  # of robustness.csv
    drawing: Uint8
    generated: Uint8


def robustness(test: Robustness) -> None:
    """Try an experiment on other drawings and publish its scores and figures.

    Raises:
        ValueError, FileNotFoundError: no weights or pairs; weights of other parameters; the two data sets
            do not hold the same photos; no sketches.
    """
    name = test.experiment.name
    trained = load_trained(Path("models", name, "last.safetensors"), use_hardware().device)
    test.experiment.check_weights(trained.about)
    sketches = list_images(SKETCHES)
    if not sketches:
        raise FileNotFoundError(f"{SKETCHES}: no sketches in it")
    photos = _photos(test)
    shown = np.linspace(0, len(photos) - 1, SHOWN + 2)[1:-1].round().astype(int).tolist()
    rows: list[dict[str, Any]] = []
    panels: list[list[list[Uint8]]] = []
    for i, (canny, doodle) in enumerate(tqdm(photos, desc=name, unit=" photos")):
        photo, drawings = _sides(canny, doodle)
        for edges, drawing in drawings.items():
            tried = _try(drawing, edges, canny, photo, trained)
            rows += [t.row for t in tried]
            if i in shown:
                panels.append([[np.full_like(photo, 255), photo], *([t.drawing, t.generated] for t in tried)])
    out = Path("results", test.experiment.study, name)
    with whole_file(out / "robustness.csv") as partial:
        pd.DataFrame(rows).to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")
    with whole_file(out / "robustness.png") as partial:
        write_png(partial, _figure(panels, ways=list(dict.fromkeys(row["redrawn"] for row in rows))))
    with whole_file(out / "sketches.png") as partial:
        write_png(partial, _gallery(sketches, trained))


def _photos(test: Robustness) -> list[tuple[Pair, Pair]]:
    canny, doodle = (read_pairs(Path("data/pairs", dataset), test.held_out) for dataset in (test.canny, test.doodle))
    if [pair.id for pair in canny] != [pair.id for pair in doodle]:
        raise ValueError(f"data/pairs: {test.held_out} of {test.canny} and of {test.doodle} are not the same photos")
    return list(zip(canny, doodle, strict=True))


def _sides(canny: Pair, doodle: Pair) -> tuple[Uint8, dict[str, Uint8]]:
    """The photo that the two pairs share, and its edges as each prepares them."""
    (by_canny, photo), (by_doodle, same) = (split_sides(read_image(pair.path)) for pair in (canny, doodle))
    if not np.array_equal(photo, same):
        raise ValueError(f"{canny.path} and {doodle.path}: side B is not the same photo; prepare both again")
    return photo, {"canny": by_canny, "doodle": by_doodle}


def _try(drawing: Uint8, edges: str, pair: Pair, photo: Uint8, trained: Trained) -> list[Try]:
    """The drawing, redrawn in every way."""
    size = trained.about["recipe"]["size"]
    target = _square(photo, size)
    tries = []
    for way, redrawn in redrawings(drawing, seed=seed_of("redrawn", pair.id)).items():
        source = _square(redrawn, size)
        generated = trained.generate(source, id=pair.id)
        row = {"edges": edges, "redrawn": way, "split": pair.split, "id": pair.id, "group": pair.group}
        tries.append(Try(row | scores(generated, target, masked_out=True), source, generated))
    return tries


def _figure(panels: list[list[list[Uint8]]], *, ways: list[str]) -> Uint8:
    """Panels (two columns each: drawings, generated) side by side; the photo, then a line a way."""
    lines = [[_square(tile, TILE) for line in beside for tile in line] for beside in zip(*panels, strict=True)]
    columns = ["canny", "generated", "doodle", "generated"] * (len(panels) // 2)
    return grid(lines, columns=columns, labels=["the photo", *(way.replace(", ", ",\n") for way in ways)])


def _gallery(sketches: list[Path], trained: Trained) -> Uint8:
    """Each sketch above what was generated from it."""
    pictures = []
    for path in sketches:
        sketch = _square(read_image(path), trained.about["recipe"]["size"])
        generated = trained.generate(sketch, id=path.stem)
        pair = np.concatenate([_square(sketch, TILE), _square(generated, TILE)])
        pictures.append((path.stem.replace("_", " "), pair))
    return side_by_side(pictures, columns=6)


def _square(image: Uint8, size: int) -> Uint8:
    return resize(image, width=size, height=size)


def main() -> None:
    parser = argparse.ArgumentParser(description="Try an experiment on edges drawn worse, and on our sketches.")
    parser.add_argument("experiment")
    robustness(read_configuration().robustness(parser.parse_args().experiment))


if __name__ == "__main__":
    run(main)
