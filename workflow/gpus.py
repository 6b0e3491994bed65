"""Run a command on a GPU that no other job of this machine has: python -m workflow.gpus COMMAND...

Which GPUs there are: those of CUDA_VISIBLE_DEVICES (a cluster's allotment, or a person's), else all that nvidia-smi
lists. Where there is none, or PIX2PIX_DEVICE names the device, the command runs as it is. A GPU is taken by a lock on a
file of this machine. The command's own process holds it, so the kernel gives it back when that ends, however it ends.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from itertools import takewhile
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.5


def visible_gpus() -> list[str]:
    """The GPUs that a job here may use, as CUDA_VISIBLE_DEVICES names them: by number or by UUID."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return list(_uuids().values())
    # CUDA, too, stops at the first name that is none: "" and "-1" are no GPU at all
    return list(takewhile(lambda gpu: gpu.isdigit() or gpu.startswith(("GPU-", "MIG-")), named.split(",")))


def take_gpu(gpus: list[str], *, folder: Path) -> tuple[str, int]:
    """One of `gpus`, once it is free, and the descriptor of its lock in `folder`; closing its last copy frees it."""
    uuids = _uuids()  # a number and a UUID may mean the same GPU
    files = {gpu: folder / f"pix2pix-gpu-{uuids.get(gpu, gpu)}.lock" for gpu in gpus}
    waits = False
    while True:
        for gpu, file in files.items():
            descriptor = _open(file)
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
    command = sys.argv[1:]
    if not command:
        sys.exit("error: say what to run: python -m workflow.gpus COMMAND...")
    gpus = visible_gpus() if os.environ.get("PIX2PIX_DEVICE", "cuda") == "cuda" else []
    try:
        if gpus:
            gpu, descriptor = take_gpu(gpus, folder=Path(tempfile.gettempdir()))
            os.set_inheritable(descriptor, True)
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
            print(f"on GPU {gpu}", flush=True)
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"error: {error.filename or command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
