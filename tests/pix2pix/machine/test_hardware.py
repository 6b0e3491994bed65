"""Laws of the machine's settings: the environment chooses, a wrong word is named, and nothing of it is guessed."""

import os
from collections.abc import Iterator

import pytest
import torch
from torch.backends import cudnn
from torch.backends.cuda import matmul

from pix2pix.machine import hardware as module
from pix2pix.machine.hardware import use_hardware
from pix2pix.machine.resources import usable_cores

GPUS = torch.cuda.device_count()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(("PIX2PIX_", "LOCAL_"))]:
        monkeypatch.delenv(name)
    threads, flags = torch.get_num_threads(), (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32)
    yield
    torch.set_num_threads(threads)
    cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32 = flags


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DEVICE", "tpu9", "must be cpu, cuda or cuda:N"),
        ("DEVICE", "cuda:x", "must be cpu, cuda or cuda:N"),
        ("DEVICE", f"cuda:{GPUS}", f"this machine shows {GPUS} CUDA GPUs"),
        ("PRECISION", "fp16", "must be bf16 or fp32"),
        ("PAIRS", "ram", "must be memory, disk or auto"),
        ("THREADS", str(usable_cores() + 1), f"must be a number from 1 to the usable cores, {usable_cores()}"),
        ("THREADS", "²", "must be a number"),
        ("THREADS", "", "must be a number"),
    ],
)
def test_a_wrong_word_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(f"PIX2PIX_{name}", value)
    with pytest.raises(ValueError, match=f"^PIX2PIX_{name}={value}: {says}"):
        use_hardware()


@pytest.mark.parametrize("threads", sorted({1, usable_cores()}))
@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_what_is_asked_for_is_used(
    monkeypatch: pytest.MonkeyPatch, threads: int, precision: str, dtype: torch.dtype
) -> None:
    for name, value in (("DEVICE", "cpu"), ("THREADS", str(threads)), ("PRECISION", precision)):
        monkeypatch.setenv(f"PIX2PIX_{name}", value)
    hardware = use_hardware()
    assert (hardware.device, hardware.threads, hardware.precision) == (torch.device("cpu"), threads, precision)
    assert torch.get_num_threads() == threads
    with hardware.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
    said = hardware.describe()
    assert (said["threads"], said["precision"], said["torch"]) == (threads, precision, torch.__version__)
    assert str(said["device"]).endswith(f", {usable_cores()} cores")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("training", [True, False])
def test_on_cuda_fp32_is_true_and_inference_deterministic(
    monkeypatch: pytest.MonkeyPatch, training: bool, precision: str
) -> None:
    """TF32 has three decimal digits; an algorithm that is chosen by its time is another on another day."""
    monkeypatch.setenv("PIX2PIX_PRECISION", precision)
    on_gpu = use_hardware(training=training).device.type == "cuda"
    assert cudnn.allow_tf32 == matmul.allow_tf32 == (on_gpu and training and precision == "bf16")
    assert (cudnn.benchmark, cudnn.deterministic) == (training, not training)


def test_a_small_training_takes_one_thread_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """So its bits do not depend on how many cores there are."""
    monkeypatch.setattr(module, "usable_cores", lambda: 8)
    assert use_hardware(training=True, small=True).threads == torch.get_num_threads() == 1
    assert use_hardware(training=True).threads == 8
    monkeypatch.setenv("PIX2PIX_THREADS", "3")
    assert use_hardware(training=True, small=True).threads == 3


def test_all_usable_cores_are_used_whatever_omp_num_threads_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count changes last bits; Snakemake sets the variable to a rule's threads, DVC does not."""
    monkeypatch.setenv("OMP_NUM_THREADS", str(usable_cores() + 1))
    torch.set_num_threads(usable_cores() + 1)  # as torch does when it is loaded
    assert use_hardware().threads == torch.get_num_threads() == usable_cores()


def test_processes_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    most = max(1, usable_cores() // 2)
    monkeypatch.setenv("PIX2PIX_DEVICE", "cpu")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert use_hardware().threads == torch.get_num_threads() == most
    monkeypatch.setenv("PIX2PIX_THREADS", str(most + 1))
    with pytest.raises(ValueError, match=f"from 1 to the usable cores, {most} for each of 2 processes$"):
        use_hardware()


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ("cuda:0", f"{GPUS + 2} processes need a GPU each; say cuda"),
        ("cuda", f"this machine shows {GPUS} CUDA GPUs, {GPUS + 2} processes need a GPU each"),
    ],
)
def test_processes_without_a_gpu_each_are_refused(monkeypatch: pytest.MonkeyPatch, device: str, says: str) -> None:
    for name, value in (("PIX2PIX_DEVICE", device), ("LOCAL_RANK", str(GPUS + 1)), ("LOCAL_WORLD_SIZE", str(GPUS + 2))):
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"^PIX2PIX_DEVICE={device}: {says}$"):
        use_hardware()


@pytest.mark.skipif(not GPUS, reason="needs a CUDA GPU")
def test_a_gpu_is_chosen_by_itself_and_named() -> None:
    hardware = use_hardware()
    assert hardware.device.type == "cuda"
    assert hardware.precision == ("bf16" if torch.cuda.get_device_capability() >= (8, 0) else "fp32")
    assert hardware.describe()["device"] == torch.cuda.get_device_name()
