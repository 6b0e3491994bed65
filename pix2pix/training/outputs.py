"""What a training ends with, written from its state: by the call that ended it, and again by any later one.

So an engine that died, or whose disk was full, before it had recorded the outputs gets them back.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pix2pix.config.resolved import Experiment
from pix2pix.files.atomic import whole_file, whole_folder
from pix2pix.files.images import Uint8, write_png
from pix2pix.learners.learner import recipe_of, trained_generator
from pix2pix.machine.distributed import per_device
from pix2pix.machine.provenance import write_record
from pix2pix.networks.weights import network_tensors, save_tensors
from pix2pix.training.resume import Run


def keep_epoch(run: Run, experiment: Experiment, samples: Uint8) -> None:
    """Write what will be published of the epoch that just ended: samples, and weights where the recipe keeps them."""
    path = _samples(run, run.epoch)
    run.background(lambda: _write_samples(path, samples))
    if run.epoch in _kept(run, experiment):
        _save_weights(_weights(run, run.epoch), run, experiment)


def _write_samples(path: Path, samples: Uint8) -> None:
    with whole_file(path) as partial:
        write_png(partial, samples)


def publish(run: Run, experiment: Experiment, out: Path) -> None:
    """Write all outputs to `out`, each whole or not at all, last.safetensors after all others.

    Raises:
        FileNotFoundError: samples or kept weights of an epoch are gone; names the file.
    """
    with whole_folder(out / "samples") as partial:
        _copy([_samples(run, epoch) for epoch in range(1, run.epoch + 1)], partial)
    with whole_folder(out / "kept") as partial:
        files = [_weights(run, epoch) for epoch in _kept(run, experiment)]
        _copy(files, partial)
        (partial / "index.txt").write_text("".join(f"{file.name}\n" for file in files), encoding="utf-8")
    with whole_file(out / "history.csv") as partial:
        pd.DataFrame(run.rows).to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")
    _save_weights(out / "last.safetensors", run, experiment)


def record(run: Run, experiment: Experiment, kept: str) -> None:
    """Say in logs/records/ on which hardware and how long it was trained, and where its pairs were `kept`."""
    batch = recipe_of(experiment).batch_size
    write_record(
        Path("logs/records", f"{experiment.name}.json"),
        command=f"python -m stages.train {experiment.name}",
        seconds=run.seconds,
        images=batch * run.step,
        hardware=run.hardware.describe() | {"batch_per_device": per_device(batch), "pairs": kept},
        code=("stages", "pix2pix", "params.yaml", "config"),
    )


def _samples(run: Run, epoch: int) -> Path:
    return run.folder / "samples" / f"epoch_{epoch:04d}.png"


def _weights(run: Run, epoch: int) -> Path:
    return run.folder / "kept" / f"epoch_{epoch:04d}.safetensors"


def _kept(run: Run, experiment: Experiment) -> range:
    """The finished epochs whose weights are kept."""
    every = recipe_of(experiment).keep_every
    return range(every, run.epoch + 1, every) if every else range(0)


def _save_weights(path: Path, run: Run, experiment: Experiment) -> None:
    metadata = experiment.metadata(precision=run.hardware.precision, epoch=run.epoch, step=run.step)
    save_tensors(path, network_tensors("generator", trained_generator(run.learner)), metadata)


def _copy(files: Sequence[Path], folder: Path) -> None:
    for file in files:
        shutil.copyfile(file, folder / file.name)
