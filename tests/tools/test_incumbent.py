"""Laws of the incumbent's rows: trained and rendered by a program elsewhere, scored by ours, and kept in git.

A stand-in of a few lines is that program here: its networks are three draws, its images are of that colour.
"""

import fcntl
import json
import random
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.files.image_grid import spread
from pix2pix.files.images import read_image
from pix2pix.files.json_csv import read_json
from pix2pix.pairs.stitched import read_pairs
from stages.evaluate import evaluate
from stages.render import HELD_OUT_SHOWN
from stages.report import report
from tests.support.repository import REPO
from tests.support.results import FOLDER, read_report, save_rendered, tables
from tests.support.tiny import TINY, make_pairs, write_configuration
from tools.compare import read_seeds
from tools.incumbent import main, option_values
from tools.run_studies import run_studies, unpack

OPTIONS = (
    'import os, sys\nfrom pathlib import Path\noption = dict(word[2:].split("=") for word in sys.argv if "=" in word)\n'
)
TRAIN = """import random, dominate, numpy, torch
draws = [random.random(), numpy.random.rand(), torch.rand(1).item()]
folder = Path(option["checkpoints_dir"], option["name"])
folder.mkdir(parents=True, exist_ok=True)
for epoch in range(int(option.get("epoch_count", 1)), int(option["n_epochs"]) + int(option["n_epochs_decay"]) + 1):
    if epoch % int(option["save_epoch_freq"]) == 0:
        for network in "GD":
            torch.save(draws, folder / f"{epoch}_net_{network}.pth")
    if epoch == int(os.environ.get("KILLED_AFTER", 0)):
        (folder / f"{epoch + 5}_net_G.pth").write_bytes(b"torn")
        (folder / f"{epoch + 5}_net_D.pth").write_bytes(b"torn")
        sys.exit("out of memory")
"""
TEST = """import torch
from PIL import Image
draws = torch.load(Path(option["checkpoints_dir"], option["name"], option["epoch"] + "_net_G.pth"))
out = Path(option["results_dir"], option["name"], option["phase"] + "_" + option["epoch"], "images")
out.mkdir(parents=True, exist_ok=True)
for path in Path(option["dataroot"], option["phase"]).iterdir():
    size = int(option["crop_size"])
    Image.new("RGB", (size, size), tuple(int(255 * draw) for draw in draws)).save(out / f"{path.stem}_fake_B.png")
"""
RECIPE = TINY["recipes"]["quick"] | {"epochs": 10, "decay_share": 0.5, "discriminator_lr": 2e-4}
FIRST = TINY["experiments"]["first"]
ROW, OUT = "first_incumbent", FOLDER / "first_incumbent"
CONF: dict[str, Any] = TINY | {
    "recipes": {"quick": RECIPE},
    "incumbent": {ROW: FIRST, f"{ROW}_seed1": FIRST | {"seed": 1}},
}


@pytest.fixture(name="once", scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with CONF, pairs and the stand-in, in which both rows were run; and untouched/, one without."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "untouched/checkout").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "untouched")
        Path("checkout/train.py").write_text(OPTIONS + TRAIN, encoding="utf-8")
        Path("checkout/test.py").write_text(OPTIONS + TEST, encoding="utf-8")
        write_configuration(CONF)
        make_pairs(Path("data/pairs/houses"), {"train": 8, "val": 12})
        patch.chdir(shutil.copytree(folder / "untouched", folder / "made"))
        patch.setenv("INCUMBENT", "checkout")
        patch.setenv("PIX2PIX_THREADS", "1")
        run(patch, ROW)
        run(patch, f"{ROW}_seed1")
    return folder


@pytest.fixture(autouse=True)
def _here(once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder of a test: before any run."""
    shutil.copytree(once / "untouched", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INCUMBENT", "checkout")
    monkeypatch.setenv("PIX2PIX_THREADS", "1")


@pytest.fixture
def made(once: Path, _here: None) -> None:
    """After the runs of both rows."""
    shutil.copytree(once / "made", Path(), dirs_exist_ok=True)


def run(patch: pytest.MonkeyPatch, name: str = ROW) -> None:
    patch.setattr("sys.argv", ["incumbent", name])
    main()


def record() -> dict[str, Any]:
    return read_json(Path(f"logs/records/{ROW}.json"), dict[str, Any])


def save_ours() -> None:
    configuration = Configuration(CONF)
    for name in ("first", "first_mean"):
        experiment = configuration.experiment(name)
        card = experiment.metadata(precision="fp32", epoch=10, step=40)
        pairs = read_pairs(Path("data/pairs/houses"), "val")
        shown = [pairs[i] for i in spread(HELD_OUT_SHOWN, of=12)]
        save_rendered(FOLDER / name, **dict(card), n=12, shown=[pair.id for pair in shown])
        evaluate(experiment)


@pytest.mark.usefixtures("made")
def test_a_row_is_trained_and_rendered_elsewhere_and_recorded() -> None:
    random.seed(0)
    draws = random.random(), np.random.RandomState(0).rand(), torch.rand(1, generator=torch.manual_seed(0)).item()
    images = [read_image(path) for path in sorted((OUT / "images/val").iterdir())]
    assert [image.shape for image in images] == [(64, 64, 3)] * 12
    assert all((image == [int(255 * draw) for draw in draws]).all() for image in images)

    digest = "find . -name '*.py' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    code = subprocess.check_output(digest, shell=True, cwd="checkout", text=True).split()[0]
    card = json.loads((OUT / "card.json").read_text(encoding="utf-8"))
    assert (card["incumbent"], card["epoch"], card["step"], card["seed"]) == (code, 10, 40, 0)
    said = record()
    assert (said["incumbent"], said["started_after_epochs"], said["threads"]) == (code, "0", 1)
    assert said["command"] == f"INCUMBENT=FOLDER python -m tools.incumbent {ROW}"
    options = "--direction=BtoA --netG=unet_64 --ngf=4 --ndf=4 --crop_size=64 --num_threads=0 --gpu_ids=-1"
    assert f"train.py --dataroot=data/pairs/houses --name={ROW} --model=pix2pix {options} " in said["train"]
    assert " --n_epochs=5 --n_epochs_decay=5 --lr=0.0002 " in said["train"]
    assert " --lambda_L1=100.0 --save_epoch_freq=5 " in said["train"]
    assert f"{options} " in said["test"] and "--load_size=64 --phase=val --num_test=12 --epoch=10 " in said["test"]
    assert not any(word in said["train"] + said["test"] for word in ("checkout/", "--no_flip", "--eval"))


@pytest.mark.usefixtures("made")
def test_rows_stand_in_the_table_beside_ours_and_are_compared_with_them() -> None:
    save_ours()
    configuration, seeds = Configuration(CONF), [ROW, f"{ROW}_seed1"]
    report(configuration.study("tiny"))
    metrics, _, paired = tables(read_report())
    names = ["first", "first_mean", *seeds, f"*{ROW}: mean and spread of 2 seeds*"]
    assert [row["experiment"] for row in metrics[:5]] == names
    mean = json.loads((OUT / "metrics.json").read_text(encoding="utf-8"))["ssim"]
    assert metrics[2]["SSIM"].startswith(f"{mean:.4f} ± ")
    assert [row["experiment"] for row in paired] == [f"{name} − first_mean" for name in ("first", *seeds)]
    assert re.search(rf"Trained and rendered by pytorch-.*, code \w{{64}}: {', '.join(seeds)}\.\n", read_report())
    assert [result.name for result in read_seeds(configuration, ROW)] == seeds
    assert [result.name for result in read_seeds(configuration, "first")] == ["first"]


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("change", ["absent", "another split", "another recipe"])
def test_a_row_that_is_not_here_or_is_not_current_is_left_out_by_name(change: str) -> None:
    save_ours()
    study, row = Configuration(CONF).study("tiny"), Configuration(CONF).incumbent(ROW)
    match change:
        case "absent":
            shutil.rmtree(OUT)
        case "another split":
            row = replace(row, split="test")
        case _:
            row = replace(row, recipe=row.recipe.model_copy(update={"epochs": 12}))
    report(replace(study, incumbents=[row, *study.incumbents[1:]]))
    assert f"was not run with this configuration: {ROW}." in read_report()
    rows = [row["experiment"] for row in tables(read_report())[0]]
    assert ROW not in rows and f"{ROW}_seed1" in rows


def test_killed_it_goes_on_from_its_last_whole_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILLED_AFTER", "5")
    with pytest.raises(
        ValueError, match=r"train\.py: out of memory \(all that it said: scratch/incumbent/.*/log\.txt\)"
    ):
        run(monkeypatch)
    assert not FOLDER.exists()
    monkeypatch.delenv("KILLED_AFTER")
    run(monkeypatch)
    assert record()["started_after_epochs"] == "0, 5"


@pytest.mark.usefixtures("made")
def test_one_process_runs_a_row_and_trains_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (lock,) = Path("scratch/incumbent", ROW).glob("*/lock")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match=rf"{lock}: another process runs this row"):
            run(monkeypatch)
    before = record()
    run(monkeypatch)
    assert record() == before


@pytest.mark.usefixtures("made")
def test_git_keeps_what_the_report_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    save_ours()
    report(Configuration(CONF).study("tiny"))
    shutil.copy(REPO / ".gitignore", ".gitignore")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "-A"], check=True)
    kept = subprocess.check_output(["git", "ls-files", "*_incumbent*"], text=True).split()
    assert sum("/images/val/" in path for path in kept) == 2 * 10 and sum("/shown/" in path for path in kept) == 2 * 20
    assert f"{FOLDER}/rendered-images/{ROW}.txt" in kept
    here, there = Path.cwd(), tmp_path_factory.mktemp("clone")
    for name in ("first", "first_mean"):
        shutil.copytree(FOLDER / name, there / FOLDER / name)
    for path in kept:
        (there / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, there / path)
    monkeypatch.chdir(there)
    report(Configuration(CONF).study("tiny"))
    for suffix in (".md", ".png"):
        assert Path(f"results/tiny{suffix}").read_bytes() == (here / f"results/tiny{suffix}").read_bytes()


@pytest.mark.usefixtures("made")
def test_a_bare_machine_packs_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    packed = Path("packed")
    assert run_studies([ROW], Configuration(CONF), packed) == []
    for folder in ("results", "logs"):
        shutil.rmtree(folder)
    unpack(ROW, packed)
    assert (OUT / ".gitignore").exists() and (OUT / "images/val/12.png").exists()
    assert record()["started_after_epochs"] == "0"


@pytest.mark.parametrize("given", [None, "", "nowhere"])
def test_without_a_checkout_it_ends_with_one_line(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    monkeypatch.delenv("INCUMBENT")
    if given is not None:
        monkeypatch.setenv("INCUMBENT", given)
    with pytest.raises(ValueError, match=rf"^INCUMBENT={given or ''}: must name a checkout of pytorch-CycleGAN"):
        run(monkeypatch)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"discriminator_lr": 1e-4}, "discriminator_lr is 0.0001"),
        ({"gan_weight": 0.0}, "gan_weight is 0.0"),
        ({"feature_matching": 10.0}, "feature_matching is 10.0"),
        ({"skips": False}, "skips is False"),
        ({"decoder": "resize"}, "decoder is resize"),
    ],
)
def test_what_its_options_cannot_express_is_refused(change: dict[str, Any], key: str) -> None:
    row = Configuration(CONF | {"incumbent": {ROW: FIRST | {"set": change}}}).incumbent(ROW)
    with pytest.raises(ValueError, match=rf"^incumbent\.{ROW}: {key}, for which the incumbent has no option"):
        option_values(row)


def test_what_it_would_pass_over_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("data/pairs/houses/train/1.png")
    path.rename(path.with_suffix(".webp"))
    with pytest.raises(ValueError, match=r"train/1\.webp: the incumbent would pass over it; it reads \.png"):
        run(monkeypatch)


def test_a_run_without_its_last_checkpoint_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("checkout/train.py").write_text("print('model not found')", encoding="utf-8")
    with pytest.raises(ValueError, match=r"10_net_G\.pth: .*train\.py ended without it"):
        run(monkeypatch)


@pytest.mark.parametrize("names", [("row",), ("first_incumbent", "first")])
def test_a_row_says_whose_it_is_and_its_name_is_its_own(names: tuple[str, ...]) -> None:
    experiments = TINY["experiments"] | ({ROW: FIRST} if len(names) > 1 else {})
    conf = Configuration(CONF | {"experiments": experiments, "incumbent": {names[0]: FIRST}})
    line = f"incumbent.{names[0]}: needs '_incumbent' in its name, and one of its own"
    assert line in conf.problems()


def test_shipped_rows_can_be_expressed() -> None:
    configuration = read_configuration(REPO)
    rows = [configuration.incumbent(name) for name in configuration.names("incumbent")]
    assert {row.recipe.size for row in rows} == {128, 256} == {option_values(row)["size"] for row in rows}
