"""What a training ends with: gathered whole, then published, and kept until another run of the experiment has ended.

An engine that died, or whose disk was full, before it had recorded the outputs deletes them and calls again; it gets
them back from here.
"""

import shutil
from pathlib import Path

import pandas as pd
from torch import nn

from pix2pix.config.experiment import Experiment
from pix2pix.files.atomic import whole_file, whole_folder
from pix2pix.networks.weights import network_tensors, save_tensors
from pix2pix.training.resume import Run

OUTPUTS = ("samples", "kept", "history.csv", "last.safetensors")  # the last: that all are there


def gather(finished: Path, state: Run, generator: nn.Module, columns: list[str], experiment: Experiment) -> None:
    """Fill the folder `finished`, whole or not at all: from now on there is nothing left to train."""
    with whole_folder(finished) as partial:
        for name in ("samples", "kept"):
            (state.folder / name).mkdir(exist_ok=True)
            (partial / name).mkdir()
            _copy_files(state.folder / name, partial / name)
        names = sorted(path.name for path in (partial / "kept").iterdir())
        (partial / "kept/index.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        history = pd.DataFrame(state.rows, columns=columns)
        history.to_csv(partial / "history.csv", index=False, float_format="%.6f", lineterminator="\n")
        last = experiment.metadata(epoch=len(state.rows), step=state.step)
        save_tensors(partial / "last.safetensors", network_tensors("generator", generator), last)


def is_whole(finished: Path) -> bool:
    """Whether all of it is there still."""
    return all((finished / name).exists() for name in OUTPUTS)


def publish(finished: Path, out: Path) -> None:
    """Outputs appear under their declared names, each whole or not at all."""
    for name in OUTPUTS:
        if (finished / name).is_dir():
            with whole_folder(out / name) as partial:
                _copy_files(finished / name, partial)
        else:
            with whole_file(out / name) as partial:
                shutil.copyfile(finished / name, partial)


def forget_others(finished: Path) -> None:
    """Remove states, which may be large, and what another recipe, data, code or machine has left beside `finished`."""
    for other in finished.parent.iterdir():
        if other != finished and other.is_dir() and not other.is_symlink():
            shutil.rmtree(other, ignore_errors=True)


def _copy_files(source: Path, target: Path) -> None:
    """Unlike shutil.copytree, which tries the rest when the disk is full, and then raises no error of the disk."""
    for file in sorted(source.iterdir()):
        shutil.copyfile(file, target / file.name)
