"""Laws of what comes from elsewhere: nothing of it is executed, and the pins are asked about without false comfort."""

import ast
import pickle
import re
import subprocess
from pathlib import Path

import pytest
import torch

from tests.support.clones import BIN
from tests.support.repository import REPO
from tests.support.weights_cases import Payload
from tools.fid_lpips import fid, weights

FOLDERS = ("app", "pix2pix", "stages", "tools", "workflow")
PROGRAMS = [path for folder in FOLDERS for path in sorted((REPO / folder).rglob("*.py"))]
CONTAINERS = ("containers/Dockerfile", "containers/pix2pix.def")
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load",
         "torch.hub.load", "torch.jit.load"}  # fmt: skip


def offences(source: str) -> list[str]:
    """What in a program would execute what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [name.name for name in names if name.name.split(".")[0] in UNPICKLERS]
            case ast.ImportFrom(module=str(module)):
                found += [module] if module.split(".")[0] in UNPICKLERS else []
            case ast.Call(func=func, keywords=keywords):
                said = {keyword.arg: ast.unparse(keyword.value) for keyword in keywords}
                name = ast.unparse(func)
                executes = (
                    name in CALLS
                    or name.endswith(".read_pickle")
                    or said.get("shell", "False") != "False"
                    or said.get("allow_pickle", "False") != "False"
                    or (name == "torch.load" and said.get("weights_only") != "True")
                    or (name == "YAML" and said.get("typ", "'rt'") not in ("'rt'", "'safe'"))
                )
                found += [name] if executes else []
    return found


def test_no_program_executes_what_it_reads() -> None:
    assert len(PROGRAMS) > 50
    assert not {path: found for path in PROGRAMS if (found := offences(path.read_text(encoding="utf-8")))}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "eval(text)",
        "os.system(command)",
        "subprocess.run(command, shell=True)",
        "YAML(typ='unsafe')",
        "pd.read_pickle(path)",
    ],
)
def test_what_would_execute_is_seen(line: str) -> None:
    assert offences(line)
    assert not offences("network.eval()\ntorch.load(path, weights_only=True)\nnp.load(path)\nYAML()")


@pytest.mark.parametrize("zipped", [False, True])
def test_others_weights_are_not_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub/checkpoints/weights.pth"
    path.parent.mkdir(parents=True)
    torch.save({"a": Payload()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"weights\.pth: not a file of weights alone"):
        weights("http://127.0.0.1:9/weights.pth")
    images = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    with pytest.raises(pickle.UnpicklingError):
        fid(images, images, inception=path, device=torch.device("cpu"))  # by a library that asks for unpickling
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_an_audit_that_could_ask_nobody_fails(tmp_path: Path) -> None:
    """The command of `make audit`, with a service that does not answer."""
    (command,) = re.findall(r"^\t(pip-audit .*)$", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for name in ("requirements.txt", "requirements-optional.txt"):
        (tmp_path / name).write_text("six==1.17.0\n", encoding="utf-8")
    nobody = ["-s", "osv", "--osv-url", "http://127.0.0.1:9/v1/query"]
    done = subprocess.run(
        [BIN / "pip-audit", *command.split()[1:], *nobody], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode
    assert b"Connection refused" in done.stderr


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
