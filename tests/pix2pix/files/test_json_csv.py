"""Laws of the small files between stages: what is written is read again, all else is refused by file and key."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from pix2pix.evaluation.result_files import Card, FcnScore, ImageScores, Metrics
from pix2pix.files.json_csv import Cell, read_json, read_rows, write_json, write_rows
from tests.support.results import CARD, metrics

FCN_SCORE: dict[str, Any] = {"n": 3, "segmenter": "reader", "mean_iou": 0.5, "real_mean_iou": 0.5}


@pytest.mark.parametrize(
    ("kind", "content", "says"),
    [
        (Metrics, '{"groups": 3}', "n: Field required"),
        (Metrics, '{"n": 3, "groups": 3, "psnr": NaN}', "psnr: Input should be a finite number"),
        (FcnScore, "[]", "Input should be an object"),
        (FcnScore, "{", "Invalid JSON: "),
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
        (b"split,id,group,psnr\nval,1,1,2\nval,2,2,b\n", "row 2: psnr: Input should be a valid number"),
        (b"split,id,group,psnr\nval,1,1,2,3\n", "row 1: "),
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
