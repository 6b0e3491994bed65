"""Tiny data in the layouts of the pipeline, made in a test's own folder."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from stages.params import Params
from stages.pix2pix.drawn_facades import draw_facade
from stages.pix2pix.images import write_png
from stages.pix2pix.pairs import COLUMNS, stitch
from tests.soaks import soak

__all__ = ["soak"]  # a fixture of every test

TINY: dict[str, Any] = {
    "datasets": {
        "houses": {
            "download": {"source": "drawn_facades", "train": 8, "val": 3, "size": 64, "seed": 0},
            "prepare": {"layout": "stitched"},
            "labels": "facades",
            "held_out": "val",
        },
    },
    "models": {
        "tiny": {
            "kind": "pix2pix",
            "generator_channels": 4,
            "norm": "batch",
            "dropout": 0.5,
            "dropout_blocks": 3,
            "inference_dropout": True,
            "discriminator_channels": 4,
            "discriminator_layers": 3,
        },
        "mean": {"kind": "mean"},
    },
    "recipes": {
        "quick": {
            "size": 64,
            "jitter": 72,
            "mirror": True,
            "epochs": 3,
            "decay_epochs": 1,
            "batch_size": 2,
            "generator_lr": 2e-4,
            "discriminator_lr": 1e-4,
            "beta1": 0.5,
            "beta2": 0.999,
            "gan_weight": 1.0,
            "l1_weight": 100.0,
            "keep_every": 2,
        },
    },
    "experiments": {
        "first": {
            "table": "tiny",
            "dataset": "houses",
            "direction": "BtoA",
            "model": "tiny",
            "recipe": "quick",
            "seed": 0,
        },
        "first_mean": {
            "table": "tiny",
            "dataset": "houses",
            "direction": "BtoA",
            "model": "mean",
            "recipe": "quick",
            "seed": 0,
        },
    },
    "scores": {},
    "probes": {},
    "reports": {"tiny": {"title": "Tiny", "references": ["first_mean"]}},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="the full rounds of long laws, into benchmarks/soaks.csv")


@pytest.fixture
def params() -> Params:
    return Params.model_validate(TINY)


@pytest.fixture(scope="session")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with TINY in which `dvc repro` has run, for all tests: leave it as it is, or put back what you change."""
    from tests.clones import call, clone  # noqa: PLC0415  # which reads TINY

    folder = clone(tmp_path_factory.mktemp("dvc") / "clone")
    call(folder, "dvc", "repro")
    return folder


@pytest.fixture
def tiny_repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a test: params.yaml as TINY, and its eleven prepared pairs."""
    monkeypatch.chdir(tmp_path)
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(TINY, file)
    make_pairs(Path("data/pairs/houses"), {"train": 8, "val": 3})
    return tmp_path


def make_pairs(root: Path, counts: dict[str, int], *, size: int = 64) -> None:
    """Prepared pairs of drawn houses, as `prepare` leaves them."""
    rows = []
    for split, count in counts.items():
        (root / split).mkdir(parents=True)
        for i in range(1, count + 1):
            photo, label = draw_facade(index=i + 1000 * (split == "val"), size=size, seed=0)
            write_png(root / split / f"{i}.png", stitch(photo, label))
            rows.append([i, split, i, size, size, f"{split}/{i}.png", "0" * 64])
    pd.DataFrame(rows, columns=COLUMNS).to_csv(root / "pairs.csv", index=False)


def random_image(seed: int, height: int = 64, width: int = 64) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
