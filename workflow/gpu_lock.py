"""Run a command on a GPU that no other job of this machine uses: python -m workflow.gpu_lock COMMAND...

The GPUs are those of CUDA_VISIBLE_DEVICES (set by a cluster or a person), else all that nvidia-smi lists. Without any,
or where PIX2PIX_DEVICE names the device, the command runs as it is. A GPU is taken by locking a file of this machine
for all its users. The command's own process holds the lock, so it is released when the command ends, also by a kill.
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from filelock import lock_descriptor

SECONDS_BETWEEN_LOOKS = 0.5
LOCKS = Path("/tmp")  # for all users; TMPDIR may belong to one


def lent_gpus() -> list[str]:
    """The GPUs of which a job gets one, as CUDA_VISIBLE_DEVICES names them: by number or by UUID."""
    if os.environ.get("PIX2PIX_DEVICE", "cuda") != "cuda":
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return list(_uuids().values())
    return [*dict.fromkeys(gpu for gpu in map(str.strip, named.split(",")) if gpu not in ("", "-1"))]


def take_gpu(gpus: list[str]) -> tuple[str, int]:
    """Wait for a free one of `gpus`: the GPU, and the open file whose lock holds it."""
    files = {gpu: LOCKS / f"pix2pix-gpu-{_uuids().get(gpu, gpu)}.lock" for gpu in gpus}  # by UUID, also of a number
    print_once = True
    while True:
        for gpu, file in files.items():
            descriptor = _open(file)
            with suppress(FileNotFoundError):  # deleted meanwhile
                if lock_descriptor(descriptor, blocking=False) and os.path.samestat(os.fstat(descriptor), file.stat()):
                    return gpu, descriptor
            os.close(descriptor)
        if print_once:
            print(f"waiting for a free GPU of {', '.join(gpus)}", flush=True)
            print_once = False
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _open(file: Path) -> int:
    """Open a lock file, whoever made it: in /tmp, opening another user's file with O_CREAT is forbidden."""
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
            if len(gpus) > 1 or "SLURM_JOB_ID" not in os.environ:  # SLURM gives a job's only GPU to no other
                gpu, lock = take_gpu(gpus)
                os.set_inheritable(lock, True)
            # number GPUs as nvidia-smi does; CUDA by itself begins with the fastest
            os.environ |= {"CUDA_VISIBLE_DEVICES": gpu, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
            print(f"on GPU {gpu}", flush=True)
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"error: {error.filename or command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
