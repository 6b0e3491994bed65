"""Laws of how verbs are started: they go on when nobody listens."""

import os
import pty
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pix2pix.files.entry_point import run
from tests.support.repository import REPO

VERB = """
import sys
from importlib import import_module
from pathlib import Path
from tqdm import tqdm
from pix2pix.files.entry_point import run

def verb() -> None:
    print("begins", flush=True)
    sys.stdin.read()
    for step in tqdm(range(3), mininterval=0):
        print(step, flush=True)
    Path(sys.argv[1]).write_text("whole")

run(verb)
"""


@pytest.mark.parametrize("listener", ["pipe", "terminal", "none"])
def test_a_verb_goes_on_when_nobody_listens_any_more(listener: str, tmp_path: Path) -> None:
    """`python -m stages.train facades 2>&1 | head -1`, a terminal that was closed, and `>&- 2>&-`."""
    reader, writer = pty.openpty() if listener == "terminal" else os.pipe()
    command = [sys.executable, "-c", VERB, str(tmp_path / "out")]
    if listener == "none":
        command = ["sh", "-c", 'exec "$0" "$@" >&- 2>&-', *command]
    verb = subprocess.Popen(command, cwd=REPO, stdin=subprocess.PIPE, stdout=writer, stderr=writer)
    os.close(writer)
    if listener != "none":
        assert os.read(reader, 6) == b"begins"
    os.close(reader)
    verb.communicate(b"", timeout=60)
    assert verb.returncode == 0
    assert (tmp_path / "out").read_text(encoding="utf-8") == "whole"


def test_a_package_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def verb() -> None:
        import_module("lpips")

    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(SystemExit, match=r"^error: lpips is not installed: make tools$"):
        run(verb)
