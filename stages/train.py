"""train: the networks of an experiment, from its prepared pairs. `python -m stages.train <experiment>`

Reads   data/pairs/<dataset>/, its splits train and (for the validation losses) val; with an `init` weights to begin
        from: models/<that experiment>/last.safetensors, or a file
Writes  models/<experiment>/
            last.safetensors  the weights that render uses
            samples/          after each epoch a grid of fixed training and validation pairs
            kept/             the weights of every `keep_every`-th epoch, and index.txt, their names
            history.csv       a row for each epoch: epoch, step, images, and the losses of both splits: l1, of images in
                              [0, 1]; gan and d of a GAN; ce, the cross-entropy of classes

Killed at any moment and started again by the same command, it goes on and ends with the same bits: its state lies in
scratch/train/<experiment>/<digest of all that determines the run>/. A training that has ended is published again from
its state, not trained again.

Processes that train together (PIX2PIX_PROCESSES, or torchrun) share each batch; rank 0 writes all files. Another number
of processes goes on with a run, to the same weights up to rounding. TensorBoard reads logs/tensorboard/; logs/records/
says on which hardware and how long an experiment was trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.config.weights_metadata import in_words
from pix2pix.files import entry_point
from pix2pix.files.memory import needing_memory

if TYPE_CHECKING:
    from torch import Tensor

    from pix2pix.batches.dataset import PairSet
    from pix2pix.machine.threads import TrainingThreads
    from pix2pix.training.cuda_graph import TrainingStep
    from pix2pix.training.progress import Progress
    from pix2pix.training.resume import Run

# Functions import what needs PyTorch, which takes seconds: a wrong argument or name is answered at once


def train(experiment: Experiment) -> None:
    """Train an experiment and publish its outputs in models/<experiment>/.

    Raises:
        ValueError, FileNotFoundError: no pairs, or fewer than a batch; a loss is not finite; another process trains it;
            processes that train together cannot share a batch equally, or see other files.
    """
    from pix2pix.batches.dataset import load_splits
    from pix2pix.learners.learner import build_learner, is_small, recipe_of
    from pix2pix.machine.distributed import agree, is_first, per_device, say
    from pix2pix.machine.hardware import use_hardware
    from pix2pix.training.initial import begin_from, read_init
    from pix2pix.training.outputs import publish, record, record_of
    from pix2pix.training.resume import Run, adopt, ended_with_other_epochs, one_at_a_time, run_digest

    name, scratch = experiment.name, Path("scratch/train", experiment.name)
    hardware, recipe = use_hardware(training=True, small=is_small(experiment)), recipe_of(experiment)
    part = per_device(recipe.batch_size)
    if part < recipe.batch_size:
        say(f"{name}: {hardware.processes} devices, on each {part} of a batch's {recipe.batch_size} images")
    sizes = recipe.model_dump() | experiment.model.model_dump()
    what = ", ".join(f"{key} {value}" for key, value in sizes.items() if "size" in key or "channels" in key)
    with (
        one_at_a_time(scratch),
        needing_memory(f"{name} ({what})", helps="make one of these smaller, or use more devices"),
    ):
        experiment, tensors = read_init(experiment)
        training, validation = load_splits(experiment, recipe, hardware)
        digest = run_digest(experiment, hardware.precision, training, validation)
        adopt(scratch / digest)
        agree(digest, f"{name}: processes that train together differ in parameters, data, code or precision")
        learner = build_learner(experiment, hardware, training)
        left = begin_from(learner, tensors) if tensors else []
        epoch_steps = len(training.pairs) // recipe.batch_size  # a last, smaller batch is left out
        run = Run(scratch / digest, learner, epoch_steps=epoch_steps, hardware=hardware)
        run.resume()
        agree(run.step, f"{scratch}: processes that train together see other files; scratch/ must be one for all")
        trained_before = run.epoch == recipe.epochs
        if tensors and run.step == 0:
            random = f"; left at random: {', '.join(left)}" if left else ""
            say(f"{name} begins from {in_words(experiment.lineage)}{random}")
        if trained_before and recipe.epochs:
            say(f"{name} was trained before; publishing it again (to train anew, remove {scratch})")
        else:
            others = ended_with_other_epochs(experiment, scratch / digest, hardware.precision, training, validation)
            if others and not run.step:
                say(_trained_anew(experiment, others))
            _train_epochs(run, experiment, training, validation)
        if is_first():
            publish(run, experiment, Path("models", name))
            if not trained_before or not record_of(experiment).exists():
                record(run, experiment, Path("models", name, "last.safetensors"), training.kept)
            losses = "".join(f"; validation L1 {row['val_l1']:.4f}" for row in run.rows[-1:])
            print(f"models/{name}: the weights of epoch {run.epoch}{losses}")
            run.forget_others()


def _trained_anew(experiment: Experiment, epochs: int) -> str:
    """What becomes of a training that ended after other `epochs`, and how to go on from its weights instead."""
    from pix2pix.training.outputs import recorded_weights

    name, wanted = experiment.name, experiment.recipe.epochs
    changes = experiment.entry.get("set", {}) | {"epochs": max(wanted - epochs, 1)}
    entry = {key: value for key, value in experiment.entry.items() if key not in ("init", "set")}
    entry |= {"init": name, "set": "{" + ", ".join(f"{k}: {v}" for k, v in changes.items()) + "}"}
    md5 = recorded_weights(experiment)
    return (
        f"{name} was trained to its end with {epochs} epochs, the recipe says {wanted}: all {wanted} are trained anew. "
        f"The old weights{f' (MD5 {md5})' if md5 else ''} stay in DVC's cache where DVC made them, and the state in "
        "scratch/ until the new weights are published. To go on from the old weights instead, end this (Ctrl-C), put "
        f"epochs back to {epochs}, and say in config/studies/{experiment.study}.yaml:\n"
        "refined:\n"
        f"  {name}_more: {{{', '.join(f'{key}: {value}' for key, value in entry.items())}}}"
    )


def _train_epochs(run: Run, experiment: Experiment, training: PairSet, validation: PairSet) -> None:
    """Train from where the run stands to its last epoch."""
    from pix2pix.batches.augmentation import cut_batch, draw_epoch
    from pix2pix.learners.learner import recipe_of, scale_learning_rates
    from pix2pix.machine.distributed import is_first, say
    from pix2pix.machine.threads import TrainingThreads
    from pix2pix.training import cuda_graph
    from pix2pix.training.outputs import keep_epoch
    from pix2pix.training.progress import Progress
    from pix2pix.training.resume import ended_between_steps
    from pix2pix.training.validation import LEAST, SHARE, sample_grid, validate

    recipe, learner = recipe_of(experiment), run.learner
    if run.step:
        say(f"continuing {experiment.name} at step {run.step}")
    for other in run.others():
        say(f"{other}: a run of other parameters, data, code or precision; not continued")
        if other.name.partition("-")[0] == run.folder.name.partition("-")[0]:
            say("only the code is another: PIX2PIX_CONTINUE=1 goes on from there")
    progress = Progress(
        experiment.name,
        images=recipe.batch_size * run.epoch_steps * recipe.epochs,
        done=recipe.batch_size * run.step,
        logs=Path("logs/tensorboard", experiment.name),
    )
    threads = TrainingThreads(run.hardware, progress.say)
    graph = cuda_graph.graph_for(run.hardware)
    cut = partial(cut_batch, size=recipe.size, augmentation=training.augmentation)
    step = cuda_graph.TrainingStep(learner, run.sums, cut, graph=graph, say=progress.say)
    with progress, run.background, ended_between_steps() as asked_to_end:
        while run.epoch < recipe.epochs:
            factor = learning_rate_factor(run.epoch, epochs=recipe.epochs, decay_share=recipe.decay_share)
            scale_learning_rates(learner, factor)
            draws = draw_epoch(
                seed=experiment.seed,
                epoch=run.epoch,
                pairs=len(training.pairs),
                batch_size=recipe.batch_size,
                load_size=recipe.load_size,
                size=recipe.size,
                mirror=recipe.mirror,
            )
            _train_steps(run, step, training, draws, progress, threads, asked_to_end)
            losses = validate(learner, validation, experiment, most=max(LEAST, round(SHARE * len(training.pairs))))
            run.close_epoch(losses, images=recipe.batch_size * run.step)
            if is_first():
                samples = sample_grid(learner, (training, validation), experiment)
                keep_epoch(run, experiment, samples)
                run.background(partial(progress.epoch, list(run.rows), samples))
            if run.due() or run.epoch == recipe.epochs:
                run.save()


def _train_steps(
    run: Run,
    step: TrainingStep,
    training: PairSet,
    draws: Tensor,
    progress: Progress,
    threads: TrainingThreads,
    asked_to_end: Callable[[], bool],
) -> None:
    """The steps of the epoch, from where the run stands; `draws` as of `draw_epoch`."""
    from pix2pix.machine.distributed import share

    with closing(training.uncut_batches(share(draws)[run.epoch_step :])) as batches:
        for images, draw in batches:
            step(images, draw)
            run.step += 1
            progress.step(draws.shape[1])
            threads.look()
            if asked_to_end():
                run.save()
                raise KeyboardInterrupt
            if run.due() and run.epoch_step < run.epoch_steps:
                run.save()


def learning_rate_factor(epoch: int, *, epochs: int, decay_share: float) -> float:
    """What all learning rates are multiplied with in `epoch` (from 0): 1, then falling linearly over the last share."""
    decay_epochs = round(decay_share * epochs)
    return min(1.0, (epochs - epoch) / (decay_epochs + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train one experiment; after a kill, run again to continue.")
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    experiment = read_configuration().experiment(name)

    from pix2pix.learners.learner import recipe_of
    from pix2pix.machine.process_group import launch, processes_for, together

    count = processes_for(experiment.name, batch_size=recipe_of(experiment).batch_size)
    if count > 1:
        launch(train, experiment, count=count)
    else:
        with together():
            train(experiment)


if __name__ == "__main__":
    entry_point.run(main)
