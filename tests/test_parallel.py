"""Laws of processes that train together: the whole batch, whoever holds which part; and they begin and end as one."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from torch import Tensor

from stages.params import Params
from stages.pix2pix.checkpoints import load_tensors, network_tensors
from stages.pix2pix.generators import build_generator
from stages.pix2pix.interfaces import read_object
from stages.pix2pix.launcher import asked_for, launch
from stages.pix2pix.networks import initialise
from stages.train import VALIDATION_BATCH, main, processes_for, train
from tests.conftest import TINY, make_pairs
from tests.ranks import BATCH, CASES, NORMS, batch, step

REPO = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    "PYTHONPATH": str(REPO),
    "PIX2PIX_DEVICE": "cpu",
    "PIX2PIX_THREADS": "1",
    "PIX2PIX_PRECISION": "fp32",
}
HALVES = (slice(0, BATCH // 2), slice(BATCH // 2, BATCH))

# Relative distances, by the Euclidean norm
ROUNDING = 1e-5  # of gradients
TRAINED = 0.1  # of the way that twelve steps of Adam go; two threads instead of one: 0.033


@pytest.fixture(scope="module", autouse=True)
def _small_processes() -> Iterator[None]:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield
    torch.set_num_threads(threads)


# ---- the whole batch -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Losses and gradients that each of two processes found."""
    out = tmp_path_factory.mktemp("ranks")
    launch("tests.ranks", "gradients", str(out), count=2)
    return out


def apart(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("case", CASES)
def test_gradients_and_losses_are_those_of_one_process_with_the_whole_batch(case: str, norm: str, of_two: Path) -> None:
    alone = step(CASES[case](norm), *batch())
    first, second = (load_tensors(of_two / f"{case}_{norm}_{rank}")[0] for rank in (0, 1))
    for name, wanted in alone.items():
        assert apart(first[name], wanted) < ROUNDING, name
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize("case", CASES)
def test_statistics_of_each_part_alone_would_be_another_training(case: str) -> None:
    """Of the norm "batch", so its statistics are exchanged; "instance" has those of each image, wherever it is."""
    for norm, same in (("instance", True), ("batch", False)):
        alone = step(CASES[case](norm), *batch())["gradients"]
        halves = [step(CASES[case](norm), *(values[part] for values in batch()))["gradients"] for part in HALVES]
        assert (apart((halves[0] + halves[1]) / 2, alone) < ROUNDING) == same


# ---- a training ------------------------------------------------------------------------------------------------------


def results() -> tuple[pd.DataFrame, Tensor]:
    """Losses, and all weights as one vector."""
    return pd.read_csv("models/first/history.csv"), flat(load_tensors(Path("models/first/last.safetensors"))[0])


def flat(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


def test_another_number_of_processes_continues_a_run(
    tiny_repo: Path, params: Params, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two, until one is killed; then one, killed; then two, to the weights of one that was never disturbed."""
    shutil.rmtree("data")
    make_pairs(Path("data/pairs/houses"), {"train": 8, "val": VALIDATION_BATCH + 1})  # so that both have some of them
    train("first", params)
    losses, weights = results()
    network = build_generator(TINY["models"]["tiny"], size=64)
    initialise(network, 0)
    start = flat(network_tensors("generator", network))
    shutil.rmtree("scratch")
    capfd.readouterr()

    with pytest.raises(ChildProcessError, match="ended by signal 9; the same command continues"):
        launch("tests.ranks", "killed", "5", count=2)
    assert not psutil.Process().children(recursive=True)
    alone = subprocess.run([sys.executable, "-m", "tests.ranks", "killed", "8"], check=False)
    assert alone.returncode == -signal.SIGKILL
    monkeypatch.setenv("PIX2PIX_PROCESSES", "3")
    monkeypatch.setattr(sys, "argv", ["train", "first"])
    main()

    found = results()
    assert (found[0] - losses).abs().to_numpy().max() < 0.001
    assert (found[1] - weights).norm() / (weights - start).norm() < TRAINED
    said, errors = capfd.readouterr()
    devices = "first: 2 devices, on each 1 of a batch's 2 images"
    assert [line.rstrip("0123456789") for line in said.splitlines()] == [
        devices,
        "continuing first at step ",
        "first: 2 of 3 processes, since they share its batch_size 2 equally",
        devices,
        "continuing first at step ",
    ]
    assert "Traceback" not in errors
    record = read_object(Path("logs/records/first.json"), {})
    assert (record["processes"], record["batch_per_device"]) == (2, 1)


def test_only_as_many_processes_as_share_a_batch_are_started(
    tiny_repo: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIX2PIX_PROCESSES", "7")
    for batch_size, count in ((1, 1), (2, 2), (6, 6), (8, 4), (21, 7)):
        changed = Params.model_validate(
            TINY | {"recipes": {"quick": TINY["recipes"]["quick"] | {"batch_size": batch_size}}}
        )
        assert processes_for("first", changed) == count
    assert processes_for("first_mean", params) == 1


@pytest.mark.parametrize("text", ["", "0", "-1", "two", "²", "1.5"])
def test_a_wrong_number_of_processes_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PIX2PIX_PROCESSES", text)
    with pytest.raises(ValueError, match=f"^PIX2PIX_PROCESSES={text}: must be a number from 1 on$"):
        asked_for()


# ---- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("fails", "batch_size 3 cannot be shared equally by 2 processes; start as many as divide it"),
        ("differs", "they are two"),
    ],
)
def test_an_error_of_one_or_of_all_ends_all_and_is_said_once(
    program: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        launch("tests.ranks", program, count=2)
    assert end.value.code == 1
    assert capfd.readouterr().err == f"error: {says}\n"
    assert not psutil.Process().children(recursive=True)


def test_processes_end_with_their_launcher(tmp_path: Path) -> None:
    command = f"from stages.pix2pix.launcher import launch; launch('tests.ranks', 'waits', '{tmp_path}', count=2)"
    launcher = subprocess.Popen([sys.executable, "-c", command])
    while len(list(tmp_path.iterdir())) < 2:
        assert launcher.poll() is None
        time.sleep(0.02)
    workers = [psutil.Process(int(path.name)) for path in tmp_path.iterdir()]
    launcher.kill()
    _, left = psutil.wait_procs(workers, timeout=10)
    assert not left
    launcher.wait()
