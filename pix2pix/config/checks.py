"""Values against their types: every mistake in one line, by the path of its key."""

import difflib
import re
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pix2pix.config.fields import Strict

MAX_ERRORS = 8  # named in one line
MAX_LISTED = 12  # names that stand in an error; of more, only similar ones


def check(key: str, kind: Any, raw: Any) -> Any:
    """`raw`, which stands at `key`, as a value of type `kind`.

    Raises:
        ValueError: one line with the path of each wrong key and what it should be.
    """
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as error:
        lines = [_line(key, raw, found) for found in error.errors()]
        more = [f"and {len(lines) - MAX_ERRORS} more"] if len(lines) > MAX_ERRORS else []
        raise ValueError(one_line("; ".join(lines[:MAX_ERRORS] + more))) from None


def find(key: str, wanted: str, names: Sequence[str]) -> None:
    """See that `wanted`, which `key` names, is one of `names`.

    Raises:
        ValueError: it is not; the line lists the names, or similar ones where there are many.
    """
    if wanted not in names:
        there_are = f"there are: {', '.join(sorted(names))}" if len(names) <= MAX_LISTED else ""
        hint = there_are or did_you_mean(wanted, names) or f"there are {len(names)}, none like it"
        raise ValueError(one_line(f"{key}: there is no '{wanted}' ({hint})"))


def did_you_mean(wanted: str, names: Iterable[str]) -> str:
    """A question that names those of `names` that are like `wanted`; empty where none is."""
    similar = difflib.get_close_matches(wanted, list(names), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(similar)}?" if similar else ""


def one_line(message: str) -> str:
    """Without line breaks and control characters, of a length that a person reads."""
    line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", message).strip()
    return line if len(line) <= 1500 else f"{line[:1500]}..."


def _line(key: str, raw: Any, error: Any) -> str:
    path, context = _path(raw, error), error.get("ctx", {})
    match error["type"]:
        case "value_error":
            message = error["msg"].removeprefix("Value error, ")
        case "extra_forbidden":
            key_said = str(error["loc"][-1])
            message = f"unknown key; {did_you_mean(key_said, _keys(Strict) - {key_said})}".removesuffix("; ")
        case "missing":
            message = "this key is required"
        case "model_type" | "model_attributes_type" | "dict_type":
            message = f"must be a map, not {_short(error['input'])}"
        case "union_tag_not_found":
            path, message = [*path, context["discriminator"].strip("'")], "this key is required"
        case "union_tag_invalid":
            path = [*path, context["discriminator"].strip("'")]
            message = f"must be one of {context['expected_tags']}, not {_short(context['tag'])}"
        case _:
            message = f"{error['msg']}, not {_short(error['input'])}"
    return f"{'.'.join([key, *path])}: {message}"


def _keys(kind: type[Strict]) -> set[str]:
    """The keys of all entries of this kind."""
    return {*kind.model_fields}.union(*map(_keys, kind.__subclasses__()))


def _path(raw: Any, error: Any) -> list[str]:
    """The keys from `raw` to the mistake; pydantic puts the tags of unions between them."""
    path = []
    for part in error["loc"]:
        if (isinstance(raw, dict) and part in raw) or (isinstance(raw, list) and isinstance(part, int)):
            raw = raw[part]
            path.append(str(part))
    return [*path, str(error["loc"][-1])] if error["type"] == "missing" else path


def _short(value: Any) -> str:
    return reprlib.repr(value)  # of any value a few words
