"""Laws of spoiled files between stages: refused by name, and no path of theirs leads outside."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pix2pix.config.configuration import Configuration
from pix2pix.pairs.stitched import read_pairs
from pix2pix.reporting.results import read_row
from pix2pix.reporting.tables import differences, markdown, scores
from pix2pix.reporting.tables import numbers as numbers_of
from stages.evaluate import evaluate
from tests.support.reported import three_rows  # noqa: F401
from tests.support.soaks import Soak
from tests.support.wrong_values import VALUES

OUT = Path("results/tiny/first")
SEED = 4


def spoil_text(content: bytes, rng: np.random.Generator) -> bytes:  # noqa: PLR0911
    """A table or an object cut, flipped, emptied, or with another value, row or column."""
    lines = content.decode().splitlines()
    line = int(rng.integers(len(lines)))
    match int(rng.integers(10)):
        case 0:
            return content[: rng.integers(len(content))]
        case 1:
            return rng.bytes(200)
        case 2:
            return b""
        case 3:
            return b"[" * 100_000
        case 4:
            return content + lines[-1].encode() + b"\n"
        case 5:
            return "\n".join(lines[:line] + lines[line + 1 :]).encode()
        case 6:
            return "\n".join(",".join(line.split(",")[1:]) for line in lines).encode()
        case 7:
            flipped = bytearray(content)
            flipped[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
            return bytes(flipped)
        case _:
            cells = lines[line].split(",")
            cells[rng.integers(len(cells))] = str(
                rng.choice(["../../x", "/etc/passwd", "x", "", "-1", "1e999", '"', "\0"])
            )
            return "\n".join([*lines[:line], ",".join(cells), *lines[line + 1 :]]).encode()


def spoil_object(content: bytes, rng: np.random.Generator) -> bytes:
    """An object in which any key has a wrong value, or is missing; else as `spoil_text`."""
    if rng.integers(3) == 0:
        return spoil_text(content, rng)
    value = json.loads(content)
    places = [value, *(part for part in value.values() if isinstance(part, dict))]
    place = places[int(rng.integers(len(places)))]
    key = str(rng.choice(sorted(place)))
    if rng.integers(3) == 0:
        del place[key]
    else:
        place[key] = VALUES[int(rng.integers(len(VALUES)))]
    return json.dumps(value).encode()


@pytest.mark.soak
def test_spoiled_files_between_stages_are_refused_by_name(three: Configuration, soak: Soak) -> None:
    card = json.loads((OUT / "card.json").read_text(encoding="utf-8"))
    numbers = {
        f"{real}{key}": 0.5 for real in ("", "real_") for key in ("pixel_accuracy", "class_accuracy", "mean_iou")
    }
    (OUT / "fcn_score.json").write_text(json.dumps({"n": 3, "segmenter": "reader", **numbers}), encoding="utf-8")
    (OUT / "perceptual.json").write_text(json.dumps({"card": card, "fid": 9.0, "lpips": 0.1}), encoding="utf-8")
    pairs, history = Path("data/pairs/houses/pairs.csv"), Path("models/first/history.csv")
    names = ("card.json", "metrics.json", "per_image.csv", "fcn_score.json", "perceptual.json")
    files = [*(OUT / name for name in names), OUT / "card.json", pairs, history]
    good = {path: path.read_bytes() for path in [*files, OUT / "metrics.json", OUT / "strip.png"]}
    rng, rounds, refused = np.random.default_rng(SEED), soak.rounds(40, 240), 0
    for i in range(rounds):
        path = files[i % len(files)]
        path.write_bytes((spoil_object if path.suffix == ".json" else spoil_text)(good[path], rng))
        try:
            if i % len(files) < len(names):
                row = read_row(OUT, scored=True)
                for lines in (scores([row]), numbers_of([row]), differences([row], [row])):
                    markdown(lines)
            else:
                evaluate(three.experiment("first"))
        except (ValueError, FileNotFoundError) as error:
            refused += 1
            assert str(path.parent) in str(error) and "\n" not in str(error), (i, path, error)
        for pair in read_pairs(Path("data/pairs/houses"), "val") if path != pairs else []:
            assert pair.path.parent == Path("data/pairs/houses/val")
        for spoiled, content in good.items():
            spoiled.write_bytes(content)
    assert refused > rounds / 3
    soak.counts["files"], soak.counts["refused"] = rounds, refused


@pytest.mark.parametrize("change", ["a row twice", "two files of one id", "an id outside"])
def test_pairs_and_their_folder_hold_the_same_images_once(tiny_repo: Path, change: str) -> None:
    root = Path("data/pairs/houses")
    table = pd.read_csv(root / "pairs.csv", dtype=str)
    match change:
        case "a row twice":
            table = pd.concat([table, table.tail(1)])
        case "two files of one id":
            shutil.copy(root / "val/1.png", root / "val/3.jpg")
        case _:
            table.loc[table["split"] == "val", "id"] = ["1", "2", "../train/3"]
    table.to_csv(root / "pairs.csv", index=False)
    with pytest.raises(ValueError, match=r"^data/pairs/houses/val: '(3|../train/3)' "):
        read_pairs(root, "val")
