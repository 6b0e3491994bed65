"""Translate the held-out images of an experiment, or any images of one's own.

*Reads* data/pairs/<dataset>/ (the data set's held-out split) and models/<experiment>/last.safetensors.
*Writes* results/<study>/<experiment>/: images/<split>/<id>.png, grid.png (input, generated, target of ten fixed
images), training.png (of four training images: how well it fits what it was trained on) and card.json (what was
rendered by what: experiment, data, model, recipe, inference policy; the ids that grid.png shows).

With `--images DIR --out DIR` it translates the image files of DIR, of any size and without targets, to OUT/<name>.png.
Without mixed precision, one image at a time: a result depends on nothing but the image, its id and the weights (law 3).
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from pix2pix.config.experiment import Experiment
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_file, whole_folder
from pix2pix.files.command_line import run
from pix2pix.files.image_grid import grid, spread
from pix2pix.files.image_listing import list_images
from pix2pix.files.images import Uint8, read_image, write_png
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.inference import Trained, load_trained
from pix2pix.pairs.stitched import Pair, read_pairs, read_sides

HELD_OUT_SHOWN, TRAINING_SHOWN = 10, 4


def render(experiment: Experiment) -> None:
    """Render the held-out split of an experiment and publish images, grid and card.

    Raises:
        ValueError, FileNotFoundError: no weights or pairs, or weights of other parameters.
    """
    name, split = experiment.name, experiment.dataset.held_out
    trained = load_trained(Path("models", name, "last.safetensors"), use_hardware().device)
    experiment.check_weights(trained.about)
    root, out = Path("data/pairs", experiment.dataset_name), Path("results", experiment.study, name)
    pairs, training = read_pairs(root, split), read_pairs(root, "train")
    shown = [pairs[i] for i in spread(HELD_OUT_SHOWN, of=len(pairs))]
    fitted = [training[i] for i in spread(TRAINING_SHOWN, of=len(training))]
    with whole_folder(out / "images") as folder, ThreadPoolExecutor(1) as writer:
        (folder / split).mkdir()
        writes = []
        for pair in tqdm(pairs, desc=name, unit=" images"):
            generated = trained.generate(_sides(pair, trained)[0], id=pair.id)
            writes.append(writer.submit(write_png, folder / split / f"{pair.id}.png", generated))
        for write in writes:
            write.result()
        pictures = {
            "grid.png": _pictured(shown, trained, folder / split),
            "training.png": _pictured(fitted, trained, None),
        }
    for file, picture in pictures.items():
        with whole_file(out / file) as partial:
            write_png(partial, picture)
    with whole_file(out / "card.json") as partial:
        about = {**trained.about, "split": split, "n": len(pairs), "grid": [pair.id for pair in shown]}
        partial.write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")


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


def _pictured(pairs: list[Pair], trained: Trained, folder: Path | None) -> Uint8:
    """Input, generated, target of all `pairs`, two pairs a line; generated from `folder` where they were written."""
    rows = []
    for pair in pairs:
        source, target = _sides(pair, trained)
        generated = read_image(folder / f"{pair.id}.png") if folder else trained.generate(source, id=pair.id)
        rows.append([source, generated, target])
    return grid(rows, columns=["input", "generated", "target"], across=2)


def _sides(pair: Pair, trained: Trained) -> tuple[Uint8, Uint8]:
    return read_sides(pair, direction=trained.about["direction"], size=trained.about["recipe"]["size"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Translate an experiment's held-out images, or those of a folder.")
    parser.add_argument("experiment")
    parser.add_argument("--images", type=Path, help="a folder of images without targets, of any size")
    parser.add_argument("--out", type=Path, help="where their translations go")
    given = parser.parse_args()
    if (given.images is None) != (given.out is None):
        parser.error("--images and --out go together")
    experiment = read_configuration().experiment(given.experiment)
    if given.images:
        render_folder(experiment.name, given.images, given.out)
    else:
        render(experiment)


if __name__ == "__main__":
    run(main)
