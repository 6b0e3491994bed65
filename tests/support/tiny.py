"""The smallest data and configuration on which every verb runs."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pix2pix.files.images import read_image, write_png
from pix2pix.pairs.stitched import COLUMNS, DRAWINGS, split_sides, stitch
from pix2pix.toydata.facades import draw_facade

TINY: dict[str, Any] = {
    "datasets": {
        "houses": {
            "download": {"source": "drawn_facades", "train": 8, "val": 3, "size": 64, "seed": 0},
            "prepare": {"layout": "stitched", "labels": "facades"},
        },
    },
    "models": {
        "tiny": {
            "kind": "pix2pix",
            "generator_channels": 4,
            "dropout": 0.5,
            "dropout_blocks": 3,
            "inference_dropout": True,
            "discriminator_channels": 4,
            "discriminator_layers": 3,
            "skips": True,
            "conditional": True,
        },
        "mean": {"kind": "mean"},
    },
    "recipes": {
        "quick": {
            "size": 64,
            "load_size": 72,
            "mirror": True,
            "epochs": 3,
            "decay_share": 0.33,
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
            "study": "tiny",
            "dataset": "houses",
            "direction": "BtoA",
            "model": "tiny",
            "recipe": "quick",
            "seed": 0,
        },
        "first_mean": {
            "study": "tiny",
            "dataset": "houses",
            "direction": "BtoA",
            "model": "mean",
            "recipe": "quick",
            "seed": 0,
        },
    },
    "incumbent": {},
    "fcn_scores": {},
    "robustness": {},
    "studies": {"tiny": {"title": "Tiny", "split": "val"}},
}
ONE = TINY | {"experiments": {"first": TINY["experiments"]["first"]}}  # without the mean
OF_A_STUDY = ("experiments", "incumbent", "fcn_scores", "robustness")


def write_configuration(content: dict[str, Any], folder: Path = Path()) -> None:
    """The files of a configuration such as TINY, as the shipped ones are laid out, and dvc.yaml's list of them."""
    base = {
        "models": {"pix2pix": TINY["models"]["tiny"]} | content["models"],
        "recipes": {"paper": TINY["recipes"]["quick"]} | content["recipes"],
    }
    files = {
        "params.yaml": base,
        "config/datasets.yaml": {"datasets": content["datasets"]},
    }
    for study, entry in content["studies"].items():
        rows = {
            section: {name: row for name, row in content[section].items() if row.get("study", name) == study}
            for section in OF_A_STUDY
        }
        files[f"config/studies/{study}.yaml"] = {"studies": {study: entry}} | rows
    for path, sections in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with (folder / path).open("w", encoding="utf-8") as file:
            YAML().dump(copy.deepcopy(sections), file)  # equal parts would become aliases
    if (folder / "dvc.yaml").exists():
        text = (folder / "dvc.yaml").read_text(encoding="utf-8")
        listed = "".join(f"  - {path}\n" for path in files if path.startswith(("config/datasets", "config/studies/")))
        text = re.sub(r"^vars:.*\n(  - .*\n)+", f"vars:\n{listed}", text, flags=re.MULTILINE)
        (folder / "dvc.yaml").write_text(text, encoding="utf-8")


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


def make_drawings(root: Path, *, manners: int = 3) -> None:
    """Of the training pairs under `root`, drawn in several manners: side A and random others, black and white."""
    for number, path in enumerate(sorted((root / "train").iterdir())):
        a, b = split_sides(read_image(path))
        height = len(a)
        shape = (height, height * (manners - 1), 1)
        others = 255 * np.random.default_rng(number).integers(0, 2, shape, np.uint8).repeat(3, 2)
        grey = a[..., :1].repeat(3, 2)
        write_png(path, stitch(grey, b))
        (root / DRAWINGS).mkdir(exist_ok=True)
        write_png(root / DRAWINGS / path.name, np.concatenate([grey, others], axis=1))


def random_image(seed: int, height: int = 64, width: int = 64) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def files(folder: Path) -> dict[str, bytes]:
    """The contents of all files below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@contextmanager
def working_folder(folder: Path, *, val: int = 3) -> Iterator[None]:
    """Within it `folder` is the working folder, with prepared pairs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_pairs(Path("data/pairs/houses"), {"train": 8, "val": val})
        yield
