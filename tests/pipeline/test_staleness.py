"""Both engines name the same stages, whatever was edited and whichever of them ran; and no option is ignored."""

import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import networkx as nx
import pytest
from dvc.repo import Repo

from tests.support.clones import BIN, call
from tests.support.soaks import Soak

Edit = Callable[[Path, random.Random], str]
STUDY = "config/studies/tiny.yaml"
DATASETS = "config/datasets.yaml"


def run(folder: Path, *words: str, fails: bool = False) -> str:
    """What Snakemake says."""
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    command = [str(BIN / "snakemake"), "--cores", "2", *words]
    done = subprocess.run(command, cwd=folder, env=os.environ | path, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def named_by_dvc(folder: Path) -> set[str]:
    with chdir(folder):
        return {name.replace("@", "_") for name in Repo().status()}


def named_by_snakemake(folder: Path) -> tuple[set[str], set[str]]:
    """The rules that would run with a reason of their own, and all that would run."""
    shown = run(folder, "--dry-run", "report_tiny")
    reasons = dict(re.findall(r"^rule (\w+):\n(?:    .*\n)*?    reason: (.*)", shown, flags=re.MULTILINE))
    return {rule for rule, reason in reasons.items() if "Updated input files:" in reason}, set(reasons)


def downstream(folder: Path, names: set[str]) -> set[str]:
    """`names`, and all stages that depend on them; on `fingerprint` alone none does whose own code is as it was."""
    with chdir(folder):
        graph = Repo().index.graph
        rules = {stage: stage.addressing.replace("@", "_") for stage in graph}
    stale = [stage for stage, rule in rules.items() if rule in names - {"fingerprint"}]
    return names.union(rules[later] for stage in stale for later in nx.ancestors(graph, stage))


# ---- edits: each changes one thing, and says what --------------------------------------------------------------------


def _text(path: str, old: str, new: str) -> Edit:
    def edit(folder: Path, _: random.Random) -> str:
        text = (folder / path).read_text(encoding="utf-8")
        assert old in text, path
        (folder / path).write_text(text.replace(old, new, 1), encoding="utf-8")
        return f"{path}: {new}"

    return edit


def _file(where: str, change: str) -> Edit:
    def edit(folder: Path, chance: random.Random) -> str:
        path = chance.choice(sorted(path for path in folder.glob(where) if path.is_file()))
        if change == "deleted":
            path.unlink()
        elif change == "touched":
            os.utime(path, (2e9, 2e9) if chance.random() < 0.5 else (1e9, 1e9))
        else:
            content = path.read_bytes()
            path.unlink()  # may be a link to the cache
            path.write_bytes(content + b"\n")
        return f"{path.relative_to(folder)} {change}"

    return edit


FILES = ["data/raw/**/*", "data/pairs/**/*", "models/**/*", "results/tiny/**/*", "results/tiny.*g", "fingerprints/*"]
EDITS: dict[str, list[Edit]] = {
    "parameters": [
        _text(STUDY, "seed: 0", "seed: 1"),
        _text(STUDY, "title: Tiny", "title: Other"),
        _text(DATASETS, "val: 3", "val: 2"),
        _text("params.yaml", "epochs: 3", "epochs: 2"),
        _text("params.yaml", "recipes:", "recipes:\n  unused: {epochs: 9}"),  # of nobody
    ],
    "data": [_file(where, "changed") for where in FILES],
    "missing": [_file(where, "deleted") for where in FILES],
    "times": [_file(where, "touched") for where in [*FILES, "pix2pix/**/*.py", "params.yaml", "dvc.lock"]],
    "code": [
        _text("stages/render.py", '"""', '"""Another docstring. '),
        _text("pix2pix/training/progress.py", "import", "# another comment\nimport"),
    ],
    "command": [_text("dvc.yaml", "stages.evaluate ${key}", "stages.evaluate  ${key}")],
    "nothing": [lambda folder, chance: "nothing"],
}


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # of DVC, in its own graph
def test_both_engines_name_the_same_stages(soak: Soak, by_dvc: Path, tmp_path: Path) -> None:
    """What `dvc status` names has a reason of its own in Snakemake's plan; beside it, what depends on that is there."""
    chance, edits = random.Random(7), 0
    kinds = [kind for kind in EDITS for _ in range(soak.rounds(1, 30))]
    runs = soak.rounds(0, 6)  # of which Snakemake, or DVC, then runs what it has named
    for number, kind in enumerate(kinds):
        folder = Path(shutil.copytree(by_dvc, tmp_path / "clone", symlinks=True))
        did = []
        for other in [kind, *(chance.choice([*EDITS]) for _ in range(chance.randrange(3)))]:
            edit = chance.choice(EDITS[other])
            try:
                did.append(edit(folder, chance))
            except (AssertionError, IndexError):  # edited or deleted before
                continue
        wanted = named_by_dvc(folder)
        own, planned = named_by_snakemake(folder)
        assert own == wanted, did
        assert planned == downstream(folder, wanted), did
        if number % (len(kinds) // runs if runs else len(kinds) + 1) == 1:
            run(folder, "report_tiny")
            call(folder, "dvc", "repro", "report@tiny")
            assert named_by_dvc(folder) == set(), did
            assert named_by_snakemake(folder) == (set(), set()), did
        shutil.rmtree(folder)
        edits += len(did)
    soak.counts |= {"rounds": len(kinds), "edits": edits, "runs": runs}


def test_other_code_runs_the_verbs_that_have_it_and_no_other(by_dvc: Path) -> None:
    path = by_dvc / "stages/evaluate.py"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + "\nOTHER = 1\n", encoding="utf-8")
    try:
        assert named_by_snakemake(by_dvc)[1] == {"fingerprint", "evaluate_first", "report_tiny"}
    finally:
        path.write_text(before, encoding="utf-8")


# ---- force, and options that change nothing --------------------------------------------------------------------------


def test_force_is_passed_on(by_dvc: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(by_dvc, tmp_path / "clone", symlinks=True))
    run(folder, "--forcerun", "download_houses", "--", "prepare_houses")
    assert "Running stage 'download@houses'" in (folder / "logs/download_houses.log").read_text(encoding="utf-8")
    assert "didn't change, skipping" in (folder / "logs/prepare_houses.log").read_text(encoding="utf-8")
    assert named_by_dvc(folder) == set()


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["--config", "seed=1"], "params.yaml"),
        (["--configfile", "params.yaml"], "params.yaml"),
        (["--rerun-triggers", "mtime"], "dvc status"),
        (["--consider-ancient", "report_tiny=0"], "dvc status"),
        (["--list-changes", "params"], "dvc status"),
        (["--touch"], "dvc commit"),
        (["--force"], "--forceall"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(by_dvc: Path, words: list[str], instead: str) -> None:
    said = run(by_dvc, *words, fails=True)
    assert re.search(rf"would (change|show) nothing.*{instead}", said), said


# ---- DVC fails -------------------------------------------------------------------------------------------------------


def test_nothing_is_deleted_where_dvc_fails(by_dvc: Path, tmp_path: Path) -> None:
    """At a conflict in dvc.lock, and where .dvc/tmp cannot be written; even of a stage that was forced."""
    folder = Path(shutil.copytree(by_dvc, tmp_path / "clone", symlinks=True))
    before = {path: path.read_bytes() for path in folder.glob("models/**/*") if path.is_file()}
    lock = (folder / "dvc.lock").read_text(encoding="utf-8")
    (folder / "dvc.lock").write_text(f"<<<<<<< HEAD\n{lock}", encoding="utf-8")
    said = run(folder, "--forcerun", "train_first", "--", "train_first", fails=True)
    (line,) = (line for line in said.splitlines() if "dvc.lock cannot be read" in line)
    assert "git checkout --theirs dvc.lock" in line
    (folder / "dvc.lock").write_text(lock, encoding="utf-8")
    shutil.rmtree(folder / ".dvc/tmp")
    (folder / ".dvc/tmp").write_bytes(b"")  # as if it could not be written
    run(folder, "--forcerun", "train_first", "--", "train_first", fails=True)
    assert {path: path.read_bytes() for path in folder.glob("models/**/*") if path.is_file()} == before


# ---- experiments in a copy of the project ----------------------------------------------------------------------------


def test_an_experiment_elsewhere_finds_a_relative_path(by_dvc: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(by_dvc, tmp_path / "clone", symlinks=True))
    shutil.copytree(folder / "data/raw/houses", tmp_path / "my_houses")
    path = folder / DATASETS
    text = path.read_text(encoding="utf-8")
    own = re.sub(r"download:\n(      .*\n)+", "download: {source: local, path: ../my_houses}\n", text)
    assert own != text
    path.write_text(own, encoding="utf-8")
    call(folder, "dvc", "exp", "run", "--temp", "download@houses")
