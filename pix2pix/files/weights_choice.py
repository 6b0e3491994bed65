"""Which weights a command uses: an experiment's last, those that it kept of an epoch, or any file's."""

import argparse
from pathlib import Path


def add_weights_options(parser: argparse.ArgumentParser) -> None:
    """--weights FILE and --epoch N, of which one may be given."""
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--weights", type=Path, metavar="FILE", help="a weights file; default: the experiment's last one")
    one.add_argument("--epoch", type=int, metavar="N", help="the weights that `keep_every` kept of epoch N")


def chosen_weights(experiment: str, given: argparse.Namespace) -> Path | None:
    """The file that the options name; None where they name none.

    Raises:
        FileNotFoundError: it is not there; of an epoch, says which were kept.
    """
    kept = Path("models", experiment, "kept")
    path: Path | None = given.weights if given.epoch is None else kept / f"epoch_{given.epoch:04}.safetensors"
    if path and not path.is_file():
        epochs = [str(int(file.stem.removeprefix("epoch_"))) for file in sorted(kept.glob("epoch_*.safetensors"))]
        hint = "" if given.epoch is None else f" (kept: {', '.join(epochs) or 'none; see keep_every of its recipe'})"
        raise FileNotFoundError(f"{path}: no such weights file{hint}")
    return path
