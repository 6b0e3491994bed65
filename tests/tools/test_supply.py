"""Laws of what comes from elsewhere: nothing of it is executed, and no package has two pins."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.repository import REPO
from tests.support.weights_cases import Payload
from tools.fid_lpips import weights

CONTAINERS = ("containers/Dockerfile", "containers/pix2pix.def")


def test_what_torch_loads_is_tensors_alone() -> None:
    """Ruff sees the other ways of executing what is read (rules S of pyproject.toml)."""
    for folder in ("app", "pix2pix", "stages", "tools", "workflow"):
        for path in (REPO / folder).rglob("*.py"):
            calls = re.findall(r"(?:torch|np)\.load\(.*", path.read_text(encoding="utf-8"))
            assert all("weights_only=True" in call or "allow_pickle=False" in call for call in calls), path


@pytest.mark.parametrize("zipped", [False, True])
def test_others_weights_are_not_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub/checkpoints/weights.pth"
    path.parent.mkdir(parents=True)
    torch.save({"a": Payload()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"weights\.pth: not a file of weights alone"):
        weights("http://127.0.0.1:9/weights.pth")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_no_file_names_a_package_index() -> None:
    for name in ("requirements.txt", "requirements-all.txt", "pyproject.toml", "Makefile", *CONTAINERS):
        text = (REPO / name).read_text(encoding="utf-8")
        assert not [
            word
            for word in ("index-url", "extra-index", "find-links", "/simple")
            if word in text.replace("--no-emit-index-url", "")
        ]


def test_no_package_has_two_pins() -> None:
    core, every = (pins(REPO / name) for name in ("requirements.txt", "requirements-all.txt"))
    assert core.items() <= every.items()
    assert len(core) < 170 < len(every)


def test_the_core_is_what_its_code_imports() -> None:
    """`make demo` installs no more; what is imported where it is needed only is of a group."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    core = {canonicalize_name(Requirement(line).name) for line in project["project"]["dependencies"]}
    distributions = packages_distributions()
    imported = {
        canonicalize_name(name)
        for folder in ("pix2pix", "stages", "workflow")
        for path in (REPO / folder).rglob("*.py")
        for module in re.findall(r"^ *(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        for name in distributions.get(module, [])
    }
    assert imported - core == {"kaggle", "tensorboard"}
    assert core - imported == {"snakemake-executor-plugin-slurm", "uv"}


def pins(path: Path) -> dict[str, set[str]]:
    """Of each package, its versions: one, or one for each platform that differs."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found
