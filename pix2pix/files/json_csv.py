"""The small files between stages, JSON objects and CSV tables: read as they should be, or refused by file and key."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from pix2pix.files.atomic import whole_file

T = TypeVar("T")
Cell = Annotated[float, BeforeValidator(lambda text: math.nan if text == "" else text)]  # of a CSV table; NaN: empty


def read_json(path: Path, kind: type[T], *, made_by: str = "") -> T:
    """A JSON file as a value of `kind`, any type that pydantic validates.

    Raises:
        FileNotFoundError: there is no such file; the line says which command makes it, where `made_by` names one.
        ValueError: not JSON, or not of that kind; one line with the file and the key.
    """
    try:
        return TypeAdapter(kind).validate_json(_content(path, made_by))
    except ValidationError as error:
        raise ValueError(f"{path}: {_first(error)}; make it again") from None


def write_json(path: Path, value: Any) -> None:
    """Write a value that `read_json` can read again, whole or not at all."""
    content = TypeAdapter(type(value)).dump_python(value, mode="json")
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_rows(path: Path, kind: type[T], *, columns: Iterable[str] = (), made_by: str = "") -> list[T]:
    """A CSV table of at least one row, each a value of `kind`: its fields and `columns` are columns, in any order.

    Raises:
        FileNotFoundError: there is no such file; the line says which command makes it, where `made_by` names one.
        ValueError: not such a table; one line with the file, the row and the column.
    """
    adapter = TypeAdapter(kind)
    rows = []
    try:
        reader = csv.DictReader(io.StringIO(_content(path, made_by).decode("utf-8"), newline=""), strict=True)
        if missing := {*columns}.difference(reader.fieldnames or ()):
            raise ValueError(f"{path}: no column '{min(missing)}'; make it again")
        for row in reader:
            rows.append(adapter.validate_python(row))
    except ValidationError as error:
        raise ValueError(f"{path}: row {len(rows) + 1}: {_first(error)}; make it again") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV table ({error}); make it again") from None
    if not rows:
        raise ValueError(f"{path}: no rows; make it again")
    return rows


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], *, decimals: int = 0) -> None:
    """Write a CSV table that `read_rows` can read again, whole or not at all: its columns are the first row's keys."""
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value, decimals) for key, value in row.items()} for row in rows)


def _cell(value: Any, decimals: int) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{decimals}f}"
    return str(value)


def _first(error: ValidationError) -> str:
    """The first mistake: its key, and what should stand there."""
    mistake = error.errors()[0]
    key = ".".join(map(str, mistake["loc"]))
    return f"{key}: {mistake['msg']}" if key else mistake["msg"]


def _content(path: Path, made_by: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        command = f"; run `{made_by}` first" if made_by else ""
        raise FileNotFoundError(f"{path}: there is no such file{command}") from None
