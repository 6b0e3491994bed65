"""Both engines, end to end, on tiny data: the same declaration, the same hashes, nothing left to do."""

import subprocess
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML

from tests.support.clones import BIN, call, clone
from tests.support.tiny import ONE


def test_the_verbs_leave_their_outputs(by_dvc: Path) -> None:
    for path in (
        "data/raw/houses/train/8.jpg",
        "data/pairs/houses/pairs.csv",
        "models/first/last.safetensors",
        "models/first/history.csv",
        "results/tiny/first/images/val/3.png",
        "results/tiny/first/grid.png",
        "results/tiny/first/metrics.json",
        "results/tiny.md",
        "results/tiny.png",
        "results/tiny.html",
    ):
        assert (by_dvc / path).is_file(), path
    columns = ["id", "split", "group", "width", "height", "source", "sha256"]
    assert list(pd.read_csv(by_dvc / "data/pairs/houses/pairs.csv").columns) == columns
    assert "| first" in (by_dvc / "results/tiny.md").read_text(encoding="utf-8")


def test_no_second_run_has_anything_to_do(by_dvc: Path) -> None:
    assert "up to date" in call(by_dvc, "dvc", "repro")


def test_git_shows_only_the_small_results(by_dvc: Path) -> None:
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    shown = subprocess.run(status, cwd=by_dvc, capture_output=True, text=True, check=True).stdout
    results = [f"results/tiny/first/{file}.json" for file in ("card", "controls", "intervals", "metrics")]
    small = {"dvc.lock", "models/first/history.csv", "results/tiny.md", "results/tiny.png", *results}
    assert {line[3:] for line in shown.splitlines()} == small | {"results/tiny/first/per_image.csv"}


def test_metrics_and_plots_are_known_to_dvc(by_dvc: Path) -> None:
    assert "results/tiny/first/metrics.json" in call(by_dvc, "dvc", "metrics", "show").replace("\n", "")
    call(by_dvc, "dvc", "plots", "show")
    page = (by_dvc / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert "val_l1" in page
    assert "grid.png" in page


def test_snakemake_gives_the_same_lock_hash_for_hash(by_dvc: Path, tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone", ONE)
    call(folder, "snakemake", "--cores", "8")
    one, other = (YAML(typ="safe").load(f / "dvc.lock")["stages"] for f in (folder, by_dvc))
    assert one == other  # the order of entries is the order of execution
    assert "Nothing to be done" in call(folder, "snakemake", "--cores", "2", "report_tiny")
    assert "up to date" in call(folder, "dvc", "status")
    assert (folder / "logs/train_first.log").stat().st_size
    call(folder, "snakemake", "--report", "report.html", "report_tiny")
    shown = (folder / "report.html").read_text(encoding="utf-8")
    assert "tiny.html" in shown
    assert 'srcdoc=\\"' in shown, "it opens on the pages"


def test_snakemake_warns_of_a_wrong_entry_and_of_a_study_that_is_not_listed(by_dvc: Path) -> None:
    study, unlisted = by_dvc / "config/studies/tiny.yaml", by_dvc / "config/studies/other.yaml"
    text = study.read_text(encoding="utf-8")
    unlisted.write_text("studies: {}\n", encoding="utf-8")
    study.write_text(text.replace("split: val", "split: val\n    baselines: [villa]"), encoding="utf-8")
    shown = subprocess.run([BIN / "snakemake", "-n"], cwd=by_dvc, capture_output=True, text=True, check=False)
    unlisted.unlink()
    study.write_text(text, encoding="utf-8")
    assert shown.returncode == 0, shown.stderr
    assert "warning: config/studies/tiny.yaml: studies.tiny.baselines: there is no 'villa'" in shown.stderr
    assert "warning: config/studies/other.yaml is not in the graph: list it under vars: in dvc.yaml" in shown.stderr
    assert "Traceback" not in shown.stdout + shown.stderr
