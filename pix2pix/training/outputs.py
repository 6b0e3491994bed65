"""What a training ends with, written from its state: by the call that ended it, and again by any later one.

So an engine that died, or whose disk was full, before it had recorded the outputs gets them back.
"""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd

from pix2pix.config.resolved import Experiment
from pix2pix.config.weights_metadata import WeightsMetadata, in_words
from pix2pix.files.atomic import whole_file, whole_folder
from pix2pix.files.images import Uint8, write_png
from pix2pix.learners.learner import recipe_of, trained_generator
from pix2pix.machine.distributed import per_device
from pix2pix.machine.provenance import write_record
from pix2pix.networks.weights import load_tensors, network_tensors, save_tensors
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
        for epoch in range(1, run.epoch + 1):
            shutil.copy(_samples(run, epoch), partial)
    with whole_folder(out / "kept") as partial:
        files = [_weights(run, epoch) for epoch in _kept(run, experiment)]
        for file in files:  # a renamed experiment's bear its name of today
            tensors, said = load_tensors(file)
            save_tensors(partial / file.name, tensors, WeightsMetadata(**said | {"experiment": experiment.name}))
        (partial / "index.txt").write_text("".join(f"{file.name}\n" for file in files), encoding="utf-8")
    with whole_file(out / "history.csv") as partial:
        losses = [f"{split}_{loss}" for split in ("train", "val") for loss in run.learner.losses]
        rows = run.rows or [{"epoch": 0, "step": 0, "images": 0}]
        table = pd.DataFrame(rows, columns=["epoch", "step", "images", *losses])
        table.to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")
    _save_weights(out / "last.safetensors", run, experiment)


def record_of(experiment: Experiment) -> Path:
    return Path("logs/records", f"{experiment.name}.json")


def recorded_weights(experiment: Experiment) -> str:
    """The MD5 of its last weights, as its record says; empty without a record."""
    path = record_of(experiment)
    return str(json.loads(path.read_bytes()).get("weights", "")) if path.exists() else ""


def record(run: Run, experiment: Experiment, weights: Path, kept: str) -> None:
    """Say in logs/records/ how these weights were trained: by which code, on which hardware, how long, from pairs that
    were `kept` in memory or on disk."""
    batch = recipe_of(experiment).batch_size
    said = {
        "weights": hashlib.md5(weights.read_bytes()).hexdigest(),  # as in dvc.lock
        "code": [*run.earlier_code, run.code],
        "batch_per_device": per_device(batch),
        "pairs": kept,
    }
    if experiment.lineage:
        said["begun_from"] = in_words(experiment.lineage)
    write_record(
        record_of(experiment),
        command=f"python -m stages.train {experiment.name}",
        seconds=run.seconds,
        images=batch * run.step,
        hardware=run.hardware.describe() | said,
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
    tensors = network_tensors("generator", trained_generator(run.learner))
    if recipe_of(experiment).keep_discriminator and (discriminator := run.learner.networks.get("discriminator")):
        tensors |= network_tensors("discriminator", discriminator)
    metadata = experiment.metadata(precision=run.hardware.precision, epoch=run.epoch, step=run.step)
    save_tensors(path, tensors, metadata)
