"""Train one experiment.

*Reads* data/pairs/<dataset>/: split train, and val for the validation losses.
*Writes* models/<experiment>/: last.safetensors (what render uses),
samples/ (one grid an epoch of fixed training and validation images), kept/ (weights of every `keep_every`-th epoch, and
their index.txt) and history.csv (epoch, step, images, then the losses of training and validation: l1, of 1; gan and d,
the paper's; or ce, the cross-entropy of classes).

Killed anywhere and started again by the same command, it continues and ends with the same bits: its state lives in
scratch/train/<experiment>/<digest of all that determines it>/; what it ended with stays there (finished.py).

Processes that train together, started by torchrun or by PIX2PIX_PROCESSES, share each batch (parallel.py). The first
alone writes, what one alone would: another number of them continues a run, to the same weights up to rounding.

TensorBoard reads logs/tensorboard/; hardware and wall time go to logs/records/.
"""

import argparse
import hashlib
import json
import math
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import torch

from pix2pix.config.experiment import Experiment
from pix2pix.config.models import FCN, Mean, Model, Pix2Pix, UNetAlone
from pix2pix.config.reader import read_configuration
from pix2pix.config.recipes import Recipe
from pix2pix.files.code_digest import code_digests
from pix2pix.files.command_line import run
from pix2pix.machine.distributed import agree, gathered, is_first, per_device, processes, rank, share, total
from pix2pix.machine.hardware import Hardware, use_hardware
from pix2pix.machine.launch import launch, processes_for, together
from pix2pix.networks.build import Generator, build_discriminator, build_generator, class_colours
from pix2pix.networks.inference import inference_seeds
from pix2pix.networks.mean_target import MeanTarget
from pix2pix.networks.weights import network_tensors, save_tensors
from pix2pix.training.augmentation import centre_draws, draw_epoch
from pix2pix.training.dataset import PairSet, load_pairs
from pix2pix.training.finished import forget_others, gather, is_whole, publish
from pix2pix.training.gan import Gan
from pix2pix.training.mean import average_targets
from pix2pix.training.progress import Monitor, write_samples
from pix2pix.training.provenance import write_record
from pix2pix.training.resume import Run, only_one
from pix2pix.training.supervised import Supervised

VALIDATION_BATCH = 16


def train(experiment: Experiment) -> None:
    """Train an experiment and publish its outputs under models/<experiment>/.

    Raises:
        ValueError, FileNotFoundError: no pairs, a non-finite loss, it is being trained elsewhere, or
            processes that train together cannot share a batch equally or see other files.
    """
    name, model, recipe = experiment.name, experiment.model, experiment.recipe
    dataset = Path("data/pairs", experiment.dataset_name)
    about = experiment.metadata(epoch=0, step=0).model_dump(mode="json")
    hardware = use_hardware()
    scratch, out = Path("scratch/train", name), Path("models", name)
    labels = model.classes if isinstance(model, FCN | UNetAlone) else None
    train_size = recipe.size if isinstance(model, Mean) else recipe.load_size
    batch_per_device = recipe.batch_size if isinstance(model, Mean) else per_device(recipe.batch_size)
    if processes() > 1:
        _say(f"{name}: {processes()} devices, on each {batch_per_device} of a batch's {recipe.batch_size} images")
    with only_one(scratch) if is_first() else nullcontext():
        training, validation = (
            load_pairs(
                dataset,
                split,
                direction=experiment.direction,
                size=size,
                device=hardware.device,
                where=hardware.pairs,
                labels=labels,
            )
            for split, size in (("train", train_size), ("val", recipe.size))
        )
        kept = "disk" if training.images is None else "memory"
        if kept == "disk":
            _say(f"{name}: its pairs stay on disk, and are read as they are needed")
        if recipe.batch_size > len(training.pairs):
            raise ValueError(f"{dataset}: {len(training.pairs)} training pairs, but batch_size is {recipe.batch_size}")
        digest = _digest(about, training, validation)
        agree(digest, f"{dataset}: processes that train together see other data, parameters or code; make them equal")
        folder = scratch / digest
        finished = scratch / f"{_digest(about | hardware.describe(), training, validation)}.finished"
        if gathered(is_whole(finished))[0]:
            _say(f"{name} was trained before; publishing it again (to train anew, remove {scratch})")
        else:
            for other in sorted(scratch.glob("*/state.safetensors")):
                if other.parent != folder:
                    _say(f"{other}: of other parameters, data or code; not continued")
            learner = _learner(model, recipe, seed=experiment.seed, hardware=hardware)
            state = Run(folder, hardware.device, losses=len(learner.LOSSES))
            match learner:
                case MeanTarget():
                    if is_first():
                        average_targets(learner, state, training, validation, size=recipe.size)
                    generator: Generator = learner
                case _:
                    _fit(learner, state, experiment, training, validation)
                    generator = learner.generator
            if is_first():
                write_record(
                    Path("logs/records", f"{name}.json"),
                    command=f"python -m stages.train {name}",
                    seconds=state.seconds,
                    images=state.step * recipe.batch_size,
                    hardware=hardware.describe() | {"batch_per_device": batch_per_device, "pairs": kept},
                    code=("stages", "pix2pix", "params.yaml", "config"),
                )
                gather(finished, state, generator, _columns(learner), experiment)
        if is_first():
            publish(finished, out)
            forget_others(finished)


def _say(line: str) -> None:
    if is_first():
        print(line, flush=True)


def _digest(about: dict[str, Any], training: PairSet, validation: PairSet) -> str:
    """What determines a run: its parameters, its data, and the code that it runs, as its stage's fingerprint has it."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for pairs in (training, validation):
        digest.update(pairs.files.content.encode())
    digest.update(code_digests("stages.train").encode())
    return digest.hexdigest()[:16]


def _learner(model: Model, recipe: Recipe, *, seed: int, hardware: Hardware) -> Gan | Supervised | MeanTarget:
    """What is trained: networks and optimisers, weights drawn from `seed`."""
    generator: Any = build_generator(model, size=recipe.size)
    betas = (recipe.beta1, recipe.beta2)
    match model:
        case Pix2Pix():
            return Gan(
                generator,
                build_discriminator(model),
                hardware=hardware,
                seed=seed,
                learning_rates=(recipe.generator_lr, recipe.discriminator_lr),
                betas=betas,
                gan_weight=recipe.gan_weight,
                l1_weight=recipe.l1_weight,
            )
        case FCN() | UNetAlone():
            colours = class_colours(model)
            rate = recipe.generator_lr
            return Supervised(generator, hardware=hardware, seed=seed, learning_rate=rate, betas=betas, colours=colours)
        case Mean():
            mean: MeanTarget = generator
            return mean


def _fit(
    learner: Gan | Supervised,
    state: Run,
    experiment: Experiment,
    training: PairSet,
    validation: PairSet,
) -> None:
    """The training loop: every experiment that learns runs through these lines, in every process that trains it."""
    name, recipe = experiment.name, experiment.recipe
    if state.resume(learner):
        _say(f"continuing {name} at step {state.step}")
    agree(state.step, f"{state.folder}: processes that train together see other files; scratch/ must be one for all")
    steps = len(training.pairs) // recipe.batch_size
    with Monitor(
        name,
        images=recipe.batch_size * steps * recipe.epochs,
        done=recipe.batch_size * state.step,
        epochs_done=len(state.rows),
        logs=Path("logs/tensorboard", name),
        quiet=not is_first(),
    ) as monitor:
        while state.step < steps * recipe.epochs:
            epoch = state.step // steps
            factor = learning_rate_factor(epoch, epochs=recipe.epochs, decay_epochs=recipe.decay_epochs)
            learner.scale_learning_rates(factor)
            epoch_draws = draw_epoch(
                seed=experiment.seed,
                epoch=epoch,
                pairs=len(training.pairs),
                batch_size=recipe.batch_size,
                load_size=recipe.load_size,
                size=recipe.size,
                mirror=recipe.mirror,
            )
            start = state.step % steps
            with closing(training.batches(share(epoch_draws)[start:], size=recipe.size)) as batches:
                for i, (source, target, seeds) in enumerate(batches, start):
                    state.add(learner.step(source, target, seeds))
                    monitor.step(recipe.batch_size)
                    if is_first() and state.due() and i + 1 < steps:
                        state.mean_losses(i + 1)  # never save past a non-finite loss
                        state.save(learner)
            validation_losses = _validate(learner, validation, experiment)
            if is_first():
                _close_epoch(state, learner, validation_losses, experiment, (training, validation), monitor)
            state.reset_sums()
            if is_first() and (state.due() or epoch + 1 == recipe.epochs):
                state.save(learner)


def _close_epoch(
    state: Run,
    learner: Gan | Supervised,
    validation_losses: list[float],
    experiment: Experiment,
    sets: tuple[PairSet, PairSet],
    monitor: Monitor,
) -> None:
    """Losses, samples and kept weights of the epoch that just ended."""
    recipe = experiment.recipe
    steps = len(sets[0].pairs) // recipe.batch_size
    epoch = state.step // steps
    losses = state.mean_losses(steps) + validation_losses
    state.check_weights(learner)
    row: dict[str, Any] = {"epoch": epoch, "step": state.step, "images": state.step * recipe.batch_size}
    for name, loss in zip(_columns(learner)[3:], losses, strict=True):
        kind = name.split("_")[1]
        row[name] = loss / 2 if kind == "l1" else None if kind in learner.idle else loss  # L1 of [-1, 1] -> of 1
        if row[name] is not None and not math.isfinite(row[name]):
            raise state.broken(f"{name} is not finite after step {state.step}")
    state.rows.append(row)

    if recipe.keep_every and epoch % recipe.keep_every == 0:
        kept = state.folder / "kept" / f"epoch_{epoch:04d}.safetensors"
        metadata = experiment.metadata(epoch=epoch, step=state.step)
        save_tensors(kept, network_tensors("generator", learner.generator), metadata)

    samples = state.folder / "samples" / f"epoch_{epoch:04d}.png"
    seed = experiment.seed if _dropout(experiment) else None
    monitor.epoch(state.rows, write_samples(samples, learner.generate, sets, size=recipe.size, seed=seed))


def _validate(learner: Gan | Supervised, validation: PairSet, experiment: Experiment) -> list[float]:
    """Mean losses, in the order of the learner's, over the validation split, shared by all processes."""
    count, dropout, size = len(validation.pairs), _dropout(experiment), experiment.recipe.size
    sums = torch.zeros(len(learner.LOSSES), dtype=torch.float64, device=validation.device)
    draws = []
    for start in range(rank() * VALIDATION_BATCH, count, processes() * VALIDATION_BATCH):
        index = list(range(start, min(start + VALIDATION_BATCH, count)))
        seeds = inference_seeds(experiment.seed, [validation.pairs[i].id for i in index]) if dropout else None
        draws.append(centre_draws(index, side=size, size=size, seeds=seeds))
    for source, target, seeds in validation.batches(draws, size=size):
        sums += learner.validate(source, target, seeds if dropout else None) * len(source)
    means: list[float] = (total(sums) / count).tolist()
    return means


def _dropout(experiment: Experiment) -> bool:
    return experiment.metadata(epoch=0, step=0).inference.dropout


def _columns(learner: Gan | Supervised | MeanTarget) -> list[str]:
    """The columns of history.csv."""
    return ["epoch", "step", "images", *(f"{split}_{loss}" for split in ("train", "val") for loss in learner.LOSSES)]


def learning_rate_factor(epoch: int, *, epochs: int, decay_epochs: int) -> float:
    """What both learning rates are multiplied with in `epoch` (from 0): 1, then falling linearly over the last ones."""
    return min(1.0, (epochs - epoch) / (decay_epochs + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train one experiment; after a kill, run again to continue.")
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    with together():
        experiment = read_configuration().experiment(name)
        count = processes_for(name, batch_size=experiment.recipe.batch_size) if experiment.learns else 1
        if count > 1:
            launch("stages.train", name, count=count)
        else:
            train(experiment)


if __name__ == "__main__":
    run(main)
