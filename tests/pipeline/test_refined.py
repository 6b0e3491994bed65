"""Experiments that begin from others' weights, by both engines: what is made, what becomes stale, what is tried."""

import shutil
from pathlib import Path

import pytest

from tests.pipeline.test_staleness import named_by_dvc
from tests.support.clones import call

ROW = "study: tiny, dataset: houses, direction: BtoA, model: tiny, recipe: quick, seed: 0"
CHAIN = f"""
refined:
  second: {{{ROW}, init: first, set: {{epochs: 1}}}}
  third: {{{ROW}, init: second, set: {{epochs: 0}}}}
"""
STUDY = "config/studies/tiny.yaml"


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # of DVC, in its own graph
def test_a_chain_is_made_and_goes_stale_link_by_link(by_dvc: Path, tmp_path: Path) -> None:
    """`first` by DVC; `second` from its weights, and `third` from those, by Snakemake."""
    folder = Path(shutil.copytree(by_dvc, tmp_path / "clone", symlinks=True))
    study = folder / STUDY
    text = study.read_text(encoding="utf-8") + CHAIN
    study.write_text(text, encoding="utf-8")
    call(folder, "snakemake", "--cores", "2", "refine_third")

    def stale() -> set[str]:
        return {name for name in named_by_dvc(folder) if name.startswith(("train", "refine"))}

    assert stale() == set(), "the other engine has nothing to do"
    study.write_text(text.replace("epochs: 0", "epochs: 1"), encoding="utf-8")
    assert stale() == {"refine_third"}
    study.write_text(text.replace("epochs: 1", "epochs: 2"), encoding="utf-8")
    assert stale() == {"refine_second"}
    planned = call(folder, "snakemake", "-n", "refine_third")
    assert "refine_second" in planned and "refine_third" in planned and "train_first" not in planned
    study.write_text(text, encoding="utf-8")
    call(folder, "dvc", "exp", "run", "-S", f"{STUDY}:refined.second.set.epochs=2", "refine@third")
    assert len((folder / "models/second/history.csv").read_text(encoding="utf-8").splitlines()) == 3
    assert stale() == set()
