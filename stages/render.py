"""render: the held-out images of an experiment, translated; or any images of one's own.
`python -m stages.render <experiment> [--images DIR --out DIR [--native-size | --tile N] [--weights FILE | --epoch N]]`

Reads   data/pairs/<dataset>/ and models/<experiment>/last.safetensors
Writes  results/<study>/<experiment>/
            images/<split>/<id>.png  the generated images, which evaluate scores
            shown/                   source and target of ten fixed pairs, for figures
            grid.png                 input, generated image and target of these ten
            training.png             the same of four training pairs: how well the model fits them
            card.json                the weights' metadata, the split, the number of images, the ids in grid.png
        results/<study>/rendered-images/<experiment>.txt: the sha256 of card.json and of each image, for `sha256sum -c`
                                     in the experiment's folder; what reads all images of a study depends on these
        with --images: OUT/<path>.png for each image file below DIR, of the same size: translated at the size that the
                                     network was trained at, and scaled back; with --native-size at the image's own;
                                     with --tile at its own, tile by tile, for images larger than the memory allows;
                                     with other weights OUT/card.json, which describes them

One image at a time, without mixed precision: a result depends on the image, its id and the weights alone.
"""

import argparse
import hashlib
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.config.weights_metadata import WeightsMetadata
from pix2pix.evaluation.rendered_images import read_shown
from pix2pix.evaluation.result_files import Card
from pix2pix.files.atomic import whole_file, whole_folder
from pix2pix.files.entry_point import run
from pix2pix.files.image_grid import grid, spread
from pix2pix.files.image_listing import is_image, list_files, print_not_read
from pix2pix.files.images import Uint8, read_image, resize, write_png
from pix2pix.files.json_csv import write_json
from pix2pix.files.memory import NotEnoughMemoryError, needing_memory
from pix2pix.files.weights_choice import add_weights_options, chosen_weights
from pix2pix.pairs.palettes import check_label_map
from pix2pix.pairs.stitched import Pair, read_pairs, read_sides

if TYPE_CHECKING:
    from pix2pix.networks.inference import Trained
    from pix2pix.networks.tiled import Tiles

HELD_OUT_SHOWN, TRAINING_SHOWN = 10, 4


def render(experiment: Experiment) -> None:
    """Render the held-out split of an experiment and publish images, grids and card.

    Raises:
        ValueError, FileNotFoundError: no weights or pairs, or weights of another configuration.
    """
    trained = _load(experiment.name)
    experiment.check_weights(trained.metadata)

    def generate(pair: Pair) -> Uint8:
        return trained.generate(_sides(pair, experiment)[0], id=pair.id)

    training = read_pairs(Path("data/pairs", experiment.dataset_name), "train")
    shown = [training[i] for i in spread(TRAINING_SHOWN, of=len(training))]
    rows = [[source, generate(pair), target] for pair in shown for source, target in [_sides(pair, experiment)]]
    publish(experiment, trained.metadata, generate)
    _write_grid(Path("results", experiment.study, experiment.name, "training.png"), rows)


def publish(
    experiment: Experiment, metadata: WeightsMetadata, generate: Callable[[Pair], Uint8], *, incumbent: str = ""
) -> Card:
    """Publish all of the held-out split but training.png: `generate` gives the image of a pair; the card.

    Raises:
        ValueError, FileNotFoundError: no pairs.
    """
    name, split = experiment.name, experiment.split
    pairs, out = read_pairs(Path("data/pairs", experiment.dataset_name), split), Path("results", experiment.study, name)
    shown = [pairs[i] for i in spread(HELD_OUT_SHOWN, of=len(pairs))]
    ids = [pair.id for pair in shown]
    card = Card(**dict(metadata), split=split, n=len(pairs), shown=ids, incumbent=incumbent)
    with whole_folder(out / "images") as images, whole_folder(out / "shown") as sides:
        (images / split).mkdir()
        for pair in tqdm(pairs, desc=name, unit=" images"):
            write_png(images / split / f"{pair.id}.png", generate(pair))
        for pair in shown:
            for side, image in zip(("source", "target"), _sides(pair, experiment), strict=True):
                write_png(sides / f"{pair.id}_{side}.png", image)
        rows = read_shown(images / split, sides, ids)
    _write_grid(out / "grid.png", rows)
    write_json(out / "card.json", card)
    _write_digests(out.parent / "rendered-images" / f"{name}.txt", out)
    print(f"{out}: {len(pairs)} images of {split}; grid.png shows {len(shown)}")
    return card


def _write_digests(path: Path, out: Path) -> None:
    files = [out / "card.json", *(file for file in sorted(out.glob("images/*/*")))]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(out).as_posix()}\n" for file in files]
    with whole_file(path) as partial:
        partial.write_text("".join(lines), encoding="utf-8")


def _load(name: str, weights: Path | None = None) -> "Trained":
    """The trained generator of an experiment, of its last weights or those of a file, on this machine's device."""
    from pix2pix.machine.hardware import use_hardware  # torch is slow to import: names are checked first
    from pix2pix.networks.inference import load_trained

    return load_trained(weights or Path("models", name, "last.safetensors"), use_hardware().device)


def _sides(pair: Pair, experiment: Experiment) -> tuple[Uint8, Uint8]:
    """Source and target as the networks see them."""
    return read_sides(pair, direction=experiment.direction, size=experiment.recipe.size)


def _write_grid(path: Path, rows: Sequence[Sequence[Uint8]]) -> None:
    with whole_file(path) as partial:
        write_png(partial, grid(rows, columns=["input", "generated", "target"], across=2))


def render_folder(
    name: str,
    images: Path,
    out: Path,
    *,
    labels: str | None = None,
    native_size: bool = False,
    tiles: "Tiles | None" = None,
    weights: Path | None = None,
) -> None:
    """Translate an image, or every image below a folder, into `out`/<path>.png, of the same size as its source.

    By the last weights, or those of the file `weights`, which `out`/card.json then describes. With `labels`, a
    palette, the images are label maps in its colours. With `native_size` the network sees an image at its own size,
    with `tiles` also, but in parts; else squeezed to the square that it was trained at.

    Raises:
        ValueError, FileNotFoundError: no weights; no images; two files of one name; `out` is `images`; no label map;
            not enough memory for an image, after all others are done.
    """
    if not images.exists():
        raise FileNotFoundError(f"{images}: no such folder or file")
    root = images if images.is_dir() else images.parent
    files = list(list_files(images))
    paths = [path for path in files if is_image(path) or path == images]
    print_not_read(path for path in files if not is_image(path) and path != images)
    names = [Path(unicodedata.normalize("NFC", str(path.relative_to(root).with_suffix("")))) for path in paths]
    if not paths:
        raise ValueError(f"{images}: no image files in it")
    if duplicates := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{images}: two files are named '{duplicates[0]}'; their results would be one file")
    if out.resolve() == root.resolve() or (images.is_dir() and out.resolve().is_relative_to(root.resolve())):
        raise ValueError(f"--out {out} is or lies in the folder of the images; name one outside of it")
    trained = _load(name, weights)
    if tiles:
        tiles.check(trained)
    for path in paths:
        with suppress(NotEnoughMemoryError), needing_memory(str(path)):
            image = read_image(path)  # a bad file is named before anything is written
            if labels:
                check_label_map(image, labels, path)
    out.mkdir(parents=True, exist_ok=True)
    if weights:
        write_json(out / "card.json", trained.metadata)
    too_large = []
    for path, result in zip(tqdm(paths, desc=name, unit=" images"), names, strict=True):
        try:
            with needing_memory(
                str(path), helps="make it smaller, or use --tile 512 or another device (PIX2PIX_DEVICE)"
            ):
                source, id = read_image(path), result.name
                generated = _translated(trained, source, id=id, native_size=native_size, tiles=tiles)
                with whole_file(out / f"{result}.png") as partial:
                    write_png(partial, generated)
        except NotEnoughMemoryError as error:
            too_large.append(str(error))
    if too_large:
        missing = f"{len(too_large)} of {len(paths)} images are missing, the others are done"
        raise NotEnoughMemoryError(f"{too_large[0]}; {missing}")
    print(f"{out}: {len(paths)} images")


def _translated(trained: "Trained", source: Uint8, *, id: str, native_size: bool, tiles: "Tiles | None") -> Uint8:
    if native_size:
        return trained.generate(source, id=id)
    if not tiles:
        return _at_trained_size(trained, source, id=id)
    from pix2pix.networks.tiled import generate_tiled

    count = 2 * math.prod(len(tiles.starts(length)) for length in source.shape[:2])
    with tqdm(total=count, desc=id, unit=" tiles", leave=False) as bar:
        return generate_tiled(trained, source, tiles, id=id, done=bar.update)


def _at_trained_size(trained: "Trained", source: Uint8, *, id: str) -> Uint8:
    """Translate (H, W, 3) at the size of the training pairs, and scale back: label maps by the nearest pixel."""
    from pix2pix.networks.class_colours import Coloured

    size, (height, width) = trained.metadata.recipe.size, source.shape[:2]
    generated = trained.generate(resize(source, width=size, height=size), id=id)
    if isinstance(trained.generator, Coloured):
        nearest: Uint8 = generated[np.arange(height) * size // height][:, np.arange(width) * size // width]
        return nearest
    return resize(generated, width=width, height=height)


def main() -> None:
    parser = argparse.ArgumentParser(description="Translate an experiment's held-out images, or those of a folder.")
    parser.add_argument("experiment")
    parser.add_argument("--images", type=Path, help="a folder of images without targets, of any size, or one image")
    parser.add_argument("--out", type=Path, help="where their translations go")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--native-size", action="store_true", help="not scaled to the trained size and back")
    size.add_argument("--tile", type=int, metavar="N", help="nor at once, but in tiles of N x N pixels without seams")
    parser.add_argument("--overlap", type=int, metavar="N", help="of the tiles, pixels (default: 64)")
    add_weights_options(parser)
    given = parser.parse_args()
    if (given.images is None) != (given.out is None):
        parser.error("--images and --out go together")
    if given.overlap is not None and given.tile is None:
        parser.error("--overlap needs --tile")
    chosen = given.weights, given.epoch, given.tile, given.native_size or None
    if given.images is None and any(value is not None for value in chosen):
        parser.error("--weights, --epoch, --native-size and --tile need --images; results/ has the last weights alone")
    experiment = read_configuration().experiment(given.experiment)
    if given.images:
        from pix2pix.networks.tiled import Tiles

        labels = experiment.dataset.labels if experiment.direction == "BtoA" else None
        render_folder(
            experiment.name,
            given.images,
            given.out,
            labels=labels,
            native_size=given.native_size,
            tiles=None if given.tile is None else Tiles(given.tile, 64 if given.overlap is None else given.overlap),
            weights=chosen_weights(experiment.name, given),
        )
    else:
        render(experiment)


if __name__ == "__main__":
    run(main)
