"""Laws of processes that train together: how many begin, that another number of them goes on, and how they end."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import torch
from torch import Tensor

from pix2pix.config.configuration import Configuration
from pix2pix.files.json_csv import read_json
from pix2pix.machine.process_group import asked_for, launch, processes_for
from pix2pix.networks.build import build_generator
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.layers import initialise
from pix2pix.networks.weights import load_tensors, network_tensors
from pix2pix.training.validation import BATCH
from stages.train import main, train
from tests.support.distributed_worker import differs, fails, killed
from tests.support.repository import REPO
from tests.support.tiny import make_pairs

WORKER = [sys.executable, "-m", "tests.support.distributed_worker"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TRAINED = 0.1  # of the way that twelve steps of Adam go, by the Euclidean norm; two threads instead of one: 0.033


@pytest.fixture(scope="module", autouse=True)
def _small_processes() -> Iterator[None]:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPO))
        for name, value in (("DEVICE", "cpu"), ("THREADS", "1"), ("PRECISION", "fp32")):
            patch.setenv(f"PIX2PIX_{name}", value)
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def nobody_left() -> Iterator[None]:
    """No process of a training outlives it; other tests' servers and pools may be about."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = set(psutil.Process().children(recursive=True)) - before
    assert not [process for process in left if "resource_tracker" not in " ".join(process.cmdline())]


@pytest.mark.parametrize(("batch_size", "count"), [(1, 1), (8, 4), (21, 7)])
def test_only_as_many_processes_as_share_a_batch_are_started(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, count: int
) -> None:
    monkeypatch.setenv("PIX2PIX_PROCESSES", "7")
    assert processes_for("first", batch_size=batch_size) == count


@pytest.mark.parametrize(("gpus", "count"), [(0, 4), (3, 2), (4, 4)])
def test_on_gpus_at_most_one_process_for_each_visible_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], gpus: int, count: int
) -> None:
    monkeypatch.setenv("PIX2PIX_PROCESSES", "4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    for device, wanted in (("cpu", 4), ("cuda", count), (None, count)):
        if device is None:
            monkeypatch.delenv("PIX2PIX_DEVICE")
        else:
            monkeypatch.setenv("PIX2PIX_DEVICE", device)
        assert processes_for("first", batch_size=4) == wanted
        shared = f"first: {wanted} of 4 processes, since they share its batch_size 4 equally"
        said = f"{shared} and this machine shows {gpus} CUDA GPUs\n"
        assert capsys.readouterr().out == (said if wanted < 4 else "")


@pytest.mark.parametrize("text", ["", "0", "²"])
def test_a_wrong_number_of_processes_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PIX2PIX_PROCESSES", text)
    with pytest.raises(ValueError, match=f"^PIX2PIX_PROCESSES={text}: must be a number from 1 on$"):
        asked_for()


def test_only_a_started_process_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIX2PIX_PROCESSES", "WORLD_SIZE", "RANK"):
        monkeypatch.setenv(name, "2")
    assert asked_for() == 1


def results() -> tuple[pd.DataFrame, Tensor]:
    """Losses, and all weights as one vector."""
    return pd.read_csv("models/first/history.csv"), flat(load_tensors(Path("models/first/last.safetensors"))[0])


def flat(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


@pytest.mark.usefixtures("nobody_left")
def test_another_number_of_processes_continues_a_run(
    tiny_repo: Path, configuration: Configuration, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two, one, two of torchrun, each until one is killed; then two, to the weights of one that was never disturbed."""
    shutil.rmtree("data")
    make_pairs(Path("data/pairs/houses"), {"train": 8, "val": BATCH + 1})  # so that both have some of them
    first = configuration.experiment("first")
    train(first)
    losses, weights = results()
    network = build_generator(first.model, size=64)
    initialise(network, seed_of("generator", 0))
    start = flat(network_tensors("generator", network))
    shutil.rmtree("scratch")
    capfd.readouterr()

    with pytest.raises(ChildProcessError, match="ended by SIGKILL; the same command continues"):
        launch(killed, 3, count=2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        killed(6, patch, end=KeyboardInterrupt)
    subprocess.run([*TORCHRUN, *WORKER[1:], "killed", "9"], check=False, stderr=subprocess.DEVNULL, timeout=120)
    monkeypatch.setenv("PIX2PIX_PROCESSES", "3")
    monkeypatch.setattr(sys, "argv", ["train", "first"])
    main()

    found = results()
    assert (found[0] - losses).abs().to_numpy().max() < 0.001
    assert (found[1] - weights).norm() / (weights - start).norm() < TRAINED
    said, errors = capfd.readouterr()
    devices = "first: 2 devices, on each 1 of a batch's 2 images"
    assert [re.sub(r"(?<=at step )\d+$|(?<=validation L1 )[\d.]+$", "", line) for line in said.splitlines()] == [
        devices,
        "continuing first at step ",
        devices,
        "continuing first at step ",
        "first: 2 of 3 processes, since they share its batch_size 2 equally",
        devices,
        "continuing first at step ",
        "models/first: the weights of epoch 3; validation L1 ",
    ]
    after_two, after_one, after_torchrun = map(int, re.findall(r"at step (\d+)", said))
    assert 2 <= after_two <= 3 and after_one == 6 and 8 <= after_torchrun <= 9  # a kill may come while a step is saved
    assert "Traceback" not in errors
    record = read_json(Path("logs/records/first.json"), dict[str, Any])
    assert (record["processes"], record["batch_per_device"]) == (2, 1)


@pytest.mark.usefixtures("nobody_left")
@pytest.mark.parametrize(
    ("work", "says"),
    [
        (fails, "batch_size 3 cannot be shared equally by 2 processes; start as many as divide it"),
        (differs, "they are two"),
    ],
)
def test_an_error_of_one_or_of_all_ends_all_and_is_said_once(
    work: Callable[[None], None], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        launch(work, None, count=2)
    assert end.value.code == 1
    assert capfd.readouterr().err == f"error: {says}\n"


def test_a_process_that_is_gone_is_told_to_one_without_a_launcher() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    first, second = (
        subprocess.Popen([*WORKER, "gone"], env=environment | {"RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in ("0", "1")
    )
    try:
        errors = first.communicate(timeout=60)[1]
        assert second.wait(timeout=60) == -signal.SIGKILL
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()
    assert first.returncode == 1
    assert errors == "error: a process of this training is gone; the same command continues\n"


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_their_launcher(tmp_path: Path, ended_by: signal.Signals) -> None:
    program = f"""
from pathlib import Path
from pix2pix.files.entry_point import run
from pix2pix.machine.process_group import launch
from tests.support.distributed_worker import waits
run(lambda: launch(waits, Path({str(tmp_path)!r}), count=2))
"""
    launcher = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2:
            assert launcher.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        workers = [psutil.Process(int(path.name)) for path in tmp_path.iterdir()]
        launcher.send_signal(ended_by)
        said = launcher.communicate(timeout=60)[1]
    finally:
        launcher.kill()
        launcher.wait()
    _, left = psutil.wait_procs(workers, timeout=10)
    assert not left
    if ended_by == signal.SIGINT:
        assert said == "stopped; the same command continues\n"
