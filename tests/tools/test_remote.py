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

MAKE = [shutil.which("make") or "make", "-o", ".venv/ready"]  # -o: without making an environment
PART = "WHAT=prepare@houses train@first"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket of a server of our own that talks as S3 does."""
    if any(importlib.util.find_spec(name) is None for name in ("dvc_s3", "moto")):
        pytest.skip("the group `checks` of pyproject.toml is not installed: make .venv/checks")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [BIN / "moto_server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    host = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with suppress(OSError):
                urllib.request.urlopen(urllib.request.Request(f"{host}/ours", method="PUT"), timeout=5).close()
                break
            time.sleep(0.1)
        for name, value in (("ENDPOINT_URL", host), ("ACCESS_KEY_ID", "any"), ("SECRET_ACCESS_KEY", "any")):
            monkeypatch.setenv(f"AWS_{name}", value)
        yield "s3://ours/pix2pix"
    finally:
        server.kill()
        server.wait()


def test_a_report_brings_all_that_it_was_made_from_and_neither_engine_has_anything_to_do(
    by_dvc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git carries the small results, but those that it ignores, as the demo's."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # what Python compiles makes no stage stale
    with (by_dvc / ".gitignore").open("a", encoding="utf-8") as ignored:
        ignored.write("/models/first/\n")
    other = clone_with_results(by_dvc, tmp_path / "clone")
    call(by_dvc, *MAKE, "publish", f"REMOTE={tmp_path / 'remote'}", "WHAT=report@tiny")
    said = call(other, *MAKE, "fetch", f"REMOTE={tmp_path / 'remote'}")
    assert "7 of 7 stages are up to date, for both engines" in said
    for path in ("data/raw/houses", "data/pairs/houses", "models/first", "results/tiny/first/images"):
        assert contents(by_dvc / path) == contents(other / path)
    assert "up to date" in call(other, "dvc", "status")
    assert "Nothing to be done" in call(other, "snakemake", "--cores", "1", "--dry-run")


def test_what_there_is_comes_from_s3_though_less_was_published(by_dvc: Path, tmp_path: Path, bucket: str) -> None:
    """What lies where an unpublished stage writes stays, and DVC goes on from what came."""
    other = clone_with_results(by_dvc, tmp_path / "clone")
    assert lines(other, "fetch") == ["error: say where: make fetch REMOTE=FOLDER_OR_URL"]
    call(by_dvc, *MAKE, "publish", f"REMOTE={bucket}", PART)
    (other / "results/tiny/first/grid.png").write_bytes(b"mine")
    assert lines(other, "fetch", f"REMOTE={bucket}")[-1] == (
        "error: download@houses (3 of 7 stages): not published; the others are here. "
        "To fetch less, name it, such as WHAT=report@facades"
    )
    for folder in ("data/pairs/houses", "models/first"):
        assert contents(by_dvc / folder) == contents(other / folder)
    assert (other / "results/tiny/first/grid.png").read_bytes() == b"mine"
    assert "Running" not in call(other, "dvc", "repro", "--dry", "--allow-missing", "train@first")


@pytest.mark.parametrize("what", ["its list", "one of its files"])
def test_what_is_stale_or_not_whole_here_is_not_published(by_dvc: Path, tmp_path: Path, what: str) -> None:
    """DVC itself warns of the files that it lacks, and ends as if they had been sent."""
    lacks = Path(shutil.copytree(by_dvc, tmp_path / "lacks", symlinks=True))
    md5 = YAML(typ="safe").load(lacks / "dvc.lock")["stages"]["prepare@houses"]["outs"][0]["md5"]
    cached = lacks / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    if what == "one of its files":
        md5 = json.loads(cached.read_bytes())[0]["md5"]
        cached = lacks / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    cached.unlink()
    assert lines(lacks, "publish", f"REMOTE={tmp_path / 'remote'}", PART) == [
        "error: prepare@houses (1 of 3 stages): not up to date here or not in the cache; "
        "run `dvc repro`, or name others in WHAT"
    ]
    assert not (tmp_path / "remote").exists()


def test_a_name_that_is_none_is_refused(by_dvc: Path, tmp_path: Path) -> None:
    said = lines(by_dvc, "fetch", f"REMOTE={tmp_path / 'remote'}", "WHAT=train@second")
    assert said == ["error: train@second: no stage and no output of one; `dvc stage list` names the stages"]


def contents(folder: Path) -> dict[str, bytes]:
    """Files by their path in `folder`, without the marks of an engine."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".snakemake_timestamp")
    assert files
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def lines(folder: Path, *words: str) -> list[str]:
    """What a target that fails says on stderr, without make's own lines."""
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    command = [*MAKE, *words]
    done = subprocess.run(command, cwd=folder, env=os.environ | path, capture_output=True, text=True, check=False)
    assert done.returncode
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]
