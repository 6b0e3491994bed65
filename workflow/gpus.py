"""Run a command on a GPU that no other job of this machine has: python -m workflow.gpus COMMAND...

Which GPUs there are to lend: those of CUDA_VISIBLE_DEVICES (a cluster's allotment, or a person's), else all that
nvidia-smi lists. Where there is none, or PIX2PIX_DEVICE names the device, the command runs as it is. A GPU is taken by
a lock on a file of this machine, whoever asks. The command's own process holds it, so the kernel gives it back when it
ends, however it ends; what the command has started and left behind holds nothing.
"""

import argparse
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.5


def lent_gpus() -> list[str]:
    """The GPUs of which a job here gets one, as CUDA_VISIBLE_DEVICES names them: by number or by UUID."""
    if os.environ.get("PIX2PIX_DEVICE", "cuda") != "cuda":
        return []
    named, uuids = os.environ.get("CUDA_VISIBLE_DEVICES"), _uuids()
    if named is None:
        return list(uuids.values())
    gpus: list[str] = []
    for gpu in map(str.strip, named.split(",")):
        listed = not uuids or gpu in uuids or any(uuid.startswith(gpu) for uuid in uuids.values())
        if not (gpu.isdecimal() and listed) and not (gpu.startswith("GPU-") and listed) and not gpu.startswith("MIG-"):
            break  # CUDA, too, stops at the first name that is none: "" and "-1" are no GPU at all
        gpus += [gpu] if gpu not in gpus else []
    return gpus


def take_gpu(gpus: list[str], *, folder: Path) -> tuple[str, int]:
    """One of `gpus`, once it is free, and the descriptor of its lock in `folder`; closing its last copy frees it."""
    files = {gpu: folder / f"pix2pix-gpu-{_uuids().get(gpu, gpu)}.lock" for gpu in gpus}  # a number may mean a UUID
    waits = False
    while True:
        for gpu, file in files.items():
            descriptor = _open(file)
            with suppress(BlockingIOError, FileNotFoundError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), file.stat()):  # not swept away meanwhile
                    return gpu, descriptor
            os.close(descriptor)
        if not waits:
            print(f"waiting for a free GPU of {', '.join(gpus)}", flush=True)
        waits = True
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _open(file: Path) -> int:
    """A lock of everybody's, whoever made it: in /tmp, others' files cannot be opened for creation."""
    with suppress(FileExistsError):
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL)
        os.fchmod(descriptor, 0o644)
        os.close(descriptor)
    return os.open(file, os.O_RDONLY | os.O_NOFOLLOW)


@cache
def _uuids() -> dict[str, str]:
    """UUIDs of the GPUs that nvidia-smi lists, by number; empty where there is no nvidia-smi."""
    ask = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        listed = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    return dict(line.split(", ") for line in listed.splitlines() if ", GPU-" in line)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a command on a GPU that no other job of this machine has.")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    command = parser.parse_args().command or parser.error("say what to run")
    gpus = lent_gpus()
    try:
        if gpus:
            gpu = gpus[0]
            if len(gpus) > 1 or "SLURM_JOB_ID" not in os.environ:  # the one of a SLURM job is nobody else's
                everybodys = Path("/tmp")  # a TMPDIR may be one person's, or one job's
                gpu, lock = take_gpu(gpus, folder=everybodys if everybodys.is_dir() else Path(tempfile.gettempdir()))
                os.set_inheritable(lock, True)
            # numbers as nvidia-smi counts; CUDA's own begin with the fastest
            os.environ |= {"CUDA_VISIBLE_DEVICES": gpu, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
            print(f"on GPU {gpu}", flush=True)
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"error: {error.filename or command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
