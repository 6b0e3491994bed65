"""What must agree: dvc.yaml with the verbs, README.md and docs/ with the results, the layout with its description."""

import ast
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pix2pix.config.reader import read_configuration
from pix2pix.reporting.records import weights_in
from stages.fingerprint import VERBS
from tests.support.repository import REPO
from tools.readme import markers, results_block, studies_table

STAGES: dict[str, Any] = YAML(typ="safe").load(REPO / "dvc.yaml")["stages"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_depends_on_its_own_code_and_no_other(verb: str) -> None:
    deps = [dep for dep in STAGES[verb]["do"]["deps"] if dep.startswith(("stages", "pix2pix", "fingerprints"))]
    assert deps == [f"fingerprints/{verb}.txt"]


REFINED = {"refine": "train", "render_refined": "render", "evaluate_refined": "evaluate"}


def test_a_stage_for_each_verb_and_no_other() -> None:
    """But of experiments that begin from another's weights, whose training depends on these, too."""
    assert tuple(stage for stage in STAGES if stage not in REFINED) == ("fingerprint", *VERBS)
    for stage, verb in REFINED.items():
        own = {"desc": ..., "deps": ..., "params": ...} if stage == "refine" else {}
        assert STAGES[stage]["do"] | own == STAGES[verb]["do"] | own and STAGES[stage]["foreach"] == "${refined}"
    own_deps = ["models/${item.init}/last.safetensors"]
    assert sorted(STAGES["refine"]["do"]["deps"]) == sorted(STAGES["train"]["do"]["deps"] + own_deps)
    assert STAGES["fingerprint"]["outs"] == [f"fingerprints/{verb}.txt" for verb in VERBS]
    assert all((REPO / f"stages/{verb}.py").exists() for verb in VERBS)
    assert all(STAGES[verb]["do"]["cmd"] == f"python -m stages.{verb} ${{key}}" for verb in VERBS)


def test_package_files_hold_nothing_but_a_docstring() -> None:
    for file in REPO.glob("stages/**/__init__.py"):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        assert all(isinstance(node, ast.Expr) for node in body), file


def test_neither_training_nor_rendering_reads_what_the_score_makes() -> None:
    made = [str(out) for out in (*STAGES["fcn_score"]["do"]["metrics"], *STAGES["fcn_score"]["do"]["plots"])]
    for verb in ("train", "render", "evaluate"):
        deps = STAGES[verb]["do"]["deps"]
        assert not [dep for dep in deps if dep.endswith("/") and any(dep in out for out in made)], verb


def test_the_default_profile_contradicts_no_other() -> None:
    """Snakemake reads it beneath any --profile, and lets it win."""
    default, slurm = (
        YAML(typ="safe").load(REPO / f"workflow/profiles/{name}/config.yaml") for name in ("default", "slurm")
    )
    assert {key: slurm[key] for key in default if key in slurm} == {
        key: default[key] for key in default if key in slurm
    }


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=REPO, capture_output=True, text=True, check=True).stdout


def committed(path: str) -> str | None:
    shown = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=REPO, capture_output=True, text=True, check=False)
    return shown.stdout if shown.returncode == 0 else None


def test_pages_in_git_show_the_results_in_git(tmp_path: Path) -> None:
    """Of HEAD, not of the working tree: a demo on another processor gives other numbers there."""
    page = committed("docs/results.md")
    if page is None:
        pytest.skip("not in a git repository with a docs/results.md")
    for path in _git("ls-tree", "-r", "--name-only", "HEAD").splitlines():
        if re.fullmatch(r"(docs|results|records)/[^/]+\.(md|json)", path):
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(committed(path) or "", encoding="utf-8")
    configuration, weights = read_configuration(REPO), weights_in(committed("dvc.lock") or "")
    for text, name, write in (
        (page, "results", results_block),
        (committed("README.md") or "", "studies", studies_table),
    ):
        begin, end = markers(name)
        assert text.split(begin)[1].split(end)[0].strip() == write(configuration, weights, root=tmp_path), (
            "run `make readme`, commit"
        )


def test_every_committed_result_has_a_record() -> None:
    weights = weights_in(committed("dvc.lock") or "")
    configuration = read_configuration(REPO)
    for name in configuration.names("experiments") + configuration.names("incumbent"):
        if committed(f"results/{configuration.row(name).study}/{name}/metrics.json") is not None:
            record = committed(f"records/{name}.json")
            assert record is not None, f"records/{name}.json is missing: run `make readme`"
            assert set(json.loads(record)) >= {"command", "commit", "seconds", "device", "torch"}
            assert ("weights" in json.loads(record)) == (name in weights), name


def test_git_ignores_all_that_a_demo_makes() -> None:
    """On another processor its last bits differ; dvc.lock alone changes then."""
    names = [
        (verb, name)
        for verb in ("train", "render", "evaluate")
        for name in read_configuration(REPO).study("demo").experiments
    ]
    made = [
        (out if isinstance(out, str) else next(iter(out))).replace("${key}", name).replace("${item.study}", "demo")
        for verb, name in [*names, ("report", "demo")]
        for kind in ("outs", "metrics", "plots")
        for out in STAGES[verb]["do"].get(kind, [])
    ]
    ignored = _git("check-ignore", "--no-index", *made)
    assert ignored.split() == made and len(made) > 50
    assert not _git("ls-files", *made)


def test_the_layout_names_every_file_and_folder() -> None:
    layout = (REPO / "docs/layout.md").read_text(encoding="utf-8")
    tops = {path.split("/")[0] for path in _git("ls-files").splitlines()}
    names = tops - {"README.md"}
    missing = sorted(name for name in names if f"`{name}`" not in layout and f"`{name}/`" not in layout)
    assert not missing
