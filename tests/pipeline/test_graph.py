"""What the record in git says of the whole params.yaml: what is current, and what a change makes stale."""

import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

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
    Repo.init(str(tmp_path), no_scm=True)
    with chdir(tmp_path):
        yield tmp_path


def _stale() -> set[str]:
    """The recorded stages whose keys of params.yaml are not as recorded."""
    recorded = [stage for stage in Repo().index.stages if any(out.hash_info for out in stage.outs)]
    assert recorded
    return {
        stage.addressing
        for stage in recorded
        if any(isinstance(dep, ParamsDependency) and dep.workspace_status() for dep in stage.deps)
    }


def test_what_was_run_has_the_params_of_today(graph: Path) -> None:
    assert _stale() == set()


def test_a_changed_recipe_makes_only_its_trainings_stale(graph: Path) -> None:
    text = (graph / "params.yaml").read_text(encoding="utf-8")
    start = text.index("\n  small:\n")
    (graph / "params.yaml").write_text(text[:start] + text[start:].replace("beta1: 0.5", "beta1: 0.6", 1), "utf-8")
    experiments = read_configuration().experiments
    assert _stale() == {f"train@{name}" for name, experiment in experiments.items() if experiment.recipe == "small"}


def test_the_code_of_today_is_recorded() -> None:
    """After a change in stages/: `dvc repro fingerprint`, and commit dvc.lock."""
    with chdir(REPO):
        (stage,) = (stage for stage in Repo().index.stages if stage.addressing == "fingerprint")
        assert [dep.workspace_status() for dep in stage.deps] == [{}]
