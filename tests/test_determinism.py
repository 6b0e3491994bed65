"""Laws of determinism: equal inputs, equal bytes; a golden curve that no refactoring moves; GPUs within a tolerance."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

from stages.download import download
from stages.evaluate import evaluate
from stages.params import Params, read_params
from stages.pix2pix import runs
from stages.pix2pix.checkpoints import load_tensors
from stages.pix2pix.gan import Gan
from stages.prepare import prepare
from stages.probe import probe
from stages.render import render
from stages.report import report
from stages.score import score
from stages.train import train
from tests.clones import REPO, call, clone
from tests.conftest import TINY
from tests.golden.curves import RUNS, TOLERANCE, path, record
from tests.soaks import Soak

# ---- two clean clones ------------------------------------------------------------------------------------------------

SMALL = {"epochs": 1, "decay_epochs": 0, "keep_every": 1}
PIX2PIX = TINY["models"]["tiny"]
MODELS: dict[str, dict[str, Any]] = {
    "dropout_batch": PIX2PIX,
    "no_dropout_instance": PIX2PIX | {"dropout": 0.0, "inference_dropout": False, "norm": "instance"},
    "no_skips": PIX2PIX | {"skips": False},
    "unconditional": PIX2PIX | {"conditional": False},
    **{f"layers_{n}": PIX2PIX | {"discriminator_layers": n} for n in (0, 1, 2, 4, 5)},
}
ALONE: dict[str, dict[str, Any]] = {
    **{
        f"fcn_{stride}_{classes or 'image'}": {
            "kind": "fcn",
            "channels": 4,
            "convolutions": 2,
            "stride": stride,
            "upsampling": upsampling,
            "norm": "batch",
            "classes": classes,
        }
        for stride, upsampling in ((8, "stepwise"), (16, "single"), (32, "single"))
        for classes in (None, "facades")
    },
    "unet": {"kind": "unet", "channels": 4, "norm": "batch", "classes": None},
    "reader": {"kind": "unet", "channels": 4, "norm": "instance", "classes": "facades"},
}
CANNY = {"method": "canny", "blur_sigma": 1.0, "low": 40, "high": 110}
DOODLE = {"method": "doodle", "smoothing": 2.0, "low": 40, "high": 110, "min_length": 30, "width": 2}


def all_kinds() -> dict[str, Any]:
    """Params with an experiment of every kind: both directions, a score, a probe, kept epochs."""
    houses = TINY["datasets"]["houses"]
    cars = {"source": "drawn_cars", "cars": 2, "views": 2, "size": 64, "seed": 0}
    layout = {"layout": "carvana", "size": 64, "hold_out": 1, "seed": 0}
    experiment = TINY["experiments"]["first"]
    experiments = {name: experiment | {"model": name} for name in MODELS}
    experiments |= {name: experiment | {"model": name, "recipe": "alone", "direction": "AtoB"} for name in ALONE}
    experiments["layers_5"]["recipe"] = "wide"
    experiments["mean"] = experiment | {"model": "mean"}
    experiments["cars"] = experiment | {"model": "dropout_batch", "dataset": "cars_canny", "direction": "AtoB"}
    return TINY | {
        "datasets": {
            "houses": houses | {"download": houses["download"] | {"train": 4, "val": 2}},
            **{
                f"cars_{edges['method']}": {
                    "download": cars,
                    "prepare": layout | {"edges": edges},
                    "labels": None,
                    "held_out": "val",
                }
                for edges in (CANNY, DOODLE)
            },
        },
        "models": MODELS | ALONE | {"mean": {"kind": "mean"}},
        "recipes": {
            "quick": TINY["recipes"]["quick"] | SMALL,
            "alone": TINY["recipes"]["quick"] | SMALL | {"gan_weight": 0.0, "l1_weight": 1.0},
            "wide": TINY["recipes"]["quick"] | SMALL | {"size": 128, "jitter": 128},
        },
        "experiments": experiments,
        "scores": {"dropout_batch": {"table": "tiny", "dataset": "houses", "segmenter": "reader"}},
        "probes": {"cars": {"table": "tiny", "canny": "cars_canny", "doodle": "cars_doodle"}},
        "reports": {"tiny": {"title": "Tiny", "references": ["mean"]}},
    }


def write_repo(folder: Path) -> None:
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(all_kinds(), file)
    shutil.copytree(REPO / "sketches", folder / "sketches")


def make_everything() -> None:
    """All that DVC would run, in this process and in the working folder."""
    params = read_params()
    for name, dataset in params.datasets.items():
        download(name, dataset.download, raw=Path("data/raw"), downloads=Path("scratch"), mirror=None)
        prepare(layout=dataset.prepare, raw=Path("data/raw", name), out=Path("data/pairs", name))
    for name in params.experiments:
        train(name, params)
        render(name, params)
        evaluate(name, params)
    for verb, names in ((score, params.scores), (probe, params.probes), (report, params.reports)):
        for name in names:
            verb(name, params)


def test_two_processes_make_all_kinds_of_experiment_byte_for_byte(tmp_path: Path) -> None:
    """Started at once, each with another order of hashes, thread setting, time zone, home and umask."""
    settings = [
        {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "2", "TZ": "America/Lima", "LC_ALL": "C.UTF-8"},
    ]
    started = []
    for name, setting, umask in zip("ab", settings, (0o022, 0o077), strict=True):
        folder = tmp_path / name
        folder.mkdir()
        write_repo(folder)
        environment = os.environ | {"PYTHONPATH": str(REPO), "PIX2PIX_THREADS": "1", "HOME": str(folder)} | setting
        words = [sys.executable, "-c", "from tests.test_determinism import make_everything; make_everything()"]
        with (folder / "said").open("wb") as said:
            started.append(subprocess.Popen(words, cwd=folder, env=environment, stdout=said, stderr=said, umask=umask))
    for name, process in zip("ab", started, strict=True):
        assert process.wait(600) == 0, (tmp_path / name / "said").read_text(encoding="utf-8")
    one, other = (made(tmp_path / name) for name in "ab")
    assert one == other
    assert {f"models/{name}/last.safetensors" for name in all_kinds()["experiments"]} < one.keys()
    assert len({one[f"models/{name}/last.safetensors"] for name in all_kinds()["experiments"]}) == 19


def made(folder: Path) -> dict[str, str]:
    files = (file for part in ("data", "models", "results") for file in (folder / part).rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.soak
def test_two_clean_clones_give_equal_locks_for_all_kinds(tmp_path: Path, soak: Soak) -> None:
    """One by DVC, one by Snakemake; two kinds of it are held in every `make test` by tests/test_pipeline.py."""
    if not soak.full:
        pytest.skip("some 60 stages, twice: under --soak")
    clones = [clone(tmp_path / name) for name in "ab"]
    for folder in clones:
        write_repo(folder)
    call(clones[0], "dvc", "repro")
    call(clones[1], "snakemake", "--cores", "2")
    one, other = (YAML(typ="safe").load(folder / "dvc.lock")["stages"] for folder in clones)
    assert one == other
    for folder in clones:
        assert "up to date" in call(folder, "dvc", "status")
    soak.counts["stages"] = len(one)
    soak.counts["kinds of experiment"] = len(all_kinds()["experiments"])


# ---- the golden curves -----------------------------------------------------------------------------------------------


def parts(text: str) -> tuple[str, str, pd.DataFrame]:
    """Where a curve was recorded, its weights, its losses."""
    machine, _, rest = text.partition("# weights: ")
    return machine, rest.partition("\n")[0], pd.read_csv(io.StringIO(text), comment="#")


def distance(text: str, other: str) -> float:
    return float((parts(text)[2] - parts(other)[2]).abs().to_numpy().max())


@pytest.mark.parametrize("name", RUNS)
def test_training_follows_its_golden_curve(name: str) -> None:
    """If it is meant to leave it: `python -m tests.golden`, and say why in the commit."""
    golden, run = path(name).read_text(encoding="utf-8"), record(name)
    assert distance(run, golden) <= TOLERANCE[name]
    if parts(run)[0] == parts(golden)[0]:
        assert run == golden


@pytest.mark.parametrize(
    ("name", "change"), [("pix2pix", {"l1_weight": 99.0}), ("fcn_classes", {"generator_lr": 1.1e-3})]
)
def test_a_step_that_changed_leaves_the_golden_curve(name: str, change: dict[str, float]) -> None:
    assert distance(record(name, **change), path(name).read_text(encoding="utf-8")) > TOLERANCE[name]


def test_another_processor_stays_within_the_tolerance() -> None:
    """Other instructions round otherwise: the oldest that oneDNN and PyTorch know, in place of this machine's."""
    words = "from tests.golden.curves import RUNS, record; print('\\f'.join(record(name) for name in RUNS))"
    older = {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"}
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=REPO, env=os.environ | older, capture_output=True, text=True, check=True
    )
    for name, text in zip(RUNS, done.stdout.split("\f"), strict=True):
        assert distance(text, path(name).read_text(encoding="utf-8")) <= TOLERANCE[name]


# ---- GPUs ------------------------------------------------------------------------------------------------------------

# of losses, and of weights, between two runs on one GPU, whose atomic sums come in any order; none on a CPU.
# Not measured yet, since no GPU was at hand: `pytest -s -k on_one_device tests/test_determinism.py` prints what it is
APART = {"cpu": (0.0, 0.0), "cuda": (0.01, 0.05)}


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"))],
)
def test_again_and_resumed_are_as_straight_on_one_device(
    device: str, tiny_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIX2PIX_DEVICE", device)
    recipes = {"quick": TINY["recipes"]["quick"] | {"epochs": 6}}
    params = Params.model_validate(TINY | {"recipes": recipes})

    def run() -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
        train("first", params)
        shutil.rmtree("scratch")
        return pd.read_csv("models/first/history.csv"), load_tensors(Path("models/first/last.safetensors"))[0]

    straight, again = run(), run()
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(runs, "SAVE_SHARE", 1e9)
    with monkeypatch.context() as patch:
        patch.setattr(Gan, "generate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))  # at the epoch's end
        with pytest.raises(KeyboardInterrupt):
            run()
    resumed = run()
    for name, (losses, weights) in (("again", again), ("resumed", resumed)):
        by_losses = float((losses - straight[0]).abs().to_numpy().max())
        by_weights = max(float((tensor - straight[1][key]).abs().max()) for key, tensor in weights.items())
        print(f"{device}, {name}: losses differ by at most {by_losses:.6f}, weights by {by_weights:.6g}")
        assert by_losses <= APART[device][0]
        assert by_weights <= APART[device][1]
