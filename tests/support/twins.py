"""A tiny twin of every kind of experiment: what a refactoring that moves no bit is held against."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

from pix2pix.config.reader import read_configuration
from stages.download import download
from stages.evaluate import evaluate
from stages.fcn_score import fcn_score
from stages.prepare import prepare
from stages.render import render
from stages.report import report
from stages.robustness import robustness
from stages.train import train
from tests.support.repository import REPO
from tests.support.tiny import TINY, write_configuration

SMALL = {"epochs": 1, "decay_share": 0.0, "keep_every": 1}
PIX2PIX = TINY["models"]["tiny"]
MODELS: dict[str, dict[str, Any]] = {
    "pix2pix": PIX2PIX,
    "no_dropout": PIX2PIX | {"dropout": 0.0, "inference_dropout": False},
    "no_skips": PIX2PIX | {"skips": False},
    "unconditional": PIX2PIX | {"conditional": False},
    **{f"layers_{n}": PIX2PIX | {"discriminator_layers": n} for n in (0, 1, 2, 4, 5)},
}
ALONE: dict[str, dict[str, Any]] = {
    **{
        f"fcn_{stride}_{classes or 'image'}": {
            "kind": "fcn",
            "channels": 4,
            "convolutions": 2,
            "stride": stride,
            "upsampling": upsampling,
            "classes": classes,
        }
        for stride, upsampling in ((8, "stepwise"), (16, "single"), (32, "single"))
        for classes in (None, "facades")
    },
    "unet": {"kind": "unet", "channels": 4, "classes": None},
    "reader": {"kind": "unet", "channels": 4, "classes": "facades"},
}
CANNY = {"method": "canny", "blur_sigma": 1.0, "low": 40, "high": 110}
DOODLE = {"method": "doodle", "smoothing": 2.0, "low": 40, "high": 110, "min_length": 30, "width": 2}


def all_kinds() -> dict[str, Any]:
    """Configuration with an experiment of every kind: both directions, a score, a probe, kept epochs."""
    houses = TINY["datasets"]["houses"]
    cars = {"source": "drawn_cars", "cars": 2, "views": 2, "size": 64, "seed": 0}
    layout = {"layout": "carvana", "size": 64, "hold_out": 1, "seed": 0}
    experiment = TINY["experiments"]["first"]
    experiments = {name: experiment | {"model": name} for name in MODELS}
    experiments |= {name: experiment | {"model": name, "recipe": "alone", "direction": "AtoB"} for name in ALONE}
    experiments["layers_5"]["recipe"] = "wide"
    experiments["mean"] = experiment | {"model": "mean"}
    experiments["cars"] = experiment | {"model": "pix2pix", "dataset": "cars_canny", "direction": "AtoB"}
    return TINY | {
        "datasets": {
            "houses": houses | {"download": houses["download"] | {"train": 4, "val": 2}},
            **{
                f"cars_{edges['method']}": {"download": cars, "prepare": layout | {"edges": edges}}
                for edges in (CANNY, DOODLE)
            },
        },
        "models": MODELS | ALONE | {"mean": {"kind": "mean"}},
        "recipes": {
            "quick": TINY["recipes"]["quick"] | SMALL,
            "alone": TINY["recipes"]["quick"] | SMALL | {"gan_weight": 0.0, "l1_weight": 1.0},
            "wide": TINY["recipes"]["quick"] | SMALL | {"size": 128, "load_size": 128},
        },
        "experiments": experiments,
        "fcn_scores": {"tiny": {"dataset": "houses", "segmenter": "reader"}},
        "robustness": {"cars": {"study": "tiny", "canny": "cars_canny", "doodle": "cars_doodle"}},
    }


def write_repo(folder: Path) -> None:
    write_configuration(all_kinds(), folder)
    shutil.copytree(REPO / "sketches", folder / "sketches")


def make_everything() -> None:
    """All that DVC would run, in this process and in the working folder."""
    configuration = read_configuration()
    for name in configuration.names("datasets"):
        dataset = configuration.dataset(name)
        download(name, dataset.download, raw=Path("data/raw"), downloads=Path("scratch"), mirror=None)
        prepare(layout=dataset.prepare, raw=Path("data/raw", name), out=Path("data/pairs", name))
    for name in configuration.names("experiments"):
        experiment = configuration.experiment(name)
        train(experiment)
        render(experiment)
        evaluate(experiment)
    for name in configuration.names("fcn_scores"):
        fcn_score(configuration.fcn_scoring(name))
    for name in configuration.names("robustness"):
        robustness(configuration.robustness(name))
    for name in configuration.names("studies"):
        report(configuration.study(name))


def made(folder: Path) -> dict[str, str]:
    """The digests of what was made, but for the pages, which say when that was."""
    files = [file for part in ("data", "models", "results") for file in (folder / part).rglob("*.*")]
    files = [file for file in files if file.is_file() and file.suffix != ".html"]
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
