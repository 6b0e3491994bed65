"""What the record in git says of the whole configuration: what is current, and what a change makes stale."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

from pix2pix.config.reader import read_configuration
from tests.support.repository import REPO


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Path]:
    """The declaration and its record alone, without data."""
    for name in ("dvc.yaml", "dvc.lock", "params.yaml", ".dvcignore"):
        shutil.copy(REPO / name, tmp_path / name)
    shutil.copytree(REPO / "config", tmp_path / "config")
    Repo.init(str(tmp_path), no_scm=True)
    with chdir(tmp_path):
        yield tmp_path


def _stale() -> set[str]:
    """The recorded stages whose parameters are not as recorded."""
    recorded = [stage for stage in Repo().index.stages if any(out.hash_info for out in stage.outs)]
    assert recorded
    return {
        stage.addressing
        for stage in recorded
        if any(isinstance(dep, ParamsDependency) and dep.workspace_status() for dep in stage.deps)
    }


def test_what_was_run_has_the_params_of_today(graph: Path) -> None:
    assert _stale() == set()


def _replace(path: Path, after: str, old: str, new: str) -> None:
    head, mark, tail = path.read_text(encoding="utf-8").partition(after)
    assert mark and old in tail
    path.write_text(head + mark + tail.replace(old, new, 1), encoding="utf-8")


def _trained(wanted: Callable[[Any], bool]) -> set[str]:
    """The recorded trainings whose entry is `wanted`."""
    entries = read_configuration().sections["experiments"]
    recorded = {stage.addressing for stage in Repo().index.stages if any(out.hash_info for out in stage.outs)}
    return {f"train@{name}" for name, entry in entries.items() if wanted(entry)} & recorded


def test_a_changed_recipe_makes_only_its_trainings_stale(graph: Path) -> None:
    _replace(graph / "params.yaml", "\n  small:\n", "epochs: 50", "epochs: 60")
    assert _stale() == _trained(lambda entry: entry["recipe"] == "small")


def test_a_change_of_the_papers_recipe_makes_every_training_stale(graph: Path) -> None:
    _replace(graph / "params.yaml", "\n  paper:", "beta1: 0.5", "beta1: 0.6")
    assert _stale() == _trained(lambda entry: True)


def test_a_new_row_makes_the_report_of_its_own_study_stale(graph: Path) -> None:
    row = "  facades_small_seed1: {<<: *row, seed: 1}\n"
    study = graph / "config/studies/facades_small.yaml"
    _replace(study, "experiments:", row, row + row.replace("seed1", "seed9").replace("seed: 1", "seed: 9"))
    assert _stale() == {"report@facades_small"}


def test_others_numbers_make_stale_the_reports_that_show_them(graph: Path) -> None:
    _replace(graph / "config/reference_numbers.yaml", "incumbent_facades:", "12.45", "12.5")
    assert _stale() == {"report@facades_small"}


def test_the_code_of_today_is_recorded() -> None:
    """After a change of code: `dvc repro fingerprint`, and commit dvc.lock."""
    with chdir(REPO):
        (stage,) = (stage for stage in Repo().index.stages if stage.addressing == "fingerprint")
        assert not any(dep.workspace_status() for dep in stage.deps)
