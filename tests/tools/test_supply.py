"""Laws of what comes from elsewhere: nothing of it is executed, and no package has two pins."""

import re
from pathlib import Path

import pytest
import torch

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
    for name in ("requirements.txt", "requirements-optional.txt", "pyproject.toml", "Makefile", *CONTAINERS):
        text = (REPO / name).read_text(encoding="utf-8")
        assert not [
            word
            for word in ("index-url", "extra-index", "find-links", "/simple")
            if word in text.replace("--no-emit-index-url", "")
        ]


def test_no_package_has_two_pins() -> None:
    one, other = (pins(REPO / name) for name in ("requirements.txt", "requirements-optional.txt"))
    both = one.keys() & other.keys()
    assert len(both) > 50
    assert not [name for name in both if one[name] != other[name]]
    assert "dvc-s3" not in one


def pins(path: Path) -> dict[str, set[str]]:
    """Of each package, its versions: one, or one for each platform that differs."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found
