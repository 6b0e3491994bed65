"""The beginning and the end of processes that train together.

PIX2PIX_PROCESSES   how many train one experiment on this machine, at most (default: 1)

They begin by `launch`, or by torchrun, and end together: by an error, which one of them says, by a signal, or all well.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psutil
import torch
import torch.distributed as dist

from pix2pix.machine.distributed import gathered
from pix2pix.machine.hardware import most_processes

HERE = "127.0.0.1"

# How long an exchange waits, while the first one writes, say. A process that ends is noticed at once by gloo and by its
# launcher, which ends all of its machine; by NCCL over several machines, perhaps only after this time
PATIENCE = timedelta(hours=1)


def asked_for() -> int:
    """How many processes PIX2PIX_PROCESSES asks this one to start; 1 where it is one of those that were started.

    Raises:
        ValueError: it is no number from 1 on.
    """
    text = os.environ.get("PIX2PIX_PROCESSES", "1")
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"PIX2PIX_PROCESSES={text}: must be a number from 1 on")
    was_started = "RANK" in os.environ and "WORLD_SIZE" in os.environ  # some images set WORLD_SIZE=1 alone
    return 1 if was_started else int(text)


def processes_for(name: str, *, batch_size: int) -> int:
    """How many processes to start for experiment `name`: at most as many as asked for, and as there are GPUs, if used.

    And so that they share each batch equally.
    """
    asked = asked_for()
    most = most_processes(asked)
    count = max(count for count in range(1, most + 1) if batch_size % count == 0)
    if count < asked:
        gpus = f" and this machine shows {most} CUDA GPUs" if most < asked else ""
        reason = f"since they share its batch_size {batch_size} equally{gpus}"
        print(f"{name}: {count} of {asked} processes, {reason}", flush=True)
    return count


def launch(module: str, *words: str, count: int) -> None:
    """Run `python -m module words` as `count` processes of this machine, until all have ended well.

    What torchrun would do for them, but they meet where this machine alone can come, and an error stays one line.

    Raises:
        SystemExit: one did not, and has said why.
        ChildProcessError: one was killed.
    """
    listener = socket.create_server((HERE, 0))
    port = listener.getsockname()[1]
    store = dist.TCPStore(  # type: ignore[attr-defined]
        HERE, port, is_master=True, wait_for_workers=False, master_listen_fd=listener.detach()
    )
    environment = os.environ | {
        "MASTER_ADDR": HERE,
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # the store is there already
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", _loopback()),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
    }
    started: list[subprocess.Popen[bytes]] = []
    try:
        for rank in map(str, range(count)):
            # a session of their own: Ctrl-C is for the launcher, which says so once
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", module, *words],
                    env=environment | {"RANK": rank, "LOCAL_RANK": rank},
                    start_new_session=True,
                )
            )
        while None in (codes := [process.poll() for process in started]) and not any(codes):
            time.sleep(0.1)
    finally:
        for process in started:
            process.kill()  # nothing is lost, as by any kill
        for process in started:
            process.wait()
        del store
    if killed := [-code for code in codes if code and code < 0]:
        raise ChildProcessError(f"a process of this training ended by signal {killed[0]}; the same command continues")
    if any(codes):
        sys.exit(1)


def _loopback() -> str:
    addresses = psutil.net_if_addrs().items()
    return next(name for name, of_it in addresses if any(address.address == HERE for address in of_it))


@contextmanager
def together() -> Iterator[None]:
    """Be one of the processes that were started together; alone, nothing. An error of any ends all, said once."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    threading.Thread(target=_end_after, args=[os.getppid()], daemon=True).start()
    store, rank, world_size = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=PATIENCE)
    try:
        yield
        gathered(None)  # the first may still be writing
    except BaseException:
        if store.add("said", 1) > 1:
            time.sleep(10)  # or less: as soon as the one that says it has ended, all are
            os._exit(1)
        raise
    dist.destroy_process_group()


def _end_after(launcher: int) -> None:
    """Else processes would outlive its SIGKILL, and hold the lock of the training."""
    while os.getppid() == launcher:
        time.sleep(0.2)
    os._exit(1)
