"""Imports lead downwards only: verbs to the library, and inside the library from folder to folder in one order."""

import ast
from pathlib import Path

import pytest

from tests.support.repository import REPO

# each folder imports from itself and from those before it
ORDER = (
    "files", "machine", "config", "pairs", "raw", "toydata", "networks", "batches", "learners", "training",
    "evaluation", "reporting",
)  # fmt: skip


def imported(file: Path) -> set[str]:
    """The modules of this repository that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module=str(module)):
                names.add(module)
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
    return {name for name in names if name.split(".")[0] in ("pix2pix", "stages", "tools", "app", "workflow", "tests")}


def test_the_order_names_every_folder() -> None:
    assert sorted(ORDER) == sorted(path.parent.name for path in (REPO / "pix2pix").glob("*/__init__.py"))


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_downwards_only(folder: str) -> None:
    allowed = {"pix2pix", *(f"pix2pix.{name}" for name in ORDER[: ORDER.index(folder) + 1])}
    for file in sorted((REPO / "pix2pix" / folder).glob("*.py")):
        above = sorted(name for name in imported(file) if ".".join(name.split(".")[:2]) not in allowed)
        assert not above, f"{file.relative_to(REPO)} imports {above[0]}"


def test_a_folder_can_be_held_in_mind() -> None:
    for folder in ORDER:
        assert len(list((REPO / "pix2pix" / folder).glob("*.py"))) <= 13, folder  # a dozen, and __init__.py
        assert not [path for path in (REPO / "pix2pix" / folder).iterdir() if path.is_dir() and path.name[0] != "_"]


def test_verbs_import_the_library_and_no_other_verb() -> None:
    for file in sorted((REPO / "stages").glob("*.py")):
        assert all(name.startswith("pix2pix.") for name in imported(file)), file
