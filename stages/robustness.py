"""robustness: what a generator makes of drawings that it was not trained on. `python -m stages.robustness <experiment>`

Reads   data/pairs/<canny>/ and data/pairs/<doodle>/ (the same held-out photos, with edges drawn by two methods),
        models/<experiment>/last.safetensors and sketches/cars/
Writes  results/<study>/<experiment>/
            robustness.csv  the scores against the photo of what was generated from each drawing: as prepared, and
                            corrupted in several ways
            robustness.png  two photos with all their drawings, and what was generated from them
            sketches.png    each sketch, and what was generated from it

All experiments get the same drawings: they are corrupted at the size of the pairs, then resized. Dropout noise depends
on the photo's id alone, so two rows of one photo differ in the drawing only.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Robustness
from pix2pix.evaluation.edge_corruptions import corruptions
from pix2pix.evaluation.metrics import scores
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.image_grid import grid, side_by_side
from pix2pix.files.image_listing import list_images
from pix2pix.files.images import Uint8, read_image, resize, write_png
from pix2pix.files.json_csv import write_rows
from pix2pix.pairs.stitched import Pair, read_pairs, split_sides

if TYPE_CHECKING:
    from pix2pix.networks.inference import Trained

SKETCHES = Path("sketches/cars")
PHOTOS_SHOWN = 2
SIDE_SHOWN = 128  # pixels


def robustness(test: Robustness) -> None:
    """Test an experiment on other drawings and publish its scores and figures.

    Raises:
        ValueError, FileNotFoundError: no weights, pairs or sketches; weights of another configuration; the two data
            sets do not hold the same photos.
    """
    from pix2pix.machine.hardware import use_hardware  # torch is slow to import: names are checked first
    from pix2pix.networks.counter_rng import seed_of
    from pix2pix.networks.inference import load_trained

    experiment = test.experiment
    trained = load_trained(Path("models", experiment.name, "last.safetensors"), use_hardware().device)
    experiment.check_weights(trained.metadata)
    sketches = list_images(SKETCHES)
    if not sketches:
        raise FileNotFoundError(f"{SKETCHES}: no sketches in it")
    pairs, size = _pairs(test), experiment.recipe.size
    shown = np.linspace(0, len(pairs) - 1, PHOTOS_SHOWN + 2)[1:-1].round().astype(int).tolist()
    rows: list[dict[str, Any]] = []  # of robustness.csv
    columns: list[list[list[Uint8]]] = []  # of the figure, one for each drawing of a shown photo
    for i, (canny, doodle) in enumerate(tqdm(pairs, desc=experiment.name, unit=" photos")):
        photo, drawings = _photo_and_drawings(canny, doodle)
        target = _square(photo, size)
        for edges, drawing in drawings.items():
            column = [[np.full_like(photo, 255), photo]]
            for corruption, corrupted in corruptions(drawing, seed=seed_of("redrawn", canny.id)).items():
                source = _square(corrupted, size)
                generated = trained.generate(source, id=canny.id)
                column.append([source, generated])
                row = {"edges": edges, "corruption": corruption, "split": canny.split, "id": canny.id}
                rows.append(row | {"group": canny.group} | scores(generated, target, masked_out=True))
            columns += [column] if i in shown else []
    out = Path("results", experiment.study, experiment.name)
    write_rows(out / "robustness.csv", rows, decimals=6)
    with whole_file(out / "robustness.png") as partial:
        write_png(partial, _figure(columns, list(dict.fromkeys(row["corruption"] for row in rows))))
    with whole_file(out / "sketches.png") as partial:
        write_png(partial, _gallery(sketches, trained, size))
    ssim = float(np.mean([row["fg_ssim"] for row in rows]))
    print(f"{out}/robustness.csv: {len(rows)} drawings of {len(pairs)} photos, mean SSIM of the car {ssim:.3f}")


def _pairs(test: Robustness) -> list[tuple[Pair, Pair]]:
    """The held-out pairs of both data sets, by photo."""
    split = test.experiment.split
    canny, doodle = (read_pairs(Path("data/pairs", dataset), split) for dataset in (test.canny, test.doodle))
    if [pair.id for pair in canny] != [pair.id for pair in doodle]:
        raise ValueError(f"data/pairs: {split} of {test.canny} and of {test.doodle} are not the same photos")
    return list(zip(canny, doodle, strict=True))


def _photo_and_drawings(canny: Pair, doodle: Pair) -> tuple[Uint8, dict[str, Uint8]]:
    """The photo that two pairs share, and its edges by both methods."""
    (by_canny, photo), (by_doodle, same) = (split_sides(read_image(pair.path)) for pair in (canny, doodle))
    if not np.array_equal(photo, same):
        raise ValueError(f"{canny.path} and {doodle.path}: side B is not the same photo; prepare both again")
    return photo, {"canny": by_canny, "doodle": by_doodle}


def _figure(columns: list[list[list[Uint8]]], names: list[str]) -> Uint8:
    """The photos in the first row, then a row for each corruption: its drawings and what was generated from them."""
    rows = [[_square(image, SIDE_SHOWN) for images in row for image in images] for row in zip(*columns, strict=True)]
    headings = ["canny", "generated", "doodle", "generated"] * (len(columns) // 2)
    return grid(rows, columns=headings, labels=["the photo", *(name.replace(", ", ",\n") for name in names)])


def _gallery(sketches: list[Path], trained: "Trained", size: int) -> Uint8:
    """Each sketch above what was generated from it."""
    pictures = []
    for path in sketches:
        sketch = _square(read_image(path), size)
        images = sketch, trained.generate(sketch, id=path.stem)
        above = np.concatenate([_square(image, SIDE_SHOWN) for image in images])
        pictures.append((path.stem.replace("_", " "), above))
    return side_by_side(pictures, columns=6)


def _square(image: Uint8, size: int) -> Uint8:
    return resize(image, width=size, height=size)


def main() -> None:
    parser = argparse.ArgumentParser(description="Test an experiment on corrupted edges and on hand-drawn sketches.")
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    robustness(read_configuration().robustness(name))


if __name__ == "__main__":
    run(main)
