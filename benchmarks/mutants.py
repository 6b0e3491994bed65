"""Which small mistakes in the numbers the laws would miss: cosmic-ray's mutants of the modules behind the tables.

`make mutants` changes one operator or number at a time in a copy of the tree, runs the laws that concern the module,
and writes MUTANTS.md: how many were killed, and each survivor with its reason from survivors.yaml. Exit code 1 when
fewer than 85 % of a module's mutants were killed. Left out, since they would flatter the share, are mutants of
signatures, those that do not compile or end in a TypeError, and bitwise operators in place of arithmetic.
"""

import argparse
import ast
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from compileall import compile_dir
from dataclasses import dataclass
from difflib import ndiff
from importlib import import_module
from pathlib import Path

import pytest
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from hypothesis import Phase, settings
from ruamel.yaml import YAML
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
ENOUGH = 0.85
INCOMPETENT = 100  # exit code
ARITHMETIC, BITWISE = (
    ("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"),
    ("RShift", "LShift", "BitOr", "BitAnd", "BitXor"),
)
# what laws import of others, so that a fork for each mutant need not: torch alone takes seconds
HEAVY = ("cv2", "pandas", "pydantic", "safetensors.torch", "scipy.stats", "skimage.metrics")


@dataclass(frozen=True)
class Subject:
    module: str  # its path below pix2pix/
    laws: tuple[str, ...]  # of the folder of its tests; quick ones first: the first failure ends a mutant
    functions: tuple[str, ...] = ()  # none: all


SUBJECTS = [
    Subject("evaluation/metrics", ("test_metrics",)),
    Subject("pairs/stitched", ("test_pair_laws",)),
    Subject("training/losses", ("test_losses",)),
    Subject("pairs/held_out", ("test_split_laws",)),
    Subject("pairs/gta5", ("test_split_laws",), ("split_frames",)),
]


@dataclass(frozen=True)
class Mutant:
    line: int
    before: str
    after: str
    code: str


def mutants_of(path: Path, functions: tuple[str, ...]) -> Iterator[Mutant]:
    """Each mutant once, in the order of lines."""
    source, tree = path.read_text(encoding="utf-8"), get_ast_from_path(path)
    signatures = _signatures(source)
    seen = {source}
    found = []
    for name in operator_names():
        kind, (_, was, becomes) = get_operator(name), f"{name}__".split("_")[:3]
        if kind.arguments() or (was in ARITHMETIC and becomes in BITWISE):
            continue  # the former need names of variables to put in
        operator = kind()
        nodes = (node for node in ast_nodes(tree) for _ in operator.mutation_positions(node))
        for occurrence, node in enumerate(nodes):
            if functions and ASTQuery(node).get_definition_name() not in functions:
                continue
            if any(start <= node.start_pos and node.end_pos <= end for start, end in signatures):
                continue
            code = mutate_code(source, operator, occurrence)
            if code is None or code in seen or not _compiles(code):
                continue
            seen.add(code)
            changes = [line for line in ndiff(source.splitlines(), code.splitlines()) if line[0] in "-+"]
            before, after = ("; ".join(line[2:].strip() for line in changes if line[0] == sign) for sign in "-+")
            places = enumerate(zip(source.splitlines(), code.splitlines(), strict=False), 1)
            line = next(i for i, (old, new) in places if old != new)
            found.append(Mutant(line, before, after, code))
    yield from sorted(found, key=lambda mutant: (mutant.line, mutant.after))


def _signatures(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where each begins and ends, (line, column)."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return [((f.lineno, f.col_offset), (f.body[0].lineno, f.body[0].col_offset)) for f in functions]


def _compiles(code: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(code, "mutant", "exec")
        except SyntaxError:
            return False
    return True


class FirstError:
    """A pytest plugin that remembers whether the first error was a TypeError."""

    exit_code = 1

    def pytest_exception_interact(self, call: pytest.CallInfo[object]) -> None:
        assert call.excinfo is not None
        if call.excinfo.errisinstance(TypeError) or "TypeError:" in call.excinfo.exconly():
            self.exit_code = INCOMPETENT


def try_laws(tree: Path, subject: Subject, *, seconds: float) -> int:
    """0 when the laws hold, INCOMPETENT after a TypeError, or else 1; also where they do not end in time.

    In a fork, which has what is HEAVY already.
    """
    child = os.fork()
    if not child:
        os.setsid()  # with whatever it starts
        os.chdir(tree)
        sys.path[0] = str(tree)
        sys.dont_write_bytecode = True  # a mutant's would outlive it
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        with Path(os.devnull).open("r+b") as nowhere:
            for stream in range(3):
                os.dup2(nowhere.fileno(), stream)
        error = FirstError()
        folder = Path("tests/pix2pix", subject.module).parent
        paths = [str(folder / f"{law}.py") for law in subject.laws]
        os._exit(
            pytest.main(["-x", "--assert=plain", "-p", "no:cacheprovider", *paths], plugins=[error]) and error.exit_code
        )
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 1


def try_all(subject: Subject, tree: Path) -> tuple[int, list[Mutant]]:
    """How many mutants a module has, and those that no law noticed."""
    path = tree / f"pix2pix/{subject.module}.py"
    source = path.read_text(encoding="utf-8")
    start = time.monotonic()
    if try_laws(tree, subject, seconds=600) != 0:
        raise ValueError(f"{subject.module}: its laws do not hold as it is: {', '.join(subject.laws)}")
    seconds = 10 + 5 * (time.monotonic() - start)
    count, survivors = 0, []
    for mutant in tqdm(list(mutants_of(path, subject.functions)), desc=subject.module, mininterval=10):
        path.write_text(mutant.code, encoding="utf-8")
        code = try_laws(tree, subject, seconds=seconds)
        count += code != INCOMPETENT
        if code == 0:
            survivors.append(mutant)
            tqdm.write(f"{subject.module}.py:{mutant.line}: {mutant.after}")
    path.write_text(source, encoding="utf-8")
    return count, survivors


def report(results: list[tuple[Subject, int, list[Mutant]]], seconds: float) -> str:
    reasons: dict[str, str] = YAML(typ="safe").load(HERE / "survivors.yaml") or {}
    lines = [
        "# Mutants",
        "",
        f"What `make mutants` found in {seconds / 60:.0f} minutes: one operator or number changed at a time, and",
        "whether a law noticed. What can't be evaluated at all (a TypeError) is not counted.",
        "",
        "| module | mutants | killed | |",
        "|---|---:|---:|---:|",
    ]
    for subject, count, survivors in results:
        where = f"`{subject.module}.py`" + (f", `{', '.join(subject.functions)}`" if subject.functions else "")
        killed = count - len(survivors)
        lines.append(f"| {where} | {count} | {killed} | {killed / count:.1%} |")
    lines += ["", "Survivors:", "", "| where | is | became | why no law |", "|---|---|---|---|"]
    for subject, _, survivors in results:
        for mutant in survivors:
            why = reasons.get(f"{subject.module}: {mutant.after}", "not yet said")
            cells = [f"{subject.module}.py:{mutant.line}", _code(mutant.before), _code(mutant.after), why]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|') or ' '}`"


def main() -> None:
    argparse.ArgumentParser(description="Count the small mistakes that no law notices.").parse_args()
    start = time.monotonic()
    for name in HEAVY:
        import_module(name)
    settings.register_profile("mutants", phases=[Phase.generate])  # nobody reads the smallest case
    settings.load_profile("mutants")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        names = subprocess.check_output(
            ["git", "ls-files", "-co", "--exclude-standard", "pix2pix", "stages", "tests", "pyproject.toml"],
            cwd=HERE.parent,
            text=True,
        )
        for name in names.splitlines():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(HERE.parent / name, tree / name)
        compile_dir(tree, quiet=1)
        for subject in SUBJECTS:
            for stale in (tree / "pix2pix" / subject.module).parent.glob("__pycache__/*"):
                stale.unlink()
            results.append((subject, *try_all(subject, tree)))
    text = report(results, time.monotonic() - start)
    (HERE / "MUTANTS.md").write_text(text, encoding="utf-8")
    few = [subject.module for subject, count, survivors in results if len(survivors) > (1 - ENOUGH) * count]
    sys.exit(f"fewer than {ENOUGH:.0%} killed: {', '.join(few)}" if few else 0)


if __name__ == "__main__":
    main()
