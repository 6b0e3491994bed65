"""What render and evaluate leave: as files of three experiments, or as values; and reading what report wrote."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2pix.config.configuration import Configuration
from pix2pix.evaluation.result_files import Card, ImageScores, Metrics, Spread
from pix2pix.files.images import write_png
from pix2pix.files.json_csv import read_json, write_json
from pix2pix.reporting.experiment_result import ExperimentResult
from stages.evaluate import evaluate
from tests.support.tiny import TINY, make_pairs

FOLDER = Path("results/tiny")
IMAGE = ("psnr", "ssim", "l1")
CARD: dict[str, Any] = {
    "experiment": "first",
    "dataset": "houses",
    "direction": "BtoA",
    "seed": 0,
    "model": TINY["models"]["tiny"],
    "recipe": TINY["recipes"]["quick"],
    "precision": "fp32",
    "inference": {"dropout": True, "statistics": "image"},
    "epoch": 3,
    "step": 12,
    "split": "val",
    "n": 3,
    "shown": ["1", "2", "3"],
}
HISTORY = "epoch,step,images,train_l1,train_gan,val_l1,val_gan\n1,4,8,0.5,2.0,0.6,3.0\n2,8,16,0.25,,0.375,\n"
ROWS: dict[str, dict[str, Any]] = {
    "first": {"noise": 10},
    "first_seed1": {"noise": 12, "seed": 1},
    "first_mean": {"noise": 40, "model": {"kind": "mean"}},
}
THREE = Configuration(
    TINY
    | {
        "experiments": {name: TINY["experiments"]["first"] | {"seed": int(name == "first_seed1")} for name in ROWS},
        "studies": {"tiny": TINY["studies"]["tiny"] | {"baselines": ["first_mean"]}},
    }
)


def save_rendered(out: Path = FOLDER / "first", *, noise: float = 20, **card: Any) -> None:
    """What `render` leaves but for the grids, here with noisy copies of the targets; and the losses of a training."""
    described = Card.model_validate(CARD | {"experiment": out.name} | card)
    (out / "images/val").mkdir(parents=True)
    (out / "shown").mkdir()
    for path in sorted(Path("data/pairs", described.dataset, "val").iterdir()):
        a, b = sides(path, described.recipe.size)
        source, target = (a, b) if described.direction == "AtoB" else (b, a)
        noisy = np.asarray(target) + np.random.default_rng(int(path.stem[-1])).normal(0, noise, (*target.size, 3))
        write_png(out / f"images/val/{path.name}", noisy.round().clip(0, 255).astype(np.uint8))
        source.save(out / f"shown/{path.stem}_source.png")
        target.save(out / f"shown/{path.stem}_target.png")
    write_json(out / "card.json", described)
    history = Path("models", out.name, "history.csv")
    history.parent.mkdir(parents=True, exist_ok=True)
    history.write_text(HISTORY, encoding="utf-8")


def sides(path: Path, size: int) -> tuple[Image.Image, Image.Image]:
    """A and B of a pair at `size`, by Pillow alone."""
    with Image.open(path) as pair:
        half = pair.width // 2
        a, b = pair.crop((0, 0, half, pair.height)), pair.crop((half, 0, pair.width, pair.height))
    bicubic = Image.Resampling.BICUBIC
    return a.resize((size, size), bicubic), b.resize((size, size), bicubic)


@pytest.fixture(name="evaluated_once", scope="session")
def evaluated_for_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of THREE, two seeds and a baseline, for all tests: copy it."""
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_pairs(Path("data/pairs/houses"), {"train": 8, "val": 3})
        for name, row in ROWS.items():
            save_rendered(FOLDER / name, **row)
            evaluate(THREE.experiment(name))
    return folder


@pytest.fixture(name="evaluated")
def evaluated_for_one(evaluated_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a test, a copy of `evaluated_once`."""
    shutil.copytree(evaluated_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(name: str, file: str, **values: Any) -> None:
    """Change keys of a JSON file of an experiment."""
    path = FOLDER / name / file
    write_json(path, read_json(path, dict[str, Any]) | values)


def metrics(n: int = 3, groups: int = 3, **values: Any) -> Metrics:
    return Metrics.model_validate({"n": n, "groups": groups, **values})


def per_image(values: Mapping[str, Sequence[float]]) -> dict[tuple[str, str], ImageScores]:
    """Images of val, each its own group, by id with their PSNR, SSIM and L1."""
    rows: dict[tuple[str, str], ImageScores] = {}
    for id, scores in values.items():
        row = {"split": "val", "id": id, "group": id, **dict(zip(IMAGE, scores, strict=True))}
        rows["val", id] = ImageScores.model_validate(row)
    return rows


def result(name: str = "first", **changes: Any) -> ExperimentResult:
    """An ExperimentResult of three images with made-up numbers; `changes` are keys of its card, or its fields."""
    card = Card.model_validate(CARD | {key: value for key, value in changes.items() if key in CARD})
    values: dict[str, Any] = {"psnr": 12.0, "ssim": 0.25, "l1": 0.125, "train_l1": 0.25, "val_l1": 0.375}
    fields: dict[str, Any] = {
        "metrics": metrics(**values),
        "intervals": {key: Spread(sd=values[key] / 10, low=values[key] - 0.1, high=values[key] + 0.1) for key in IMAGE},
        "per_image": per_image(dict.fromkeys("123", tuple(values[key] for key in IMAGE))),
    }
    fields |= {key: value for key, value in changes.items() if key not in CARD}
    return ExperimentResult(name=name, folder=FOLDER / name, card=card, **fields)


def tables(text: str) -> list[list[dict[str, str]]]:
    """The Markdown tables of a text, each a list of rows."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        found.append([dict(zip(cells[0], row, strict=True)) for row in cells[2:]])
    return found


def read_report() -> str:
    return Path("results/tiny.md").read_text(encoding="utf-8")
