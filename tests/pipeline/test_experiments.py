"""`dvc exp run -S`, `params diff` and `metrics diff` on the shipped files; -S itself makes the toy data smaller."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.clones import call, clone
from tests.support.repository import REPO
from tests.support.tiny import TINY

SMALLER = [
    "config/datasets.yaml:datasets.toy_facades.download.train=4",
    "config/datasets.yaml:datasets.toy_facades.download.val=2",
    "config/datasets.yaml:datasets.toy_facades.download.size=64",
    "models.pix2pix_small.generator_channels=4",
    "models.pix2pix_small.discriminator_channels=4",
    "recipes.demo_facades.size=64",
    "recipes.demo_facades.load_size=64",
    "recipes.demo_facades.epochs=1",
]


def set_params(*values: str) -> list[str]:
    return [word for value in values for word in ("-S", value)]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the shipped files, of the studies the demo alone, with results of an earlier demo_facades."""
    folder = clone(tmp_path_factory.mktemp("shipped") / "clone", TINY)
    for name in ("params.yaml", "config/datasets.yaml", "config/studies/demo.yaml"):
        shutil.copy(REPO / name, folder / name)
    (folder / "config/studies/tiny.yaml").unlink()
    graph = (folder / "dvc.yaml").read_text(encoding="utf-8").replace("studies/tiny.yaml", "studies/demo.yaml")
    (folder / "dvc.yaml").write_text(graph.replace("vars:", "vars:\n  - fcn_scores: {}\n  - robustness: {}", 1))
    ignored = (folder / ".gitignore").read_text(encoding="utf-8")
    (folder / ".gitignore").write_text(ignored.replace("/results/demo/\n", ""), encoding="utf-8")  # as of other studies
    (folder / "results/demo/demo_facades").mkdir(parents=True)
    (folder / "results/demo/demo_facades/metrics.json").write_text('{"ssim": 0.125}')
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "shipped")
    return folder


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_values_are_tried_compared_and_undone(shipped: Path) -> None:
    """Of keys that are written, and with + of one that is left to the paper's recipe."""
    values = (*SMALLER, "+recipes.demo_facades.beta1=0.9")
    call(shipped, "dvc", "exp", "run", *set_params(*values), "evaluate@demo_facades")
    assert git(shipped, "diff", "--numstat", "--", "params.yaml").split()[:2] == ["6", "5"], "of each value its line"
    params = call(shipped, "dvc", "params", "diff", "--md")
    assert "recipes.demo_facades.epochs" in params and "recipes.demo_facades.beta1" in params
    metrics = call(shipped, "dvc", "metrics", "diff", "--md")
    assert "results/demo/demo_facades/metrics.json" in metrics and "| ssim" in metrics
    git(shipped, "checkout", "-q", ".")
    assert "beta1: 0.9" not in (shipped / "params.yaml").read_text(encoding="utf-8")


def test_an_unknown_key_is_refused_with_the_way_to_add_it(shipped: Path) -> None:
    with pytest.raises(AssertionError, match=r"\+recipes\.demo_facades\.beta1"):
        call(shipped, "dvc", "exp", "run", *set_params("recipes.demo_facades.beta1=0.9"), "train@demo_facades")
    git(shipped, "checkout", "-q", ".")


def test_a_range_of_values_is_queued(shipped: Path) -> None:
    call(shipped, "dvc", "exp", "run", "--queue", *set_params("recipes.demo_facades.epochs=5,6"), "report@demo")
    assert call(shipped, "dvc", "queue", "status").count("Queued") == 2
    call(shipped, "dvc", "queue", "remove", "--queued")
