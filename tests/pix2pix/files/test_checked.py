"""Laws of the small files between stages: refused by file and key in one line, and no path of theirs leads outside."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pix2pix.evaluation.result_files import Card, FcnScore, ImageScores, Metrics, Spread
from pix2pix.files.checked import Cell, read_json, read_rows, write_json, write_rows
from pix2pix.pairs.stitched import read_pairs
from pix2pix.reporting.experiment_result import read_result
from pix2pix.reporting.tables import differences, image_metrics, markdown, other_metrics
from stages.evaluate import evaluate
from tests.support.results import CARD, THREE, evaluated_for_all, evaluated_for_one, metrics  # noqa: F401
from tests.support.soaks import Soak
from tests.support.wrong_values import VALUES

OUT = Path("results/tiny/first")
FCN_SCORE: dict[str, Any] = {"n": 3, "segmenter": "reader", "mean_iou": 0.5, "real_mean_iou": 0.5}
PERCEPTUAL: dict[str, Any] = {"card": CARD, "n": 3, "fid": 9.0, "lpips": 0.1}


@pytest.mark.parametrize(
    ("kind", "content", "says"),
    [
        (Metrics, '{"groups": 3}', "n: Field required"),
        (Metrics, '{"n": "3", "groups": 3}', "n: Input should be a valid integer"),
        (Metrics, '{"n": 3, "groups": 3, "ssim": "0.5"}', "ssim: Input should be a valid number"),
        (Metrics, '{"n": 3, "groups": 3, "psnr": NaN}', "psnr: Input should be a finite number"),
        (FcnScore, "[]", "Input should be an object"),
        (FcnScore, "{", "Invalid JSON: "),
        (FcnScore, "[" * 100_000, "Invalid JSON: recursion limit exceeded"),
        (dict[str, Spread], '{"ssim": {"sd": 1.0, "low": null}}', "ssim.high: Field required"),
        (Card, json.dumps(CARD | {"shown": ["1", 2]}), "shown.1: Input should be a valid string"),
        (Card, json.dumps(CARD | {"unknown": 1}), "unknown: Extra inputs are not permitted"),
    ],
)
def test_a_json_file_is_refused_by_its_first_wrong_key(tmp_path: Path, kind: Any, content: str, says: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError) as error:
        read_json(path, kind)
    assert str(error.value).startswith(f"{path}: {says}") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no column 'psnr'"),
        (b"split,id,group,psnr\n", "no rows"),
        (b"split,id,group\nval,1,1\n", "no column 'psnr'"),
        (b"split,id,psnr\nval,1,2\n", "row 1: group: Field required"),
        (b"split,id,group,psnr\nval,1,1,2\nval,2,2,b\n", "row 2: psnr: Input should be a valid number"),
        (b"split,id,group,psnr\nval,1,1,2,3\n", "row 1: "),
        (b"split,id,group,psnr\nval,1\n", "row 1: "),
        (b"split,id,group\nval,\xff,1\n", "not a CSV table ('utf-8' codec can't decode byte"),
        (b'split,id,group,psnr\nval,"1"2,1,2\n', "not a CSV table ("),
    ],
)
def test_a_table_is_refused_by_its_row_and_column(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_rows(path, ImageScores, columns=["psnr"])
    assert str(error.value).startswith(f"{path}: {says}") and "\n" not in str(error.value)


def test_a_missing_file_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(FileNotFoundError, match=f"^{path}: there is no such file; run `make it` first$"):
        read_json(path, Metrics, made_by="make it")
    with pytest.raises(FileNotFoundError, match=f"^{path}: there is no such file$"):
        read_rows(path, ImageScores)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    for value in (Card.model_validate(CARD), metrics(psnr=None, ssim=0.1), FcnScore(**FCN_SCORE)):
        write_json(tmp_path / "file.json", value)
        assert read_json(tmp_path / "file.json", type(value)) == value
    rows = [{"split": "val", "id": id, "group": 'a "b", c', "psnr": math.inf, "ssim": 0.125} for id in ("NA", "\n")]
    write_rows(tmp_path / "table.csv", rows, decimals=3)
    assert read_rows(tmp_path / "table.csv", ImageScores) == [ImageScores.model_validate(row) for row in rows]
    write_rows(tmp_path / "table.csv", [{"x": math.nan, "y": 2.0}], decimals=1)
    assert (tmp_path / "table.csv").read_bytes() == b"x,y\n,2.0\n"
    [row] = read_rows(tmp_path / "table.csv", dict[str, Cell])
    assert math.isnan(row["x"]) and row["y"] == 2


def spoil(path: Path, rng: np.random.Generator) -> None:
    """Cut or flip the bytes of a file, remove a line or a cell, or put a wrong value in its place."""
    content = path.read_bytes()
    kinds = [
        "cut",
        "noise",
        "flip",
        "twice",
        "line",
        "cell",
        *(["key", "key", "key"] if path.suffix == ".json" else []),
    ]
    match rng.choice(kinds):
        case "cut":
            content = content[: rng.integers(len(content))]
        case "noise":
            content = rng.bytes(200)
        case "flip":
            place = int(rng.integers(len(content)))
            content = content[:place] + bytes([content[place] ^ 1 << int(rng.integers(8))]) + content[place + 1 :]
        case "twice":
            content += content.splitlines()[-1] + b"\n"
        case "line":
            lines = content.splitlines()
            del lines[rng.integers(len(lines))]
            content = b"\n".join(lines)
        case "cell":
            cells = content.split(b",")
            wrong = [b"../../x", b"/etc/passwd", b"x", b"", b"-1", b"1e999", b'"', b"\0"]
            cells[rng.integers(len(cells))] = wrong[rng.integers(len(wrong))]
            content = b",".join(cells)
        case "key":
            value = json.loads(content)
            places = [value, *(part for part in value.values() if isinstance(part, dict))]
            place = places[rng.integers(len(places))]
            key = sorted(place)[rng.integers(len(place))]
            place[key] = VALUES[rng.integers(len(VALUES))]
            if rng.integers(3) == 0:
                del place[key]
            content = json.dumps(value).encode()
    path.write_bytes(content)


@pytest.mark.soak
def test_spoiled_files_between_stages_are_refused_by_name(evaluated: Path, soak: Soak) -> None:
    write_json(OUT / "fcn_score.json", FCN_SCORE)
    write_json(OUT / "perceptual.json", PERCEPTUAL)
    pairs, history = Path("data/pairs/houses/pairs.csv"), Path("models/first/history.csv")
    reported = [
        OUT / name
        for name in (
            "card.json", "metrics.json", "intervals.json", "per_image.csv", "fcn_score.json", "perceptual.json",
        )
    ]  # fmt: skip
    files = [*reported, OUT / "card.json", pairs, history]
    good = {path: path.read_bytes() for path in [*files, OUT / "best_and_worst.png"]}
    rng, rounds, refused = np.random.default_rng(4), soak.rounds(40, 240), 0
    for i in range(rounds):
        path = files[i % len(files)]
        spoil(path, rng)
        try:
            if i % len(files) < len(reported):
                result = read_result(OUT, with_fcn_score=True)
                for lines in (image_metrics([result]), other_metrics([result]), differences([result], [result])):
                    markdown(lines)
            else:
                evaluate(THREE.experiment("first"))
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
