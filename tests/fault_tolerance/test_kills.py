"""SIGKILL of a stage at random moments, beneath either engine, and of the engines: nothing lost, nothing torn.

When a stage is killed, the engine above it is stopped first, so that what lies there at that moment can be looked at.
"""

import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import cycle
from pathlib import Path

import pandas as pd
import psutil
import pytest

from pix2pix.config.reader import read_configuration
from pix2pix.files.images import read_image
from pix2pix.networks.weights import load_tensors
from stages.train import train
from tests.support.clones import ENGINES, call, clone, engine_of, process_of, said, start
from tests.support.kill_points import alive, digests, kill, marks_of, wait_for, watched
from tests.support.soaks import Soak
from tests.support.tiny import ONE, TINY

EPOCHS = 24
BUSY = ("another process", "is busy, it is being blocked by")  # how `train` and DVC refuse

MOMENTS = {  # of a training: what tells that one has come, and how many seconds it may last
    "starting": ("nothing", 6.0),
    "step": ("scratch/train/first/*/state.safetensors", 0.6),
    "save": ("scratch/train/first/*/.state.safetensors.partial", 0.02),
    "publishing": ("models/first/*", 0.04),
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIX2PIX_THREADS", "1")
        yield


# ---- train -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with prepared pairs, whose training saves its state some ten times a second, on a slow disk."""
    recipes = {"quick": TINY["recipes"]["quick"] | {"epochs": EPOCHS}}
    folder = clone(tmp_path_factory.mktemp("train") / "prepared", ONE | {"recipes": recipes})
    for module, before, after in (
        ("training/resume", "SAVE_SECONDS = 5.0", "SAVE_SECONDS = 0.05"),
        ("training/resume", "SAVE_SHARE = 0.02", "SAVE_SHARE = 1.0"),
        ("files/atomic", "import os\n", "import os\nimport time\n"),
        ("files/atomic", "os.fsync(descriptor)", "os.fsync(descriptor), time.sleep(0.02)"),
    ):
        path = folder / f"pix2pix/{module}.py"
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), encoding="utf-8")
    call(folder, "dvc", "repro", "prepare@houses")
    return folder


@pytest.fixture(scope="module")
def straight(prepared: Path) -> dict[str, str]:
    """The files of an undisturbed training, by no engine."""
    folder = Path(shutil.copytree(prepared, prepared.with_name("straight"), symlinks=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train(read_configuration().experiment("first"))
    return digests(folder / "models/first")


@pytest.mark.soak
def test_a_killed_training_loses_nothing_and_shows_nothing_torn(
    soak: Soak, tmp_path: Path, prepared: Path, straight: dict[str, str]
) -> None:
    wanted, chance, engines = soak.rounds(3, 100), random.Random(4), cycle(ENGINES)
    kills: Counter[str] = Counter()
    trainings = 0
    while kills.total() < wanted or not all(kills[moment] for moment in ("step", "save", "publishing")):
        assert kills.total() < 2 * wanted + 20, kills
        engine = next(engines)
        trainings += 1
        folder = Path(shutil.copytree(prepared, tmp_path / "training", symlinks=True))
        aims = ["step", "save", "publishing"]
        if soak.full:
            aims = ["starting", *chance.sample(["step", "save"] * 3, 6), *["publishing"] * 3]
        for aim in aims:
            moment = _kill_training(folder, engine, aim, chance)
            if not moment:  # it ended before its kill
                break
            kills[moment] += 1
        call(folder, *engine_of("train@first", engine))
        assert digests(folder / "models/first") == straight
        assert "up to date" in call(folder, "dvc", "status", "train@first")
        shutil.rmtree(folder)
    soak.counts |= {"kills": kills.total(), **kills, "trainings": trainings}


def _kill_training(folder: Path, engine: list[str], aim: str, chance: random.Random) -> str | None:
    """Kill `train` beneath `engine` at a random moment of kind `aim`; the kind it turned out to be."""
    pattern, seconds = MOMENTS[aim]
    before = marks_of(folder, "models/first/*", "scratch/train/first/*", "scratch/train/first/*/*")

    def look() -> str:
        assert not _torn_training(folder)
        now = marks_of(folder, "models/first/*", "scratch/train/first/*", "scratch/train/first/*/*").items()
        new = [path for path, _ in now - before.items()]
        if any("models" in path.parts for path in new):
            return "publishing"
        if any(path.suffix == ".partial" for path in new):
            return "save"
        return "step" if new else "starting"

    with watched(lambda: _torn_training(folder)) as watcher:
        moment = kill(folder, engine, ("train@first", "train"), (pattern, chance.uniform(0, seconds)), look, watcher)
    return moment


def _torn_training(folder: Path) -> list[str]:
    """Declared outputs of the training that are there, but not whole."""
    models, torn = folder / "models/first", []
    with suppress(FileNotFoundError):
        tensors, _ = load_tensors(models / "last.safetensors")
        torn += ["last" for tensor in tensors.values() if not tensor.isfinite().all()]
    with suppress(FileNotFoundError):
        if pd.read_csv(models / "history.csv")["epoch"].tolist() != list(range(1, EPOCHS + 1)):
            torn.append("history.csv")
    if (models / "samples").exists():
        images = sorted(path for path in (models / "samples").iterdir() if not path.name.startswith("."))
        if [image.name for image in images] != [f"epoch_{epoch:04d}.png" for epoch in range(1, EPOCHS + 1)]:
            torn.append("samples/")
        assert all(read_image(image).size for image in images)
    if (models / "kept").exists():
        kept = sorted(path.name for path in (models / "kept").glob("*.safetensors"))
        if kept != (models / "kept/index.txt").read_text(encoding="utf-8").split():
            torn.append("kept/")
    return torn


# ---- download and prepare --------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_killed_data_are_absent_or_whole_and_no_worker_lingers(soak: Soak, tmp_path: Path) -> None:
    """The command is always that of `prepare`, which calls `download` first."""
    houses, seconds = TINY["datasets"]["houses"], 0.3 if soak.full else 0.1  # in which two workers make many images
    houses = houses | {"download": houses["download"] | {"train": 400 if soak.full else 150}}
    folder = clone(tmp_path / "killed", ONE | {"datasets": {"houses": houses}})
    straight = _straight_data(Path(shutil.copytree(folder, tmp_path / "straight", symlinks=True)))
    chance, engines = random.Random(5), cycle(ENGINES)
    for verb, out in (("download", Path("data/raw/houses")), ("prepare", Path("data/pairs/houses"))):
        before_it = Path(shutil.copytree(folder, tmp_path / f"before_{verb}", symlinks=True))
        wanted, kills = soak.rounds(1, 20), Counter[str]()
        while kills.total() < wanted or not kills["working"]:
            assert kills.total() < 2 * wanted + 20, kills
            early = soak.full and kills.total() % 5 == 4
            work = f"{out.parent}/.houses.partial/train/*"
            aim = ("nothing", chance.uniform(0, 3)) if early else (work, chance.uniform(0, seconds))
            moment = _kill_data(folder, next(engines), (verb, out), aim, straight)
            if moment:
                kills[moment] += 1
            else:  # it ended before its kill
                shutil.rmtree(folder)
                shutil.copytree(before_it, folder, symlinks=True)
        if verb == "download" and soak.full:
            call(folder, *engine_of("download@houses", next(engines)))
        soak.counts |= {f"kills of {verb}": kills.total(), f"{verb} at work": kills["working"]}
    call(folder, *engine_of("prepare@houses", ENGINES[0]))
    assert digests(folder / "data") == straight
    assert not list(folder.glob("data/*/.*.partial"))
    assert "up to date" in call(folder, "dvc", "status", "prepare@houses")


def _straight_data(folder: Path) -> dict[str, str]:
    """The files of undisturbed verbs, by no engine."""
    for verb in ("download", "prepare"):
        subprocess.run([sys.executable, "-m", f"stages.{verb}", "houses"], cwd=folder, check=True, capture_output=True)
    return digests(folder / "data")


def _kill_data(
    folder: Path, engine: list[str], stage: tuple[str, Path], aim: tuple[str, float], straight: dict[str, str]
) -> str | None:
    """Kill a verb, which makes `out`, beneath `engine` as it starts, or while it writes images."""
    verb, out = stage
    work = out.with_name(".houses.partial") / "train/*"
    whole = {name: digest for name, digest in straight.items() if name.startswith(f"{out.relative_to('data')}/")}
    before = marks_of(folder, str(work))

    def torn() -> list[str]:
        there = digests(folder / out) if (folder / out).exists() else {}
        as_whole = {f"{out.relative_to('data')}/{name}": digest for name, digest in there.items()} == whole
        return [] if not there or as_whole else [str(out)]

    def look() -> str:
        assert not torn()
        return "working" if marks_of(folder, str(work)).items() - before.items() else "starting"

    with watched(torn) as watcher:
        return kill(folder, engine, ("prepare@houses", verb), aim, look, watcher)


# ---- the engines -----------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_killed_engine_leaves_an_orphan_that_nothing_disturbs(
    soak: Soak, tmp_path: Path, prepared: Path, straight: dict[str, str]
) -> None:
    """The orphan is killed, or ends; what it has trained is not trained again, even where no engine recorded it."""
    chance = random.Random(6)
    counts: Counter[str] = Counter()
    for i in range(soak.rounds(1, 10)):
        engine, ends = ENGINES[i % 2], i // 2 % 2 == 0
        folder = Path(shutil.copytree(prepared, tmp_path / "orphaned", symlinks=True))
        process = start(folder, *engine_of("train@first", engine))
        orphan = process_of("train", process)
        assert orphan
        beneath = [p for p in psutil.Process(process.pid).children(recursive=True) if p != orphan]
        wait_for(folder, (MOMENTS["step"][0], chance.uniform(0, 0.3)), {}, partial(alive, orphan))
        process.kill()
        process.wait()
        orphan.suspend()  # or it might end first
        assert alive(orphan)
        assert _refused(folder, engine), said(folder)
        orphan.resume()
        for p in [] if ends else [*beneath, orphan]:
            p.kill()
        psutil.wait_procs([*beneath, orphan], timeout=120)
        assert not alive(orphan)

        _unlock(folder, engine)
        finish = start(folder, *engine_of("train@first", engine))
        assert finish.wait() == 0, said(folder)
        assert digests(folder / "models/first") == straight
        assert "up to date" in call(folder, "dvc", "status", "train@first")
        if ends and engine[0] == "dvc":
            assert "was trained before" in said(folder)
        shutil.rmtree(folder)
        counts["orphans that ended" if ends else "orphans killed"] += 1
    soak.counts |= {"kills": counts.total(), "restarts refused": counts.total(), **counts}


def _refused(folder: Path, engine: list[str]) -> bool:
    """Whether the engine's command, called again by the book, is refused by a line that says why."""
    _unlock(folder, engine)
    process = start(folder, *engine_of("train@first", engine))
    return process.wait() != 0 and any(line in said(folder) for line in BUSY)


def _unlock(folder: Path, engine: list[str]) -> None:
    """The README: "If Snakemake itself was killed, say `snakemake --unlock` first"."""
    if engine[0] == "snakemake":
        call(folder, "snakemake", "--unlock")
