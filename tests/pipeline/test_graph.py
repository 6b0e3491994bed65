"""What the record in git says of the whole configuration: what is current, and what a change makes stale."""

import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

from pix2pix.config.reader import read_configuration
from tests.support.repository import REPO


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The recorded stages of a copy of the declaration and its record alone, without data."""
    folder = tmp_path_factory.mktemp("graph")
    for name in ("dvc.yaml", "dvc.lock", "params.yaml", ".dvcignore"):
        shutil.copy(REPO / name, folder / name)
    shutil.copytree(REPO / "config", folder / "config")
    stages = Repo.init(str(folder), no_scm=True).index.stages
    return [stage for stage in stages if any(out.hash_info for out in stage.outs)]


def _stale(graph: list[Any], file: str, after: str, old: str, new: str) -> set[str]:
    """The stages whose parameters are not as recorded, once `old` in the file, after `after`, has become `new`."""
    path = Path(graph[0].repo.root_dir, file)
    text = path.read_text(encoding="utf-8")
    head, mark, tail = text.partition(after)
    assert old in tail
    path.write_text(head + mark + tail.replace(old, new, 1), encoding="utf-8")
    try:
        params = [(stage, dep) for stage in graph for dep in stage.deps if isinstance(dep, ParamsDependency)]
        return {stage.name for stage, dep in params if dep.workspace_status()}
    finally:
        path.write_text(text, encoding="utf-8")


def _trained(graph: list[Any], wanted: Callable[[Any], bool]) -> set[str]:
    """The recorded trainings whose entry is `wanted`."""
    entries = read_configuration(REPO).sections["experiments"]
    return {f"train@{name}" for name, entry in entries.items() if wanted(entry)} & {stage.name for stage in graph}


def test_what_was_run_has_the_params_of_today(graph: list[Any]) -> None:
    assert _stale(graph, "params.yaml", "models", ":", ":") == set()


def test_a_changed_recipe_makes_only_its_trainings_stale(graph: list[Any]) -> None:
    stale = _stale(graph, "params.yaml", "\n  demo_cars:\n", "epochs: 10", "epochs: 11")
    assert stale == _trained(graph, lambda entry: entry["recipe"] == "demo_cars") != set()


def test_a_change_of_the_papers_recipe_makes_every_training_stale(graph: list[Any]) -> None:
    stale = _stale(graph, "params.yaml", "\n  paper:", "beta1: 0.5", "beta1: 0.6")
    assert stale == _trained(graph, lambda entry: True)


def test_a_new_row_makes_the_report_of_its_own_study_stale(graph: list[Any]) -> None:
    row = "  demo_cars_mean: {<<: *row, model: mean, set: {}}\n"
    rows = row + row.replace("cars", "vans")
    assert _stale(graph, "config/studies/demo.yaml", "experiments:", row, rows) == {"report@demo"}


def test_another_split_is_rendered_anew(graph: list[Any]) -> None:
    names = read_configuration(REPO).study("demo").experiments
    stale = _stale(graph, "config/studies/demo.yaml", "studies:", "split: val", "split: test")
    assert stale == {"report@demo"} | {f"render@{name}" for name in names}


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # of DVC itself
def test_the_fcn_score_of_a_study_reads_its_segmenter_and_the_images_of_every_row() -> None:
    entries = read_configuration(REPO).sections["experiments"]
    rows = {f"render@{name}" for name, row in entries.items() if row["study"] == "facades_small"}
    with chdir(REPO):
        index = Repo().index
        (stage,) = (stage for stage in index.stages if stage.addressing == "fcn_score@facades_small")
        before = {other.addressing for other in index.graph.successors(stage)}
    assert before == rows | {"fingerprint", "prepare@facades", "train@segmenter_small"}


def test_the_code_of_today_is_recorded() -> None:
    """After a change of code: `dvc repro fingerprint`, and commit dvc.lock."""
    with chdir(REPO):
        (stage,) = (stage for stage in Repo().index.stages if stage.addressing == "fingerprint")
        assert not any(dep.workspace_status() for dep in stage.deps)
