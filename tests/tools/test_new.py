"""Laws of `make new`: any usual layout of own pairs is understood; what is written is valid, and can be undone."""

import io
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ruamel.yaml import YAML

from pix2pix.config.reader import read_configuration
from pix2pix.pairs.stitched import read_pairs
from stages.download import download
from stages.prepare import prepare
from tests.support.repository import REPO
from tests.support.tiny import random_image
from tools.new import new

FILES = ("params.yaml", "dvc.yaml", "config/datasets.yaml", "config/studies/demo.yaml")
# names of the files of pair {i}, and what prepare is told of them
LAYOUTS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "two folders of splits": (["train{s}/{i}.JPG"], {"layout": "folders"}),
    "side above split": (["{s}/train/{i}.png"], {"layout": "folders"}),
    "no splits": (["{s}/{i}.png"], {"layout": "folders"}),
    "stitched": (["{i}.png"], {"layout": "stitched"}),
    "other names of folders, a prefix and a suffix": (
        ["photos/Training/p_{i}.png", "masks/Training/p_{i}_mask.png"],
        {"pair_by": {"A": "masks/{split}/{id}_mask", "B": "photos/{split}/{id}"}},
    ),
    "one folder": (["x/{i} in.png", "x/{i} out.png"], {"pair_by": {"A": "x/{id} in", "B": "x/{id} out"}}),
    "a folder a pair": (["{i}/in.png", "{i}/out.png"], {"pair_by": {"A": "{id}/in", "B": "{id}/out"}}),
}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped declaration with the study of the demo alone, and a home for own pairs."""
    for name in FILES:
        (tmp_path / "repo" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / name, tmp_path / "repo" / name)
    monkeypatch.chdir(tmp_path / "repo")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIX2PIX_THREADS", "1")
    return tmp_path / "repo"


def own_pairs(folder: Path, names: Sequence[str], *, count: int = 6) -> Path:
    for i in range(count):
        for number, side in enumerate("AB" if "{s}" in names[0] else names):
            name = names[0].format(s=side, i=i) if "{s}" in names[0] else side.format(i=i)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random_image(10 * i + number, 64, 128 if names == ["{i}.png"] else 64)).save(folder / name)
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_own_pairs_are_understood_in_any_usual_layout(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    before = {name: (repo / name).read_text(encoding="utf-8") for name in FILES}
    names, told = LAYOUTS[layout]
    own_pairs(tmp_path / "own", names)
    new("mine", "~/own", direction="BtoA")
    said = capsys.readouterr().out
    for line in (
        "train      5 pairs\nval        1 pairs\n",
        "A and B 64 x 64 pixels",
        "no val: 1 pairs are held out",
        "direction BtoA: A is made from B; for the other way DIRECTION=AtoB\n",
        "next: source .venv/bin/activate && dvc repro report@mine\n",
    ):
        assert line in said

    configuration = read_configuration()
    assert not configuration.unreadable
    experiment = configuration.experiment("mine")
    assert experiment.recipe.size == 64 and configuration.study("mine").baselines == ["mine_mean"]
    assert told.items() <= experiment.dataset.prepare.model_dump().items()
    download("mine", experiment.dataset.download, raw=Path("raw"), downloads=Path("raw"), mirror=None)
    prepare(layout=experiment.dataset.prepare, raw=Path("raw/mine"), out=Path("pairs"))
    assert len(read_pairs(Path("pairs"), "train")) == 5
    for path in ("config/datasets.yaml", "config/studies/mine.yaml"):
        text, again = Path(path).read_text(encoding="utf-8"), io.StringIO()
        YAML().dump(YAML().load(text), again)
        assert again.getvalue() == text, "not as DVC writes it"
    assert "  - config/studies/mine.yaml\n  # where no study" in Path("dvc.yaml").read_text(encoding="utf-8")

    with pytest.raises(ValueError, match=r"config/datasets\.yaml has datasets\.mine already"):
        new("mine", "~/own", direction="BtoA")
    subprocess.run(said.splitlines()[-1].removeprefix("undo: ").split(), check=True)
    assert {name: Path(name).read_text(encoding="utf-8") for name in FILES} == before
    assert not Path("config/studies/mine.yaml").exists()


@pytest.mark.parametrize(
    ("name", "names", "says"),
    [
        ("My-Pairs", ["{i}.png"], "NAME=My-Pairs: a name has small letters, digits and _, .* such as my_pairs"),
        ("", ["{i}.png"], "NAME=: a name has small letters"),
        ("demo_cars", ["{i}.png"], "config/studies/demo.yaml has experiments.demo_cars already"),
        ("maps", ["{i}.png"], "config/datasets.yaml has datasets.maps already"),
        ("mine", [], "no such folder or archive"),
        ("mine", ["{i}/a.png", "{i}/b.png", "{i}/c.png"], "no pairs found: .*; images in 0 3, 1 3, "),
        ("mine", ["A/{i}.png", "B/{i}.png", "B/x{i}.png"], "~/own/B/x0.png: has no partner 'x0' in ~/own/A"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(
    repo: Path, tmp_path: Path, name: str, names: list[str], says: str
) -> None:
    before = {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()}
    if names:
        own_pairs(tmp_path / "own", names)
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        new(name, "~/own", direction="AtoB")
    assert {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()} == before
