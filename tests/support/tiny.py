"""The smallest data and configuration on which every verb runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pix2pix.files.images import write_png
from pix2pix.pairs.stitched import COLUMNS, stitch
from pix2pix.toydata.facades import draw_facade

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
