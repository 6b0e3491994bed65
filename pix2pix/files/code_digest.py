"""Which code a module runs, and a digest of it that comments, docstrings and layout do not change."""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("stages", "pix2pix")
# Stages name the values that they use as DVC parameters, so the reader of the configuration is left out: a new option
# makes no old result stale. So are two that only say errors in a line.
LEFT_OUT = ("pix2pix/config/", "pix2pix/files/entry_point.py", "pix2pix/files/memory.py")


def code_digests(module: str, *, root: Path = ROOT) -> str:
    """A line `<sha256> <path>` for each file that `module` (such as stages.train) runs, ordered by path."""
    files = {file.relative_to(root).as_posix(): file for file in import_closure(module, root=root)}
    return "".join(f"{_sha256(code_of(files[path].read_text(encoding='utf-8')))} {path}\n" for path in sorted(files))


def import_closure(module: str, *, root: Path = ROOT) -> set[Path]:
    """The files of PACKAGES that `module` imports, directly or not, inside functions too; with its own, without
    LEFT_OUT."""
    closure: set[Path] = set()
    waiting = [_file(module, root)]
    while waiting:
        file = waiting.pop()
        if file in closure or not file.exists() or file.relative_to(root).as_posix().startswith(LEFT_OUT):
            continue
        closure.add(file)
        waiting += [_file(name, root) for name in _imports(file.read_text(encoding="utf-8"))]
    return closure


@cache
def _imports(source: str) -> list[str]:
    """The modules of PACKAGES that may be imported: of `from a import b` both a and a.b."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide dependencies"
            found += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name for name in found if name.startswith(tuple(f"{package}." for package in PACKAGES))]


@cache
def code_of(source: str) -> str:
    """The syntax tree of Python source without docstrings, as text that is the same in every version of Python."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[ast.get_docstring(node) is not None :]
    return repr(_plain(tree))


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(child) for child in node]
    if isinstance(node, ast.AST):  # fields without a value are left out: versions of Python differ in which there are
        fields = {name: _plain(value) for name, value in ast.iter_fields(node) if value not in (None, [])}
        return type(node).__name__, fields
    return node


def _file(module: str, root: Path) -> Path:
    return root.joinpath(*module.split(".")).with_suffix(".py")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
