"""The networks that the site offers, from trained experiments: `make web-models EXPERIMENTS="demo_facades demo_cars"`

*Reads* models/<experiment>/last.safetensors, data/pairs/; where they are, results/<study>/<experiment>/ and records/.
*Writes* site/models/, which git keeps:
    <experiment>.onnx  the generator, its weights stored in 8 bits, checked against PyTorch
    <experiment>.png   held-out inputs in a row; beneath them the true pictures, where the program drew them itself
    <experiment>.json  what the page is told of it

Photos of others are never copied there, only the drawings made from them.
"""

import argparse
from pathlib import Path

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run

MODELS = Path("site/models")
LARGEST = 15 * 10**6  # bytes of a file
OURS = ("drawn_facades", "drawn_cars")  # sources of data sets that the project draws


def web_model(experiment: Experiment) -> None:
    """Write the three files of an experiment.

    Raises:
        ValueError, FileNotFoundError: no weights or pairs, a network of classes, or too large or inexact a file.
    """
    from app.drawing_model import Examples, drawing_model, example_row, read_metadata, weights
    from pix2pix.files.images import write_png
    from tools.onnx_export import onnx_export

    name, path = experiment.name, weights(experiment.name)
    model = drawing_model(experiment, metadata := read_metadata(path), path)
    experiment.check_weights(metadata)
    if metadata.model.kind != "pix2pix":
        raise ValueError(f"{name}: the page draws pictures, and this is a network of kind {metadata.model.kind}")
    if experiment.direction == "AtoB" and experiment.dataset.labels:
        raise ValueError(f"{name}: its inputs are photos, which the site does not hold")
    file = MODELS / f"{name}.onnx"
    file.parent.mkdir(parents=True, exist_ok=True)
    parity = onnx_export(experiment, file, eight_bits=True)
    if (size := file.stat().st_size) > LARGEST:
        file.unlink()
        raise ValueError(f"{file}: {size / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f}; take a smaller network")
    truth = experiment.dataset.download.source in OURS
    row = example_row(experiment, size=model.size, truth=truth)
    assert row  # onnx_export has read the pairs
    with whole_file(file.with_suffix(".png")) as partial:
        write_png(partial, row[0])
    agreement = f"{parity['psnr_in_eight_bits']} dB (PSNR) at least to PyTorch, on {parity['images']} held-out images"
    stored = f"{size / 1e6:.1f} MB, weights in 8 bits; {agreement}"
    changes = {
        "onnx": f"models/{file.name}",
        "bytes": size,
        "examples": Examples(file=f"models/{name}.png", count=row[1], truth=truth),
        "card": model.card | {"file": stored},
    }
    with whole_file(file.with_suffix(".json")) as partial:
        partial.write_text(model.model_copy(update=changes).model_dump_json(indent=2) + "\n", encoding="utf-8")
    print(f"{file}: {stored}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the networks that the site offers, from trained experiments.")
    parser.add_argument("experiments", nargs="+")
    names, configuration = parser.parse_args().experiments, read_configuration()
    for experiment in [configuration.experiment(name) for name in names]:
        web_model(experiment)


if __name__ == "__main__":
    run(main)
