"""Laws of the Makefile: a Mac's tools can run it, and its environment fits the place and the Python."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import REPO

MAKEFILE = (REPO / "Makefile").read_text(encoding="utf-8")
TARGETS = {name for names in re.findall(r"^([a-z0-9_ -]+):", MAKEFILE, re.MULTILINE) for name in names.split()}
NEWER = {  # than GNU make 3.81 and bash 3.2, or known to GNU's tools alone
    "make": r"\.ONESHELL|\.SHELLFLAGS|\.RECIPEPREFIX|\.WAIT\b|--output-sync|^undefine|^\S+ *(!=|:::?=)|&:"
    r"|\$\((file|guile|let|intcmp) ",
    "bash": r"declare -[gAn]|\b(mapfile|readarray|coproc)\b|\$\{\w+(\^|,|@)|\|&|&>>|wait -n|globstar|\[\[ -v |\[-1\]",
    "tools": r"readlink -f|sed -i |sed -r|grep -\w*P|date -d|stat -c|cp --|du -b|status=none"
    r"|\b(nproc|timeout|realpath|sha256sum|tac) ",
}
# Stands for python3: without pip in its environments, which takes seconds, and of the version that it is told
PYTHON3 = """#!/bin/sh
[ "$2" != venv ] || { shift 2; exec PYTHON -m venv --without-pip "$@"; }
PYTHONPATH=$PWD/version exec PYTHON "$@"
"""
UV = "from pathlib import Path\nuv = Path('.venv/bin/uv')\nuv.write_text('#!/bin/sh')\nuv.chmod(0o755)\n"


def make(folder: Path, *words: str) -> tuple[int, str]:
    path = f"{folder}/bin:/usr/bin:/bin"
    done = subprocess.run(["make", *words], cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture(name="clone")
def clone_without_packages(tmp_path: Path) -> Path:
    """Where the packages are two empty files, so that an environment is made in no time."""
    folder = tmp_path / "clone"
    program(folder / "bin/python3", PYTHON3.replace("PYTHON ", f"{sys.executable} "))
    for name, text in {
        "requirements.txt": "uv==1\n",
        "dvc.py": "",
        "pip.py": UV,
        "version/sitecustomize.py": "",
    }.items():
        program(folder / name, text)
    shutil.copy(REPO / "Makefile", folder)
    return folder


def test_recipes_find_their_programs_without_the_exported_path(clone: Path) -> None:
    """Make 3.81 looks for them in the PATH that it was called with."""
    (clone / "Makefile").write_text(re.sub("^export PATH.*", "", MAKEFILE, flags=re.MULTILINE), encoding="utf-8")
    for name in {path.name for path in Path(sys.executable).parent.iterdir()}:
        program(clone / ".venv/bin" / name, "#!/bin/sh\n[ -t 0 ] || cat > /dev/null\n")
    program(clone / ".venv/bin/activate", f"VIRTUAL_ENV={clone}/.venv")
    made_before = ("requirements-all.txt", ".venv/ready", "web/package-lock.json", "web/node_modules/ready")
    for made in (*made_before, ".venv/checks", "results/demo.md", "tests/slurm.sh"):
        program(clone / made, '"$@"')
    code, said = make(clone, *sorted(TARGETS))
    assert code == 0, said
    assert {"demo", "test", "fetch", "audit"} < TARGETS


@pytest.mark.parametrize("name", ["Makefile", ".ci/run", "tests/slurm.sh"])
def test_nothing_is_newer_than_the_tools_of_a_mac(name: str) -> None:
    text = (REPO / name).read_text(encoding="utf-8")
    assert not [found[0] for kind in NEWER.values() for found in re.finditer(f".*({kind}).*", text, re.MULTILINE)]


def test_an_environment_of_another_place_or_python_is_made_anew(clone: Path, tmp_path: Path) -> None:
    def made_anew(*words: str) -> bool:
        code, said = make(folder, ".venv/ready", *words)
        assert code == 0, said
        assert f"{folder}/.venv" in (folder / ".venv/bin/activate").read_text(encoding="utf-8")
        return "-m venv" in said

    folder = clone
    assert made_anew()
    assert not made_anew()
    folder = clone.rename(tmp_path / "moved")
    assert made_anew()
    assert not made_anew("PYTHON=python3")
    (folder / "version/sitecustomize.py").write_text("import sys; sys.version_info = (3, 12, 0)", encoding="utf-8")
    assert not made_anew(), "only a caller that names a Python asks for its version"
    assert made_anew("PYTHON=python3")
    for python in (folder / ".venv/bin").glob("python*"):
        python.unlink()
        python.symlink_to("/removed/python3")
    assert made_anew()


def test_an_environment_of_another_clone_is_never_cleared(clone: Path, tmp_path: Path) -> None:
    program(tmp_path / "other/bin/python", "of another clone")
    (clone / ".venv").symlink_to(tmp_path / "other")
    code, said = make(clone, ".venv/ready")
    assert code == 2 and ".venv is a link to an environment that does not fit this clone" in said
    assert (tmp_path / "other/bin/python").exists()


@pytest.mark.parametrize("version", ["2, 7", "3, 10", "3, 15"])
def test_a_python_that_is_not_supported_is_refused_before_anything_is_made(version: str, clone: Path) -> None:
    (clone / "version/sitecustomize.py").write_text(f"import sys; sys.version_info = ({version}, 0)", encoding="utf-8")
    code, said = make(clone, "demo")
    assert code == 2
    assert f"error: Python 3.11 to 3.14 is needed, this is {version.replace(', ', '.')}; try make PYTHON=" in said
    assert not (clone / ".venv").exists()
