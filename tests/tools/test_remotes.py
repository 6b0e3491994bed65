"""Laws of remotes: what was published arrives whole, in a folder or on S3, and neither engine has more to do."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.clones import BIN, call, clone_with_results
from tests.support.repository import REPO
from tools.remote import check_remote

MAKE = [shutil.which("make") or "make", "-o", ".venv/ready"]  # -o: without making an environment


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket of a server of our own that talks as S3 does."""
    if any(importlib.util.find_spec(name) is None for name in ("dvc_s3", "moto")):
        pytest.skip("the group `checks` of pyproject.toml is not installed: make .venv/checks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    port = host.rpartition(":")[2]
    server = subprocess.Popen([BIN / "moto_server", "-p", port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _make_bucket(f"{host}/ours", server)
        for name, value in (("ENDPOINT_URL", host), ("ACCESS_KEY_ID", "any"), ("SECRET_ACCESS_KEY", "any")):
            monkeypatch.setenv(f"AWS_{name}", value)
        yield "s3://ours/pix2pix"
    finally:
        server.kill()
        server.wait()


def _make_bucket(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with suppress(OSError), urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=5):
            return
        assert server.poll() is None, "the server has ended"
        time.sleep(0.1)
    raise AssertionError("no server within a minute")


def test_a_fresh_clone_fetches_all_and_neither_engine_has_anything_to_do(
    by_dvc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # what Python compiles makes no stage stale
    _publish_and_fetch(by_dvc, tmp_path / "clone", [f"REMOTE={tmp_path / 'remote'}"])


def test_a_report_on_s3_brings_all_that_it_was_made_of(by_dvc: Path, tmp_path: Path, bucket: str) -> None:
    _publish_and_fetch(by_dvc, tmp_path / "clone", [f"REMOTE={bucket}", "WHAT=report@tiny"])


def _publish_and_fetch(source: Path, folder: Path, where: list[str]) -> None:
    other = clone_with_results(source, folder)
    call(source, *MAKE, "publish", *where)
    assert "10 of 10 stages are up to date, for both engines" in call(other, *MAKE, "fetch", *where)
    for path in ("data/raw/houses", "data/pairs/houses", "models/first", "results/tiny/first/images"):
        assert _files(source / path) == _files(other / path)
    assert "up to date" in call(other, "dvc", "status")
    assert "Running" not in call(other, "dvc", "repro", "--dry")
    assert "Nothing to be done" in call(other, "snakemake", "--cores", "1", "--dry-run")


def test_named_stages_arrive_byte_for_byte_and_dvc_goes_on_from_them(by_dvc: Path, tmp_path: Path) -> None:
    other = clone_with_results(by_dvc, tmp_path / "clone")
    assert _said(other, "fetch") == "error: say where: make fetch REMOTE=FOLDER_OR_URL"
    where = [f"REMOTE={tmp_path / 'remote'}", "WHAT=prepare@houses train@first"]
    call(by_dvc, *MAKE, "publish", *where)
    call(other, *MAKE, "fetch", *where)
    for folder in ("data/pairs/houses", "models/first"):
        sent, came = (_files(root / folder) for root in (by_dvc, other))
        assert sent == came
    assert "up to date" in call(other, "dvc", "status", "train@first")
    assert "Running" not in call(other, "dvc", "repro", "--dry", "--allow-missing", "train@first")


def test_of_all_comes_what_was_published_and_the_rest_is_counted(by_dvc: Path, tmp_path: Path) -> None:
    """And what lies here where a stage that was not published writes stays."""
    where = f"REMOTE={tmp_path / 'remote'}"
    other = clone_with_results(by_dvc, tmp_path / "clone")
    call(by_dvc, *MAKE, "publish", where, "WHAT=prepare@houses train@first")
    (other / "models/first_mean").mkdir(exist_ok=True)
    (other / "models/first_mean/last.safetensors").write_bytes(b"mine")
    said = _lines(other, "fetch", where)[-1]
    assert said == (
        "error: download@houses and 6 more, of 10: could not be had, as DVC says above; the others are here. "
        "If no more was published, say what was, such as WHAT=report@facades"
    )
    assert _files(other / "models/first") == _files(by_dvc / "models/first")
    assert "up to date" in call(other, "dvc", "status", "train@first")
    assert (other / "models/first_mean/last.safetensors").read_bytes() == b"mine"


def _files(folder: Path) -> dict[str, bytes]:
    """Those that are no mark of an engine."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".snakemake_timestamp")
    assert files
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("folder", [True, False], ids=["its list", "one of its files"])
def test_what_is_stale_or_not_whole_here_is_not_published(by_dvc: Path, tmp_path: Path, folder: bool) -> None:
    """DVC itself warns of the files that it lacks, and ends as if they had been sent."""
    lacks = tmp_path / "lacks"
    shutil.copytree(by_dvc, lacks, symlinks=True)
    md5 = YAML(typ="safe").load(lacks / "dvc.lock")["stages"]["prepare@houses"]["outs"][0]["md5"]
    listed = lacks / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    member = json.loads(listed.read_bytes())[0]["md5"]
    (listed if folder else lacks / f".dvc/cache/files/md5/{member[:2]}/{member[2:]}").unlink()
    said = _said(lacks, "publish", f"REMOTE={tmp_path / 'remote'}", "WHAT=prepare@houses train@first")
    assert said == (
        "error: prepare@houses, of 3: not up to date here or not in the cache; run `dvc repro`, or name others in WHAT"
    )
    assert "not up to date here or not in the cache" in _said(lacks, "publish")
    assert not (tmp_path / "remote").exists()


def test_a_name_that_is_none_is_refused(by_dvc: Path, tmp_path: Path) -> None:
    said = _said(by_dvc, "fetch", f"REMOTE={tmp_path / 'remote'}", "WHAT=train@second")
    assert said == "error: train@second: no stage and no output of one; `dvc stage list` names the stages"


def _said(folder: Path, *words: str) -> str:
    """The one line of a target that fails."""
    (line,) = _lines(folder, *words)
    return line


def _lines(folder: Path, *words: str) -> list[str]:
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [*MAKE, *words], cwd=folder, env=os.environ | path, capture_output=True, text=True, check=False
    )
    assert done.returncode
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


def test_s3_without_its_plug_in_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"^s3://ours: S3 wants DVC's plug-in; install it: make s3$"):
        check_remote("s3://ours", "fetch")
    check_remote("/a/folder", "fetch")


def test_no_package_has_two_pins() -> None:
    one, other = (_pins(REPO / name) for name in ("requirements.txt", "requirements-optional.txt"))
    both = one.keys() & other.keys()
    assert len(both) > 50
    assert {name: other[name] for name in both} == {name: one[name] for name in both}
    assert "dvc-s3" not in one


def _pins(path: Path) -> dict[str, set[str]]:
    """Of each package, its versions: one, or one for each platform that differs."""
    pins: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if "==" in line.partition(";")[0] and not line.startswith(" "):
            name, _, version = line.partition(";")[0].strip().partition("==")
            pins.setdefault(name, set()).add(version)
    return pins
