"""Laws of containers/: both recipes do the same, a linter finds nothing, and their commands run."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.clones import BIN, clone
from tests.support.repository import REPO

DOCKER, APPTAINER = REPO / "containers/Dockerfile", REPO / "containers/pix2pix.def"
HOME = "/opt/pix2pix"


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile, in order: word and rest, long lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", DOCKER.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


def docker(word: str) -> list[str]:
    return [rest for each, rest in instructions() if each == word]


def section(name: str) -> list[str]:
    """Lines of a section of the Apptainer recipe, or of its head."""
    text = re.sub(r"^#.*\n", "", APPTAINER.read_text(encoding="utf-8"), flags=re.MULTILINE)
    parts = dict(part.partition("\n")[::2] for part in ("head\n" + text).split("\n%"))
    return [line.strip() for line in parts[name].splitlines() if line.strip()]


def commands() -> list[str]:
    """What is run to build: of the Dockerfile, whose last RUN is its test."""
    return [command for run in docker("RUN")[:-1] for command in run.split(" && ")]


def ignored() -> list[str]:
    """Of .dockerignore, which Docker looks for in the root, the context of the documented command."""
    lines = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_both_recipes_do_the_same() -> None:
    assert section("head") == ["Bootstrap: docker", *(f"From: {image}" for image in docker("FROM"))]
    (copied,) = docker("COPY")
    assert ignored() == ["*", *(f"!{name}" for name in copied.removesuffix(" ./").split())]
    assert section("files") == [f"{name} {HOME}/" for name in copied.removesuffix(" ./").split()]
    *built, user, path = docker("ENV")
    assert section("post") == [*commands()[:-1], f"cd {docker('WORKDIR')[0]}", f"export {built[0]}", *commands()[-1:]]
    name, _, value = user.partition("=")  # Apptainer's user is the caller, who may be known there
    assert section("environment") == [f"export {name}=${{{name}:-{value}}}", f"export {path}"]
    assert section("test") == docker("RUN")[-1].split(" && ")


def test_the_linter_finds_nothing() -> None:
    if not (BIN / "hadolint").exists():
        pytest.skip("the group `checks` of pyproject.toml is not installed: make .venv/checks")
    done = subprocess.run([BIN / "hadolint", DOCKER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    shell = "\n".join(["FROM python:3.11", "RUN cd /opt", "RUN make s3 | tee"])
    worse = subprocess.run([BIN / "hadolint", "-"], input=shell, capture_output=True, text=True, check=False)
    assert worse.returncode, "it would find nothing at all"


def test_its_commands_make_the_environment(tmp_path: Path) -> None:
    """From the copied files alone. Two packages stand for the 170 of them, and Debian's are only asked for."""
    (copied,) = docker("COPY")
    for name in copied.removesuffix(" ./").split():
        shutil.copy(REPO / name, tmp_path / name)
    project = (tmp_path / "pyproject.toml").read_text(encoding="utf-8").replace('"dvc-s3"', '"six"')
    project = re.sub(r"(?<=^dependencies = )\[.*?^\]", '["uv"]', project, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(project, encoding="utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "lists").mkdir()
    (tmp_path / "bin/apt-get").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n', encoding="utf-8")
    (tmp_path / "bin/apt-get").chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for command in commands():
        here = command.replace("/var/lib/apt/lists", str(tmp_path / "lists"))
        done = subprocess.run(["sh", "-ec", here], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        if re.search("NameResolutionError|NewConnectionError|dns error|tcp connect error", done.stderr):
            pytest.skip("no network")
        assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text(encoding="utf-8").split()
    assert {"git", "make"} <= set(asked)
    found = Path(docker("ENV")[-1].removeprefix("PATH=").removesuffix(":$PATH").replace(HOME, str(tmp_path)))
    assert subprocess.run([found / "python", "-c", "import six"], check=False).returncode == 0
    assert subprocess.run([found / "python", "-c", "import torch"], stderr=subprocess.DEVNULL, check=False).returncode


NOBODY = """
import pwd, sys
def getpwuid(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = getpwuid
from dvc.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_dvc_runs_for_a_user_who_has_no_account(tmp_path: Path) -> None:
    """As `--user uid:gid -e HOME=/tmp` leaves it: no name but the recipe's."""
    folder = clone(tmp_path / "clone")
    user = next(given.removeprefix("USER=") for given in docker("ENV") if given.startswith("USER="))
    bare = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    command = [str(BIN / "python"), "-c", NOBODY, "repro", "--dry", "fingerprint"]
    for env, holds in ((bare | {"USER": user}, True), (bare, False)):
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == holds, done.stderr
        assert ("uid not found" in done.stderr) != holds, done.stderr
