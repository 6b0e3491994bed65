"""Laws of every program's --help: it explains and does nothing, and a program's does not wait for PyTorch."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from stages.fingerprint import VERBS
from tests.support.repository import REPO

FOLDERS = ("app", "benchmarks", "pix2pix", "stages", "tools", "workflow")
FILES = [path for folder in FOLDERS for path in sorted((REPO / folder).rglob("*.py"))]
PROGRAMS = [
    ".".join(path.relative_to(REPO).with_suffix("").parts)
    for path in FILES
    if "__main__" in path.read_text(encoding="utf-8")
]


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("program", PROGRAMS)
def test_help_explains_and_does_nothing(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [program, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(program, run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("program", [*(f"stages.{verb}" for verb in VERBS), "tools.fid_lpips", "tools.onnx_export"])
def test_a_misspelt_name_is_told_before_pytorch_is_imported(program: str) -> None:
    """PyTorch takes two seconds to import; the help of a program comes as early."""
    command = [sys.executable, "-X", "importtime", "-m", program, "nope"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no 'nope'" in done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "argparse" in imported
    assert not imported & {"torch", "pandas", "scipy"}
