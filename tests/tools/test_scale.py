"""Laws of docs/scale.md: it says what the measured rates give, and changes with them."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.scale import PAGE, page
from tests.support.repository import REPO


def test_the_page_is_what_the_rates_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m benchmarks.scale` and commit"


@pytest.fixture
def rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own with what the page is made from; its measured rates may be changed."""
    (tmp_path / "benchmarks").mkdir()
    shutil.copytree(REPO / "config", tmp_path / "config")
    for name in ("params.yaml", "benchmarks/RESULTS.md", "benchmarks/rates.csv", "benchmarks/sweep.csv"):
        shutil.copy(REPO / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "benchmarks"


def test_by_hand(rates: Path) -> None:
    """5088 photos, with rates set here: 500 ms on one core and 1000 KiB each; 1 ms a file and 2 ms a MiB in DVC."""
    table = pd.read_csv(rates / "rates.csv", index_col="rate")
    table.loc["carvana_256", ["ms", "kept_kib"]] = [500.0, 1000.0]
    table.loc[["dvc_file_30", "dvc_file_270"], "ms"] = [1 + 2 * 30 / 1024, 1 + 2 * 270 / 1024]
    table.to_csv(rates / "rates.csv")
    (row,) = (line for line in page().splitlines() if line.startswith("| Carvana") and "256 px" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    # 5088 x 0.5 s = 2544 s; 5088 x 1024000 B; 5088 x (1 + 2 x 1000 / 1024) ms
    assert cells[2:5] == ["42.4 min; 40 s", "5.2 GB", "15 s"]
    assert cells[5] == "2.0 GB"  # 5088 x 2 x 3 x 256 x 256
