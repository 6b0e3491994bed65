"""Translate the held-out images of an experiment, or any images of one's own.

*Reads* data/pairs/<dataset>/ (the data set's held-out split) and models/<experiment>/last.safetensors.
*Writes* results/<table>/<experiment>/: images/<split>/<id>.png, grid.png (input, generated, target; fixed rows) and
card.json (what was rendered by what: experiment, data, model, recipe, inference policy).

With `--images DIR --out DIR` it translates the image files of DIR, of any size and without targets, to OUT/<name>.png.
Without mixed precision, one image at a time: a result depends on nothing but the image, its id and the weights (law 3).
"""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.command import run
from stages.params import Params, entry, read_params
from stages.pix2pix.generators import Trained, load_trained
from stages.pix2pix.grids import grid
from stages.pix2pix.hardware import use_hardware
from stages.pix2pix.images import Uint8, read_image, write_png
from stages.pix2pix.listing import list_images
from stages.pix2pix.pairs import Pair, read_pairs, read_sides
from stages.pix2pix.publish import whole_file, whole_folder

GRID_ROWS = 5


def render(name: str, params: Params) -> None:
    """Render the held-out split of experiment `name` and publish images, grid and card.

    Raises:
        ValueError, FileNotFoundError: no such experiment, weights or pairs, or weights of other parameters.
    """
    experiment = entry(params.experiments, name, "experiments")
    split = params.datasets[experiment.dataset].held_out
    trained = load_trained(Path("models", name, "last.safetensors"), use_hardware().device)
    _check_fresh(name, trained, params)
    pairs = read_pairs(Path("data/pairs", experiment.dataset), split)
    out = Path("results", experiment.table, name)
    shown = set(np.linspace(0, len(pairs) - 1, min(GRID_ROWS, len(pairs))).round().astype(int).tolist())
    rows: list[list[Uint8]] = []
    with whole_folder(out / "images") as folder, ThreadPoolExecutor(1) as writer:
        (folder / split).mkdir()
        writes = []
        for i, (pair, source, target) in enumerate(_sides(pairs, trained, name)):
            generated = trained.generate(source, id=pair.id)
            writes.append(writer.submit(write_png, folder / split / f"{pair.id}.png", generated))
            if i in shown:
                rows.append([source, generated, target])
        for write in writes:
            write.result()
    with whole_file(out / "grid.png") as partial:
        write_png(partial, grid(rows, columns=["input", "generated", "target"]))
    with whole_file(out / "card.json") as partial:
        card = json.dumps({**trained.about, "split": split, "n": len(pairs)}, indent=2, sort_keys=True)
        partial.write_text(card + "\n", encoding="utf-8")


def render_folder(name: str, images: Path, out: Path) -> None:
    """Translate every image file directly in `images` into `out`/<name>.png, of the same size as its source.

    Raises:
        ValueError, FileNotFoundError: no such experiment or weights; no images; two files of one name.
    """
    if not images.is_dir():
        raise FileNotFoundError(f"{images}: no such folder")
    paths = list_images(images)
    names = [path.stem for path in paths]
    if not paths:
        raise ValueError(f"{images}: no image files in it")
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ValueError(f"{images}: two files are named '{twice[0]}'; their results would be one file")
    if out.resolve() == images.resolve():
        raise ValueError(f"--out {out} is the folder of the images: their files could be overwritten")
    trained = load_trained(Path("models", name, "last.safetensors"), use_hardware().device)
    for path in paths:
        read_image(path)  # a bad file is named before anything is written
    out.mkdir(parents=True, exist_ok=True)
    for path in tqdm(paths, desc=name, unit=" images"):
        generated = trained.generate(read_image(path), id=path.stem)
        with whole_file(out / f"{path.stem}.png") as partial:
            write_png(partial, generated)


def _check_fresh(name: str, trained: Trained, params: Params) -> None:
    """Weights of other parameters would be shown, silently, under the name of these."""
    for key, value in params.describe(name).items():
        if trained.about.get(key) != value:
            raise ValueError(f"models/{name}: trained with another {key} than params.yaml has now; train {name} again")


def _sides(pairs: list[Pair], trained: Trained, name: str) -> Iterator[tuple[Pair, Uint8, Uint8]]:
    direction, size = trained.about["direction"], trained.about["recipe"]["size"]
    for pair in tqdm(pairs, desc=name, unit=" images"):
        yield pair, *read_sides(pair, direction=direction, size=size)


def main() -> None:
    parser = argparse.ArgumentParser(description="Translate an experiment's held-out images, or those of a folder.")
    parser.add_argument("experiment")
    parser.add_argument("--images", type=Path, help="a folder of images without targets, of any size")
    parser.add_argument("--out", type=Path, help="where their translations go")
    given = parser.parse_args()
    if (given.images is None) != (given.out is None):
        parser.error("--images and --out go together")
    params = read_params()
    if given.images:
        entry(params.experiments, given.experiment, "experiments")
        render_folder(given.experiment, given.images, given.out)
    else:
        render(given.experiment, params)


if __name__ == "__main__":
    run(main)
