"""Laws of GPUs: no two jobs share one, by itself and under Snakemake, here over GPUs that are only named."""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.clones import call
from tests.support.repository import REPO
from tests.support.tiny import ONE, TINY, write_configuration

# fails where another job has the same GPU
ALONE = """
import os, pathlib, time
mine = pathlib.Path(os.environ["CUDA_VISIBLE_DEVICES"])
mine.touch(exist_ok=False)
{work}
mine.unlink()
"""
# in place of training, for a DVC stage: until another is waiting
UNTIL_ANOTHER_WAITS = """
end = time.monotonic() + 60
while not any("waiting for" in log.read_text() for log in pathlib.Path("logs").glob("*.log")):
    assert time.monotonic() < end
    time.sleep(0.1)
"""
LEAVE_OUTPUTS = """
import sys
out = pathlib.Path("models", sys.argv[1])
for name in ("last.safetensors", "history.csv", "samples/1", "kept/1"):
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).touch()
"""
OURS = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)  # the same in each worker of one run
FIRST, OTHER = f"GPU-{OURS}-1", f"GPU-{OURS}-2"
PRINT = (sys.executable, "-c", "import os; print('sees', os.environ.get('CUDA_VISIBLE_DEVICES'))")


@pytest.fixture(autouse=True)
def _own_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two names that no other test has, since locks are for all users. No real GPU is asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{FIRST},{OTHER}")
    for name in ("PIX2PIX_DEVICE", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    list_gpus(tmp_path, monkeypatch, "exit 1")
    yield
    for file in Path("/tmp").glob(f"pix2pix-gpu-GPU-{OURS}-*.lock"):
        file.unlink()


def list_gpus(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A nvidia-smi of our own."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin/nvidia-smi").write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (folder / "bin/nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")


def job(*command: str) -> subprocess.Popen[str]:
    """A command on a GPU of its own."""
    gpu_lock = [sys.executable, "-m", "workflow.gpu_lock", *command]
    return subprocess.Popen(gpu_lock, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def said(process: subprocess.Popen[str]) -> str:
    """What a job has printed, once it has ended well."""
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    return output


@contextmanager
def held(gpu: str) -> Iterator[subprocess.Popen[str]]:
    """A job that holds a GPU until it is killed."""
    holder = job("sleep", "60")
    assert holder.stdout is not None and holder.stdout.readline() == f"on GPU {gpu}\n"
    yield holder
    holder.kill()
    holder.communicate()


def test_four_jobs_over_two_gpus_never_share_one() -> None:
    started = [job(sys.executable, "-c", ALONE.format(work="time.sleep(0.5)")) for _ in range(4)]
    outputs = [said(process) for process in started]
    assert {output.splitlines()[-1] for output in outputs} == {f"on GPU {FIRST}", f"on GPU {OTHER}"}
    assert f"waiting for a free GPU of {FIRST}, {OTHER}" in "".join(outputs)


def test_a_killed_job_gives_its_gpu_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", FIRST)
    with held(FIRST):
        waiter = job(*PRINT)
        assert waiter.stdout is not None and waiter.stdout.readline() == f"waiting for a free GPU of {FIRST}\n"
        time.sleep(1)
        assert waiter.poll() is None
    assert said(waiter) == f"on GPU {FIRST}\nsees {FIRST}\n"


@pytest.mark.parametrize(
    ("variable", "value", "sees"),
    [
        ("CUDA_VISIBLE_DEVICES", "", ""),
        ("CUDA_VISIBLE_DEVICES", "-1", "-1"),
        ("PIX2PIX_DEVICE", "cuda:1", f"{FIRST},{OTHER}"),
    ],
)
def test_no_gpu_or_a_named_device_leaves_the_command_as_it_is(
    variable: str, value: str, sees: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert said(job(*PRINT)) == f"sees {sees}\n"


def test_a_number_and_a_uuid_can_be_the_same_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list_gpus(tmp_path, monkeypatch, f"printf '0, {FIRST}\\n1, {OTHER}\\n'")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    with held(FIRST):
        assert said(job(*PRINT)) == f"on GPU {OTHER}\nsees {OTHER}\n"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        assert said(job(*PRINT)) == "on GPU 1\nsees 1\n"


def test_the_gpu_of_a_slurm_job_is_lent_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job may call its own one 0."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", FIRST)
    with held(FIRST):
        monkeypatch.setenv("SLURM_JOB_ID", "7")
        assert said(job(*PRINT)) == f"on GPU {FIRST}\nsees {FIRST}\n"


def test_a_command_that_is_not_there_is_named() -> None:
    process = job("nonsense")
    assert process.communicate()[0].splitlines()[-1] == "error: nonsense: No such file or directory"
    assert process.returncode == 1


def test_snakemake_gives_each_training_a_gpu_of_its_own(by_dvc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pairs that are prepared already."""
    monkeypatch.delenv("PYTHONPATH")
    means = {f"mean{i}": TINY["experiments"]["first_mean"] for i in range(3)}
    folder = Path(shutil.copytree(by_dvc, "clone", symlinks=True))
    write_configuration(ONE | {"experiments": means}, folder)
    (folder / "stages/train.py").write_text(ALONE.format(work=UNTIL_ANOTHER_WAITS) + LEAVE_OUTPUTS, encoding="utf-8")
    said = call(folder, "snakemake", "--cores", "2", "fingerprint")
    assert 'Provided resources: gpu=Resource("gpu", 2)' in said
    call(folder, "snakemake", "--cores", "12", "--resources", "gpu=3", "--", *(f"train_{mean}" for mean in means))
    logs = [(folder / f"logs/train_{mean}.log").read_text(encoding="utf-8") for mean in means]
    assert any(log.startswith(f"waiting for a free GPU of {FIRST}, {OTHER}\n") for log in logs)
    assert {log.split("on GPU ")[1].split("\n")[0] for log in logs} == {FIRST, OTHER}
