"""Laws of what comes from elsewhere: nothing of it is executed, and the pins are asked about without false comfort."""

import ast
import json
import os
import pickle
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.clones import BIN
from tests.support.repository import REPO
from tools.fid_lpips import check_weights, fid

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


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("zipped", [False, True])
def test_others_weights_are_not_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int, zipped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("weights.pth")
    torch.save({"a": Payload()}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"weights\.pth: not a file of weights alone"):
        check_weights(path)
    images = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    with pytest.raises(pickle.UnpicklingError):
        fid(images, images, inception=path, device=torch.device("cpu"))  # by a library that asks for unpickling
    assert not Path("executed").exists()


class Osv(BaseHTTPRequestHandler):
    """A service of vulnerabilities that knows one."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = {"id": "PYSEC-0", "details": "", "affected": [{"package": {"name": "old", "ecosystem": "PyPI"}}]}
        answer = json.dumps({"vulns": [known]} if asked["package"]["name"] == "old" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    host = HTTPServer(("127.0.0.1", 0), Osv)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{host.server_port}/v1/query"
    host.shutdown()
    host.server_close()


@pytest.mark.parametrize(
    ("pins", "code", "said"),
    [("new==1.0\n", 0, "No known vulnerabilities found"), ("new==1.0\nold==1.0\n", 1, "old  1.0     PYSEC-0")],
)
def test_vulnerable_pins_are_named(tmp_path: Path, service: str, pins: str, code: int, said: str) -> None:
    done = audit(tmp_path, pins, service)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_an_unreachable_service_is_no_clean_bill(tmp_path: Path) -> None:
    assert audit(tmp_path, "new==1.0\n", "http://127.0.0.1:9/v1/query").returncode


def audit(folder: Path, pins: str, service: str) -> subprocess.CompletedProcess[str]:
    """The command of `make audit`, with pins and a service of our own."""
    (command,) = re.findall(r"^\t(pip-audit .*)$", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    (folder / "requirements.txt").write_text(pins, encoding="utf-8")
    (folder / "requirements-optional.txt").touch()
    words = [BIN / "pip-audit", *command.split()[1:], "-s", "osv", "--osv-url", service]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


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
