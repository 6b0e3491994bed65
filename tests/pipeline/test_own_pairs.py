"""One's own pairs as docs/data.md says it: its lines, copied, on a folder that a person has."""

import copy
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.files.images import write_png
from pix2pix.toydata.facades import draw_facade
from stages.download import main as download
from stages.evaluate import evaluate
from stages.prepare import main as prepare
from stages.render import render
from stages.report import report
from stages.train import train
from tests.support.repository import REPO
from tests.support.tiny import TINY, write_configuration

PAGE = REPO / "docs/data.md"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """A repository with TINY's models and recipes (by the names that the page uses) and the page's own lines."""
    for split, count in (("train", 6), ("val", 2)):
        for i in range(count):
            for side, image in zip("AB", draw_facade(index=i + 100 * (split == "val"), size=64, seed=0), strict=True):
                folder = tmp_path / "my_pairs" / split / side
                folder.mkdir(parents=True, exist_ok=True)
                write_png(folder / f"{i}.png", image)
    whole = copy.deepcopy(TINY)
    whole["models"]["pix2pix_small"], whole["recipes"]["small"] = whole["models"]["tiny"], whole["recipes"]["quick"]
    section = PAGE.read_text(encoding="utf-8").split("## Your own pairs")[1]
    for block in re.findall(r"```yaml\n# config/.*?\n(.*?)```", section.split("\n## ")[0], flags=re.DOTALL):
        for name, entries in YAML(typ="safe").load(block).items():
            whole[name] |= entries
    here = tmp_path / "repository"
    here.mkdir()
    monkeypatch.chdir(here)
    write_configuration(whole)
    return read_configuration()


def test_the_lines_of_the_page_train_on_a_folder(
    repo: Configuration, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And each verb ends with one line: what it made, where, and its main number."""

    def last_line() -> str:
        return capsys.readouterr().out.splitlines()[-1]

    monkeypatch.setattr("sys.argv", ["verb", "mine"])
    for verb, says in ((download, "data/raw/mine: train/A 6"), (prepare, "data/pairs/mine: 8 pairs")):
        verb()
        assert last_line().startswith(says)
    for name in ("mine", "mine_mean"):
        for step, says in (
            (train, rf"models/{name}: the weights of epoch \d; validation L1 0\.\d+"),
            (render, rf"results/mine/{name}: 2 images of val; grid.png shows 2"),
            (evaluate, rf"results/mine/{name}/metrics.json: LSD \d\.\d+ of 2 images; .*"),
        ):
            step(repo.experiment(name))
            assert re.fullmatch(says, last_line())
    report(repo.study("mine"))
    assert last_line().startswith("results/mine.html: LSD")
    table = Path("results/mine.md").read_text(encoding="utf-8")
    assert "My pairs" in table
    assert "mine − mine_mean" in table
