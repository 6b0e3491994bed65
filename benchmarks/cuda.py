"""The first hour on a GPU: is it right, how fast, does it learn as well? `python -m benchmarks.cuda --seconds 3000`

Each check writes OUT/<check>.csv, with a column `right` where that can be told. What is there is not measured again,
and when time is over the next call goes on:

    learners   the first losses of each kind of learner in fp32, the device's against the CPU's
    again      a training twice, once interrupted and once without a CUDA graph: how far losses and weights differ
    speed      images/s of the paper's step at batch 1, as a CUDA graph, eager, and the incumbent's (INCUMBENT=FOLDER)
    full       the paper's model and recipe on facades: seconds of its 200 epochs
    quality    facades_small, three seeds, as here by default, and in fp32 without a graph

The last two need the pairs of facades, or its archive (DATA_MIRROR); what the others need is drawn.
"""

import argparse
import math
import os
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import chdir, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import torch

from benchmarks.incumbent import incumbent_step
from benchmarks.timing import wait
from pix2pix.batches.augmentation import cut_batch, draw_epoch
from pix2pix.batches.dataset import PairSet
from pix2pix.config.models import FCN, UNetAlone
from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.json_csv import read_json
from pix2pix.learners.learner import build_learner
from pix2pix.machine.hardware import Hardware, use_hardware
from pix2pix.networks.layers import to_network
from pix2pix.networks.weights import load_tensors
from pix2pix.pairs.palettes import palette
from pix2pix.training.cuda_graph import CHECKED, WARM_UP, TrainingStep, graph_for
from stages.evaluate import evaluate
from stages.render import render
from stages.train import train
from tools.run_studies import OutOfTimeError, Verbs

Row = dict[str, Any]
Check = Callable[[Experiment, Path], list[Row]]
Planned = tuple[Check, Experiment, dict[str, str]]
STEPS, ROUNDS = 3, 5
APART = 1e-3  # of losses in fp32 between devices, relative
LOSSES_APART, WEIGHTS_APART = 0.01, 0.05  # between runs on one GPU: sums by atomics come in any order
PLAIN = {"PIX2PIX_PRECISION": "fp32", "PIX2PIX_CUDA_GRAPH": "off"}
QUALITY = ["facades_small", "facades_small_seed1", "facades_small_seed2"]


def _no_pairs(device: torch.device) -> PairSet:
    return PairSet([], [], "AtoB", 0, None, device)


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def learners(small: Experiment, _: Path) -> list[Row]:
    """A row a kind: its loss after some steps on both devices, and whether they agree."""
    hardware, rows = use_hardware(training=True), list[Row]()
    alone = small.recipe.model_copy(update={"gan_weight": 0.0})
    fcn = FCN(kind="fcn", channels=8, convolutions=1, stride=8, upsampling="single", classes="facades")
    kinds = {
        "gan": small,
        "l1": replace(small, recipe=alone),
        "fcn, classes": replace(small, model=fcn, recipe=alone),
        "unet, image": replace(small, model=UNetAlone(kind="unet", channels=8, classes=None), recipe=alone),
    }
    for kind, experiment in kinds.items():
        losses = []
        for device in (torch.device("cpu"), hardware.device):
            learner = build_learner(experiment, Hardware(device, hardware.threads, "fp32"), _no_pairs(device))
            colours = to_network(torch.from_numpy(palette("facades")))
            at = torch.randint(len(colours), (2, 2, small.recipe.size, small.recipe.size), generator=_random())
            source, target = colours[at].permute(0, 1, 4, 2, 3).to(device)
            seeds = torch.arange(2, device=device)
            losses.append(torch.stack([learner.step(source, target, seeds) for _ in range(STEPS)]).cpu())
        apart = float(((losses[0] - losses[1]).abs() / losses[0].abs().clamp(min=0.1)).max())
        rows.append({"learner": kind, "first": losses[1][0].tolist(), "apart": apart, "right": apart <= APART})
    return rows


def again(small: Experiment, work: Path) -> list[Row]:
    """A row a run: how far its losses and weights are from those of the first."""
    call, taken = TrainingStep.__call__, 0

    def interrupted(step: TrainingStep, images: torch.Tensor, draws: torch.Tensor) -> None:
        nonlocal taken
        taken += 1
        if taken == 2 * (WARM_UP + CHECKED):
            signal.raise_signal(signal.SIGINT)
        call(step, images, draws)

    def result(**environment: str) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
        shutil.rmtree(work / "scratch", ignore_errors=True)
        with chdir(work), mock.patch.dict(os.environ, environment):
            with suppress(KeyboardInterrupt):
                train(small)
            train(small)  # what was interrupted goes on, what was not is published again
        folder = work / "models" / small.name
        return pd.read_csv(folder / "history.csv"), load_tensors(folder / "last.safetensors")[0]

    straight, runs = result(), {"again": result()}
    with mock.patch.object(TrainingStep, "__call__", interrupted):
        runs["interrupted"] = result()
    runs["eager"] = result(PIX2PIX_CUDA_GRAPH="off")
    rows = []
    for name, (losses, weights) in runs.items():
        by_losses = float((losses - straight[0]).abs().to_numpy().max())
        by_weights = max(float((tensor - straight[1][key]).abs().max()) for key, tensor in weights.items())
        right = by_losses <= LOSSES_APART and by_weights <= WEIGHTS_APART
        rows.append({"run": name, "losses": by_losses, "weights": by_weights, "right": right})
    return rows


def speed(paper: Experiment, _: Path) -> list[Row]:
    """A row a way: images/s, the median of rounds that alternate, and its ratio to the first."""
    hardware, recipe = use_hardware(training=True), paper.recipe
    side, size = recipe.load_size, recipe.size
    images = torch.randint(0, 256, (8, side, side, 6), dtype=torch.uint8, generator=_random()).to(hardware.device)
    epochs = [
        draw_epoch(seed=0, epoch=e, pairs=8, batch_size=1, load_size=side, size=size, mirror=True) for e in range(10)
    ]
    draws = torch.cat(epochs).to(hardware.device)

    def way(graph: Any) -> Callable[[torch.Tensor], object]:
        learner = build_learner(paper, hardware, _no_pairs(hardware.device))
        sums = torch.zeros(len(learner.losses) + 1, dtype=torch.float64, device=hardware.device)
        step = TrainingStep(learner, sums, partial(cut_batch, size=size), graph=graph, say=print)
        return lambda draw: step(images, draw)

    ways = {"eager": way(None)}
    if graph := graph_for(hardware):
        ways["graph"] = way(graph)
    if folder := os.environ.get("INCUMBENT"):
        source, target = torch.rand(2, 1, 3, size, size, device=hardware.device) * 2 - 1
        channels = paper.model.model_dump()["generator_channels"]
        theirs = incumbent_step(Path(folder), size=size, channels=channels, device=hardware.device)
        ways = {"incumbent": lambda draw: theirs(source, target, draw)} | ways
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _round in range(ROUNDS + 1):
        for name, step in ways.items():
            start = time.perf_counter()
            for draw in draws:
                step(draw)
            wait(hardware.device)
            spent[name].append((time.perf_counter() - start) / len(draws))
    rates = {name: 1 / statistics.median(seconds[1:]) for name, seconds in spent.items()}
    first = next(iter(rates.values()))
    return [{"step": name, "images/s": rate, "ratio": rate / first} for name, rate in rates.items()]


def full(paper: Experiment, work: Path) -> list[Row]:
    """One row: what the record of the whole training says."""
    with chdir(work):
        train(paper)
    return [read_json(work / f"logs/records/{paper.name}.json", Row)]


def quality(experiment: Experiment, work: Path) -> list[Row]:
    """A row of metrics of one training."""
    with chdir(work):
        for verb in (train, render, evaluate):
            verb(experiment)
    metrics = read_json(work / f"results/{experiment.study}/{experiment.name}/metrics.json", Row)
    return [{"experiment": experiment.name, **metrics}]


def checks(small: str, facades: str, paper: str, quality_of: list[str]) -> dict[str, Planned]:
    """By name, in order: what is called, on which experiment, in which environment."""
    of = read_configuration().experiment
    full_size = replace(of(facades), name=f"{facades}_full_size", model=of(paper).model, recipe=of(paper).recipe)
    first: dict[str, Planned] = {
        "learners": (learners, of(small), {"PIX2PIX_PRECISION": "fp32"}),
        "again": (again, of(small), {}),
        "speed": (speed, full_size, {}),
        "full": (full, full_size, {}),
    }
    kinds = {"": {}, "_plain": PLAIN}
    return first | {f"quality_{n}{kind}": (quality, of(n), kinds[kind]) for n in quality_of for kind in kinds}


def main() -> None:
    about, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/gpu"), help="folder of the tables")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end within this time (default: no limit)")
    parser.add_argument("--small", default="demo_facades", help="experiment of the first two checks")
    parser.add_argument("--facades", default="facades", help="experiment whose pairs speed and full take")
    parser.add_argument("--paper", default="maps", help="experiment whose model and recipe speed and full take")
    parser.add_argument("--quality", nargs="*", default=QUALITY, help="experiments of quality")
    parser.add_argument("--only", help="one check, here and now")
    given = parser.parse_args()
    all_checks, verbs = checks(given.small, given.facades, given.paper, given.quality), Verbs(given.seconds)
    if given.only:
        check, experiment, _ = all_checks[given.only]
        work = Path("scratch/cuda_checks", given.only)
        work.mkdir(parents=True, exist_ok=True)
        if not (work / "data").exists():
            (work / "data").symlink_to(Path("data").resolve())
        rows = [row | {"device": use_hardware().describe()["device"]} for row in check(experiment, work)]
        with whole_file(given.out / f"{given.only}.csv") as partial:
            pd.DataFrame(rows).to_csv(partial, index=False)
        return
    for name, (check, experiment, environment) in all_checks.items():
        if not (given.out / f"{name}.csv").exists():
            try:
                if check not in (learners, speed):
                    verbs.prepare(experiment.dataset_name)
                verbs.call(name, ["benchmarks.cuda", *sys.argv[1:], "--only", name], environment)
            except OutOfTimeError:
                print(f"{name} is for the next call")
                return
        print(name, pd.read_csv(given.out / f"{name}.csv").to_markdown(index=False), sep="\n", flush=True)


if __name__ == "__main__":
    run(main)
