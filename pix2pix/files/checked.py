"""The small files between stages, JSON objects and CSV tables: read as they should be, or refused by file and key."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from pix2pix.files.atomic import whole_file

T = TypeVar("T")
# what a value must be: of a type, one of several words, or an object of which these keys are demanded
Wanted = type | tuple[str, ...] | Mapping[str, Any]


def read_json(path: Path, kind: type[T], *, made_by: str = "") -> T:
    """A JSON file as a value of `kind`, any type that pydantic validates.

    Raises:
        FileNotFoundError: there is no such file; the line says which command makes it, where `made_by` names one.
        ValueError: not JSON, or not of that kind; one line with the file and the key.
    """
    try:
        return TypeAdapter(kind).validate_json(_content(path, made_by))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ValueError(f"{path}: {key + ': ' if key else ''}{first['msg']}; make it again") from None


def write_json(path: Path, value: Any) -> None:
    """Write a value that `read_json` can read again, whole or not at all."""
    content = TypeAdapter(type(value)).dump_python(value, mode="json")
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_table(path: Path, *, words: Sequence[str], numbers: Sequence[str] = (), made_by: str = "") -> pd.DataFrame:
    """A CSV table of at least one row whose columns begin with `words`; the others, among them `numbers`, are numbers.

    An empty field is an empty word, or no number (NaN).

    Raises:
        FileNotFoundError: there is no such file; the line says which command makes it, where `made_by` names one.
        ValueError: not such a table; names the file.
    """
    try:
        table = pd.read_csv(io.BytesIO(_content(path, made_by)), dtype=str, keep_default_na=False)
        if list(table.columns[: len(words)]) != list(words) or {*numbers} - {*table.columns}:
            raise ValueError(f"columns are {', '.join(table.columns)}, not {', '.join([*words, *numbers])}")
        if table.empty:
            raise ValueError("no rows")
        for column in table.columns[len(words) :]:
            table[column] = [float(text or "nan") for text in table[column]]
    except ValueError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}; make it again") from None
    return table


def _content(path: Path, made_by: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        command = f"; run `{made_by}` first" if made_by else ""
        raise FileNotFoundError(f"{path}: there is no such file{command}") from None


def read_object(path: Path, wanted: Mapping[str, Wanted]) -> dict[str, Any]:
    """A JSON object that holds at least the keys `wanted`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not JSON, not an object, or a key is missing or of another kind; names the file and the key.
    """
    content = path.read_bytes()
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not readable as JSON ({error}); make it again") from None
    return demand(path, value, wanted)


def demand(path: Path, value: Any, wanted: Mapping[str, Wanted], *, key: str = "") -> dict[str, Any]:
    """`value`, which stands in `path` below `key`, as an object with the keys `wanted`; raises as `read_object`."""
    if not isinstance(value, dict):
        raise ValueError(f"{path}: {key or 'it'} must be an object, not {type(value).__name__}")
    for name, kind in wanted.items():
        full = f"{key}.{name}" if key else name
        if name not in value:
            raise ValueError(f"{path}: has no '{full}'")
        match kind:
            case type() if kind is float and isinstance(value[name], int):
                pass
            case type() if not isinstance(value[name], kind):
                raise ValueError(f"{path}: {full} must be {kind.__name__}, not {type(value[name]).__name__}")
            case tuple() if value[name] not in kind:
                raise ValueError(f"{path}: {full} must be {' or '.join(kind)}, not {value[name]!r:.80}")
            case Mapping():
                demand(path, value[name], kind, key=full)
    return value
