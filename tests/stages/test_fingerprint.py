"""Laws of fingerprints: what code a stage depends on, no more and no less."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from pix2pix.files.code_digest import LEFT_OUT, PACKAGES, code_digests, code_of, import_closure
from stages.fingerprint import VERBS
from tests.support.repository import REPO


def closure(verb: str) -> set[str]:
    return {file.relative_to(REPO).as_posix() for file in import_closure(f"stages.{verb}", root=REPO)}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(REPO / package, tmp_path / package)
    return tmp_path


@cache
def ours(verb: str) -> str:
    return code_digests(f"stages.{verb}")


def changed(copy: Path) -> list[str]:
    """The verbs whose fingerprint differs from the repository's."""
    return [verb for verb in VERBS if code_digests(f"stages.{verb}", root=copy) != ours(verb)]


def edit(copy: Path, file: str, old: str, new: str) -> None:
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("verb", VERBS)
def test_every_module_that_a_verb_loads_is_in_its_fingerprint(verb: str) -> None:
    """Python itself says what was loaded."""
    ours = "n.startswith(('stages.', 'pix2pix.'))"
    program = f"import sys, stages.{verb}; print(*(m.__file__ for n, m in sys.modules.items() if {ours}))"
    shown = subprocess.run([sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, check=True)
    loaded = {Path(file).relative_to(REPO).as_posix() for file in shown.stdout.split()}
    declared = {file for file in loaded if file.startswith(LEFT_OUT) or "__init__" in file}
    assert loaded - declared <= closure(verb)


def test_metrics_and_score_touch_neither_training_nor_rendering() -> None:
    assert "pix2pix/evaluation/metrics.py" not in closure("train") | closure("render")
    assert "pix2pix/evaluation/segmentation.py" not in closure("train") | closure("render")
    assert "pix2pix/evaluation/metrics.py" in closure("evaluate")
    assert "stages/fcn_score.py" in closure("fcn_score")


def test_declared_values_are_no_code() -> None:
    assert not [verb for verb in VERBS if "pix2pix/config/configuration.py" in closure(verb)]


def test_comments_docstrings_and_blank_lines_are_no_code() -> None:
    plain = "A = '# no comment'\n\n\nclass B:\n    def c(self) -> int:\n        return 1\n"
    explained = (
        '"""Of\nmany lines."""\n\nA = \'# no comment\'  # why\n\n'
        'class B:\n    """B."""\n    # before c\n    def c(self) -> int:\n        """C."""\n        return 1\n'
    )
    assert code_of(plain) == code_of(explained)
    assert "# no comment" in code_of(explained)
    assert code_of("def f():\n    return 'a'\n") != code_of("def f():\n    return 'b'\n")
    assert code_of("def f(): 'doc'; return 1\n") != code_of("def f(): 'doc'; return 2\n")
    assert code_of("A = '''a \n\nb'''\n") != code_of("A = '''a\n\nb'''\n") != code_of("A = '''a\nb'''\n")
    assert code_of("A = '\x0c \u2028'\n'x'\n") != code_of("A = '\x0c \u2028'\n'y'\n")
    assert code_of("if a:\n    b()\nc()\n") != code_of("if a:\n    b()\n    c()\n")


def test_a_change_of_code_reaches_the_verbs_that_run_it_alone(copy: Path) -> None:
    """The digest of `train` also keys the state of an interrupted training."""
    edit(copy, "pix2pix/evaluation/metrics.py", '"""', '"""More about: ')
    edit(copy, "pix2pix/config/recipes.py", "    keep_every:", "    another_key: bool\n    keep_every:")
    assert changed(copy) == []
    edit(copy, "pix2pix/evaluation/metrics.py", "import ", "import math\nimport ")
    assert changed(copy) == ["evaluate", "robustness"]
    edit(copy, "pix2pix/training/validation.py", "BATCH = 16", "BATCH = 8")  # imported in a function of train
    assert changed(copy) == ["train", "evaluate", "robustness"]
