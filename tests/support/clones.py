"""Git clones of this code with tiny configuration, and the engines run in them, to their end or until killed."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.support.repository import REPO
from tests.support.tiny import TINY, write_configuration

BIN = Path(sys.executable).parent
CODE = (
    "pix2pix",
    "stages",
    "tools",
    "workflow",
    "profiles",
    "Snakefile",
    "Makefile",
    "dvc.yaml",
    ".dvcignore",
    ".gitattributes",
    ".gitignore",
)
ENGINES = (["dvc", "repro"], ["snakemake", "--cores", "2"])


def clone(folder: Path, configuration: dict[str, Any] = TINY) -> Path:
    """A git repository with this code and `configuration`, and a link to the environment of the tests."""
    folder.mkdir()
    for name in CODE:
        source = REPO / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(REPO / ".dvc" / name, folder / ".dvc" / name)
    write_configuration(configuration, folder)
    (folder / ".venv").symlink_to(BIN.parent)
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "tiny"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def clone_with_results(source: Path, folder: Path) -> Path:
    """What another person has: a git clone of `source`, as if what git may know there had been committed."""
    git = ["git", "-C", str(source)]
    new = subprocess.run([*git, "ls-files", "-mo", "--exclude-standard", "-z"], capture_output=True, check=True).stdout
    subprocess.run(["git", "clone", "-q", source, folder], check=True)
    (folder / ".venv").symlink_to(BIN.parent)
    for name in new.decode().split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, folder / name)
    return folder


def call(folder: Path, *words: str) -> str:
    """Run a program of the environment in `folder`; its output."""
    done = subprocess.run(
        [BIN / words[0], *words[1:]], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr + "".join(p.read_text() for p in folder.glob("logs/*.log"))
    return done.stdout + done.stderr


def start(folder: Path, *words: str, log: str = "engine.log") -> subprocess.Popen[bytes]:
    """Start a program of the environment in `folder`; it writes to logs/<log> there, anew."""
    (folder / "logs").mkdir(exist_ok=True)
    with (folder / "logs" / log).open("wb") as file:
        return subprocess.Popen([BIN / words[0], *words[1:]], cwd=folder, env=_environment(), stdout=file, stderr=file)


def said(folder: Path) -> str:
    """What the engine that was started last, and the stages beneath it, have written."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted((folder / "logs").glob("*.log")))


def engine_of(stage: str, engine: list[str]) -> list[str]:
    """The command that runs `stage`, such as train@first."""
    return [*engine, stage if engine[0] == "dvc" else stage.replace("@", "_")]


def process_of(verb: str, engine: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The process of a stage beneath an engine, once it is there; None where the engine ends without."""
    while engine.poll() is None:
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(engine.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if process.cmdline()[1:3] == ["-m", f"stages.{verb}"]:
                        return process
        time.sleep(0.05)  # as looking takes some milliseconds, and importing PyTorch a second
    return None


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
