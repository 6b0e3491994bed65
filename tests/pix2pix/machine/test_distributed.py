"""Laws of processes that train together: the whole batch, whoever holds which part; and they begin and end as one."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor

from pix2pix.config.configuration import Configuration
from pix2pix.files.json_csv import read_json
from pix2pix.machine import distributed as parallel
from pix2pix.machine.process_group import asked_for, launch, processes_for
from pix2pix.networks.build import build_generator
from pix2pix.networks.counter_rng import seed_of
from pix2pix.networks.layers import initialise
from pix2pix.networks.weights import load_tensors, network_tensors
from pix2pix.training.validation import BATCH
from stages.train import main, train
from tests.support.distributed_worker import CASES, batch, step
from tests.support.repository import REPO
from tests.support.tiny import make_pairs

ENVIRONMENT = {
    "PYTHONPATH": str(REPO),
    "PIX2PIX_DEVICE": "cpu",
    "PIX2PIX_THREADS": "1",
    "PIX2PIX_PRECISION": "fp32",
}

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
    launch("tests.support.distributed_worker", "gradients", str(out), count=2)
    return out


def apart(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("case", CASES)
def test_gradients_and_losses_are_those_of_one_process_with_the_whole_batch(case: str, of_two: Path) -> None:
    alone = step(case, *batch())
    first, second = (load_file(of_two / f"{case}_{rank}") for rank in (0, 1))
    for name, wanted in alone.items():
        assert apart(first[name], wanted) < ROUNDING, name
        assert torch.equal(first[name], second[name]), name


# ---- a training ------------------------------------------------------------------------------------------------------


def results() -> tuple[pd.DataFrame, Tensor]:
    """Losses, and all weights as one vector."""
    return pd.read_csv("models/first/history.csv"), flat(load_tensors(Path("models/first/last.safetensors"))[0])


def flat(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


@pytest.fixture
def _nobody_left() -> Iterator[None]:
    """No process of a training outlives it; other tests' servers and pools may be about."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert not set(psutil.Process().children(recursive=True)) - before


@pytest.mark.usefixtures("_nobody_left")
def test_another_number_of_processes_continues_a_run(
    tiny_repo: Path, configuration: Configuration, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two, until one is killed; then one, killed; then two, to the weights of one that was never disturbed."""
    shutil.rmtree("data")
    make_pairs(Path("data/pairs/houses"), {"train": 8, "val": BATCH + 1})  # so that both have some of them
    train(configuration.experiment("first"))
    losses, weights = results()
    network = build_generator(configuration.experiment("first").model, size=64)
    initialise(network, seed_of("generator", 0))
    start = flat(network_tensors("generator", network))
    shutil.rmtree("scratch")
    capfd.readouterr()

    with pytest.raises(ChildProcessError, match="ended by signal 9; the same command continues"):
        launch("tests.support.distributed_worker", "killed", "5", count=2)
    alone = subprocess.run([sys.executable, "-m", "tests.support.distributed_worker", "killed", "8"], check=False)
    assert alone.returncode == -signal.SIGKILL
    monkeypatch.setenv("PIX2PIX_PROCESSES", "3")
    monkeypatch.setattr(sys, "argv", ["train", "first"])
    main()

    found = results()
    assert (found[0] - losses).abs().to_numpy().max() < 0.001
    assert (found[1] - weights).norm() / (weights - start).norm() < TRAINED
    said, errors = capfd.readouterr()
    devices = "first: 2 devices, on each 1 of a batch's 2 images"
    assert [re.sub(r"(?<=at step )\d+$", "", line) for line in said.splitlines()] == [
        devices,
        "continuing first at step ",
        "first: 2 of 3 processes, since they share its batch_size 2 equally",
        devices,
        "continuing first at step ",
    ]
    after_two, after_one = map(int, re.findall(r"at step (\d+)", said))
    assert 4 <= after_two <= 5  # the kill may come while the fifth is being saved
    assert after_one == 8
    assert "Traceback" not in errors
    record = read_json(Path("logs/records/first.json"), dict[str, object])
    assert (record["processes"], record["batch_per_device"]) == (2, 1)


def test_only_as_many_processes_as_share_a_batch_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIX2PIX_PROCESSES", "7")
    for batch_size, count in ((1, 1), (2, 2), (6, 6), (8, 4), (21, 7)):
        assert processes_for("first", batch_size=batch_size) == count


@pytest.mark.parametrize(("gpus", "count"), [(0, 4), (1, 1), (2, 2), (3, 2), (4, 4)])
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


@pytest.mark.parametrize("text", ["", "0", "-1", "two", "²", "1.5"])
def test_a_wrong_number_of_processes_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PIX2PIX_PROCESSES", text)
    with pytest.raises(ValueError, match=f"^PIX2PIX_PROCESSES={text}: must be a number from 1 on$"):
        asked_for()


def test_only_a_started_process_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIX2PIX_PROCESSES", "2")
    monkeypatch.setenv("WORLD_SIZE", "1")  # alone it is an image's habit
    assert asked_for() == 2
    monkeypatch.setenv("RANK", "0")
    assert asked_for() == 1


def test_torchrun_trains_the_same_bits(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIX2PIX_PROCESSES", "2")
    monkeypatch.setattr(sys, "argv", ["train", "first"])
    main()
    files = [Path("models/first", name) for name in ("last.safetensors", "history.csv")]
    wanted = [file.read_bytes() for file in files]
    shutil.rmtree("scratch")
    shutil.rmtree("models")
    words = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "stages.train", "first"]
    done = subprocess.run([sys.executable, "-m", *words], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "first: 2 devices, on each 1 of a batch's 2 images" in done.stdout.splitlines()
    assert [file.read_bytes() for file in files] == wanted


def test_without_processes_in_torch_one_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dist, "is_available", lambda: False)
    monkeypatch.delattr(dist, "is_initialized")
    assert (parallel.processes(), parallel.rank(), parallel.is_first()) == (1, 0, True)


# ---- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_nobody_left")
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
        launch("tests.support.distributed_worker", program, count=2)
    assert end.value.code == 1
    assert capfd.readouterr().err == f"error: {says}\n"


def test_a_process_that_is_gone_is_told_to_one_without_a_launcher() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    first, second = (
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.distributed_worker", "gone"],
            env=environment | {"RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
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


GLOO = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:545] "


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (dist.DistBackendError("NCCL"), True),
        (dist.DistNetworkError("no answer"), True),
        (dist.DistStoreError("no answer"), True),
        (RuntimeError(GLOO + "Connection closed by peer [127.0.0.1]:80"), True),
        (RuntimeError(GLOO + "Read error [127.0.0.1]:80: Connection reset by peer."), True),
        (RuntimeError(GLOO + "writev [127.0.0.1]:80: Broken pipe"), True),
        (RuntimeError(GLOO + "Timed out waiting 3000ms for recv operation to complete"), True),
        (RuntimeError("[enforce fail at pair.cc:446] op.preamble.length <= op.nbytes. 8 vs 4"), False),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), False),
    ],
)
def test_what_goes_wrong_in_an_exchange_is_the_loss_of_another_only_where_it_is(
    error: RuntimeError, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Tensor) -> None:
        raise error

    monkeypatch.setattr(parallel, "processes", lambda: 2)
    monkeypatch.setattr(dist, "all_reduce", fails)
    says = "^a process of this training is gone; the same command continues$"
    with pytest.raises(ConnectionError, match=says) if lost else pytest.raises(type(error)) as raised:
        parallel.total(torch.ones(1))
    assert error in (raised.value, raised.value.__cause__)


def test_processes_end_with_their_launcher(tmp_path: Path) -> None:
    words = f"'tests.support.distributed_worker', 'waits', '{tmp_path}', count=2"
    command = f"from pix2pix.machine.process_group import launch; launch({words})"
    launcher = subprocess.Popen([sys.executable, "-c", command])
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2:
            assert launcher.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        workers = [psutil.Process(int(path.name)) for path in tmp_path.iterdir()]
    finally:
        launcher.kill()
        launcher.wait()
    _, left = psutil.wait_procs(workers, timeout=10)
    assert not left
