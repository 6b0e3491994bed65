"""Laws of broken params.yaml: one line that names the key, or the value that was read is the value that was written."""

import copy
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from tests.support.repository import REPO
from tests.support.soaks import Soak

SHIPPED: dict[str, Any] = YAML(typ="safe").load(REPO / "params.yaml")
SEED = 4
SECONDS = 20  # of the processor; a longer read is a hang
HERE = "hostile value"  # stands for the fragment in a dumped file
GONE = "gone"
PLAIN = ["null", "true", "hello", '""', "[]", "{}", "[1, 2]", "{a: 1}", "3", "-1", "2.5", "-0.1", "0", "1e400", ".inf"]
PLAIN += [
    ".nan",
    f"{2**70}",
    "9" * 400,
    "9" * 5000,
    "2020-01-01",
    "1:30",
    "0x10",
    "1e-4",
    "'1'",
    "ünï©ødé ✓",
    '"a\\nb"',
]
PLAIN += ['"a\\0b"', '"\\ud800"', '"\\e[31m"', "../x", "a/b", "con", "A", "~nobody/x", "x" * 100_000, "no", "[[[1]]]"]
TAGGED = [
    '!!python/object/apply:os.system ["touch executed"]',
    "!!python/name:os.system x",
    "!!bool x",
    "!!int x",
    "!x y",
]
TAGGED += [
    "!!timestamp x",
    '!!binary "@"',
    "*nowhere",
    "&a [*a]",
    "{<<: 3}",
    "{a: 1, a: 2}",
    "[" * 300,
    "\t- x",
    "%",
    "@",
]
Key = tuple[str | int, ...]


def one_of_each() -> dict[str, Any]:
    """The shipped file, of entries of one kind the first; and what these name."""
    kinds: dict[str, Callable[[Any], Any]] = {
        "datasets": lambda e: (e["download"]["source"], e["prepare"]["layout"], str(e["prepare"].get("edges"))),
        "models": lambda e: e["kind"],
    }
    chosen: dict[str, dict[str, Any]] = {section: {} for section in SHIPPED}
    for section, kind in kinds.items():
        seen = set()
        for name, value in SHIPPED[section].items():
            if kind(value) not in seen:
                seen.add(kind(value))
                chosen[section][name] = value
    probe, score = next(iter(SHIPPED["probes"])), next(iter(SHIPPED["scores"]))
    chosen["probes"][probe], chosen["scores"][score] = SHIPPED["probes"][probe], SHIPPED["scores"][score]
    for name in (probe, score, SHIPPED["scores"][score]["segmenter"]):
        experiment = chosen["experiments"][name] = SHIPPED["experiments"][name]
        for section, key in (("datasets", "dataset"), ("models", "model"), ("recipes", "recipe")):
            chosen[section][experiment[key]] = SHIPPED[section][experiment[key]]
        rows = [row for row, e in chosen["experiments"].items() if e["table"] == experiment["table"]]
        report = SHIPPED["reports"][experiment["table"]]
        chosen["reports"][experiment["table"]] = report | {"references": rows[:1], "tables": {"All": rows}}
    for dataset in ("canny", "doodle"):
        name = SHIPPED["probes"][probe][dataset]
        chosen["datasets"][name] = SHIPPED["datasets"][name]
    return chosen


WHOLE = one_of_each()


def keys(value: Any, above: Key = ()) -> Iterator[Key]:
    """Every key of the file at any depth, and every place of a list."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in items:
        yield (*above, name)
        yield from keys(part, (*above, name))


def at(whole: Any, key: Key) -> Any:
    for part in key:
        whole = whole[part]
    return whole


def changed(key: Key, fragment: str) -> str:
    whole = copy.deepcopy(WHOLE)
    above = at(whole, key[:-1])
    if fragment == GONE:
        del above[key[-1]]
    else:
        above[key[-1]] = HERE
    return json.dumps(whole).replace(f'"{HERE}"', fragment)  # JSON is YAML


def read(content: bytes | str) -> Configuration | str:
    """What was read, or the one line of the refusal without the file's name; no code was run, and it took no time."""
    path, start = Path("params.yaml"), time.process_time()
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        found: Configuration | str = read_configuration(path)
    except ValueError as error:
        found = str(error)
        assert found.startswith("params.yaml: ") and found.isprintable() and len(found) < 2_000, found[:200]
    assert not Path("executed").exists()
    assert time.process_time() - start < SECONDS
    return found if isinstance(found, Configuration) else found.removeprefix("params.yaml: ")


def names(line: str, key: Key, value: Any) -> bool:
    """Whether the line names the key, the entry that it stands in, or another entry that names this one."""
    dotted = ".".join(map(str, key))
    if line.startswith("not readable as YAML") or any(dotted.startswith(part) for part in line.split(": ")[:1]):
        return True
    entry = key[1] if len(key) > 1 else key[0]
    return dotted in line or f"'{entry}'" in line or f".{entry}" in line or f"'{value}'" in line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_walked_file_is_valid_and_holds_every_kind(folder: Path) -> None:
    assert isinstance(read(json.dumps(WHOLE)), Configuration)
    assert {m["kind"] for m in WHOLE["models"].values()} == {m["kind"] for m in SHIPPED["models"].values()}
    assert {d["prepare"]["layout"] for d in WHOLE["datasets"].values()} == {
        d["prepare"]["layout"] for d in SHIPPED["datasets"].values()
    }


@pytest.mark.soak
def test_every_key_with_a_wrong_value_is_named(folder: Path, soak: Soak) -> None:
    cases = [(key, fragment) for key in keys(WHOLE) for fragment in [GONE, *PLAIN, *TAGGED]]
    order = np.random.default_rng(SEED).permutation(len(cases))[: soak.rounds(100, 1200)]
    refused = 0
    for key, fragment in (cases[i] for i in order):
        found = read(changed(key, fragment))
        if isinstance(found, Configuration):
            if fragment != GONE:
                written = YAML(typ="safe").load(fragment)
                assert at(found.model_dump(), key) == written, (key, fragment)
            continue
        refused += 1
        assert names(found, key, fragment), (key, fragment[:80], found)
    assert refused > 0.8 * len(order)
    soak.counts["files"] = len(order)
    soak.counts["refused"] = refused


@pytest.mark.soak
def test_an_unknown_key_is_named_wherever_it_stands(folder: Path, soak: Soak) -> None:
    places = [(), *(key for key in keys(WHOLE) if isinstance(at(WHOLE, key), dict))]
    order = np.random.default_rng(SEED).permutation(len(places))[: soak.rounds(10, 200)]
    for place in (places[i] for i in order):
        found = read(changed((*place, "surprise"), "1"))
        assert isinstance(found, str) and "surprise" in found, (place, found)
    soak.counts["files"] = len(order)


BOMB = "a: &a [x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)
WHOLE_FILES: list[tuple[str, str | bytes, str]] = [
    ("empty", "", "dictionary"),
    ("a word", "hello", "dictionary"),
    ("a list", "- 1\n", "dictionary"),
    ("two documents", "a: 1\n---\nb: 2\n", "single document"),
    ("a bomb of aliases", BOMB + "datasets: *j\n", "aliases"),
    ("itself", "&a {datasets: *a}\n", "aliases"),
    ("long", 'datasets: "' + "x" * 10**7 + '"', "bytes; at most"),
    ("deep", "datasets: " + "[" * 1_300, "recursion"),
    ("deep blocks", "\n".join(" " * i + "a:" for i in range(900)), "recursion"),
    ("twice", "datasets: {}\ndatasets: {}\n", "duplicate"),
    ("tabs", "datasets:\n\tx: 1\n", "tab|'\\\\t'"),
    ("UTF-16", "datasets: {}".encode("utf-16"), "utf-8"),
    ("Latin-1", "datasets: {ä: 1}".encode("latin-1"), "utf-8"),
    ("NUL", b"datasets: \0", "x0000"),
    ("zeros", bytes(4096), "x0000"),
    ("noise", np.random.default_rng(SEED).bytes(4096), "utf-8"),
    ("an image", (REPO / "sketches/cars/hatchback.png").read_bytes(), "utf-8"),
    ("keys of all kinds", "~: 1\n1: 2\n2020-01-01: 3\n? [1, 2]\n: 4\n", "required"),
    ("a key of two lines", '"a\\nb": 3\n', "required"),
]


@pytest.mark.parametrize(("content", "says"), [case[1:] for case in WHOLE_FILES], ids=[case[0] for case in WHOLE_FILES])
def test_a_file_broken_as_a_whole_is_refused_in_one_line(folder: Path, content: str | bytes, says: str) -> None:
    found = read(content)
    assert isinstance(found, str) and re.search(says, found), found


@pytest.mark.soak
def test_cut_and_flipped_files_are_refused_or_read_as_they_stand(folder: Path, soak: Soak) -> None:
    whole, rng = json.dumps(WHOLE).encode(), np.random.default_rng(SEED)
    rounds = soak.rounds(15, 200)
    for i in range(rounds):
        content = bytearray(whole[: rng.integers(len(whole))]) if i % 2 else bytearray(whole)
        for _ in range(i % 4):
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        found = read(bytes(content))
        if isinstance(found, Configuration):
            assert found == Configuration(YAML(typ="safe").load(content.decode()))
    soak.counts["files"] = rounds


def test_aliases_and_a_mark_at_the_start_are_read(folder: Path) -> None:
    """What DVC reads too: a repeated part, merged keys, a byte order mark."""
    (name, recipe), *_ = WHOLE["recipes"].items()
    text = json.dumps(WHOLE | {"recipes": HERE})
    rest = {key: value for key, value in WHOLE["recipes"].items() if key != name}
    recipes = f"{name}: &first {json.dumps(recipe)}, again: {{<<: *first, epochs: 77}}, {json.dumps(rest)[1:-1]}"
    found = read("\ufeff" + text.replace(f'"{HERE}"', f"{{{recipes}}}"))
    assert isinstance(found, Configuration), found
    assert found.recipes["again"].model_dump() == found.recipes[name].model_dump() | {"epochs": 77}


@pytest.mark.parametrize("content", ["datasets: [", "datasets: *nowhere\n"])
def test_the_command_line_says_it_in_one_line(folder: Path, content: str) -> None:
    Path("params.yaml").write_text(content, encoding="utf-8")
    command = [sys.executable, "-m", "stages.prepare", "x"]
    done = subprocess.run(command, env={"PYTHONPATH": str(REPO)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and re.fullmatch(
        r"error: configuration\.yaml: not readable as YAML: [^\n]+\n", done.stderr
    )
