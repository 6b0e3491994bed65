"""The beginning and the end of processes that train together.

PIX2PIX_PROCESSES   how many train one experiment on this machine, at most (default: 1)

They are started by `launch`, or by torchrun, and end together: all well, or by one error, which is printed once.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import TypeVar

import psutil
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessExitedException, start_processes

from pix2pix.files import entry_point
from pix2pix.machine.distributed import gathered
from pix2pix.machine.hardware import most_processes

T = TypeVar("T")

# How long an exchange waits, for example while rank 0 writes. Gloo and launchers notice at once that a process has
# ended; NCCL over several machines perhaps only after this time
PATIENCE = timedelta(hours=1)


def asked_for() -> int:
    """How many processes PIX2PIX_PROCESSES asks this one to start; 1 where torchrun started it.

    Raises:
        ValueError: it is no number from 1 on.
    """
    text = os.environ.get("PIX2PIX_PROCESSES", "1")
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"PIX2PIX_PROCESSES={text}: must be a number from 1 on")
    was_started = "RANK" in os.environ and "WORLD_SIZE" in os.environ  # some images set WORLD_SIZE=1 alone
    return 1 if was_started else int(text)


def processes_for(name: str, *, batch_size: int) -> int:
    """How many processes to start for experiment `name`: at most as many as are asked for, and as there are GPUs.

    They must share each batch equally.
    """
    asked = asked_for()
    most = most_processes(asked)
    count = max(count for count in range(1, most + 1) if batch_size % count == 0)
    if count < asked:
        gpus = f" and this machine shows {most} CUDA GPUs" if most < asked else ""
        reason = f"since they share its batch_size {batch_size} equally{gpus}"
        print(f"{name}: {count} of {asked} processes, {reason}", flush=True)
    return count


def launch(work: Callable[[T], None], value: T, *, count: int) -> None:
    """Call `work(value)` in `count` processes of this machine that train together, until all have ended well.

    Unlike torchrun's they open no port, and an error is one line. They end with this process, however it ends.

    Raises:
        SystemExit: one has failed, and has said why.
        ChildProcessError: one was killed.
    """
    logging.getLogger(ProcessExitedException.__module__).setLevel(logging.ERROR)  # it would tell how it ends them
    with TemporaryDirectory() as folder:
        arguments = work, value, count, f"file://{folder}/store"
        started = start_processes(_work, arguments, count, join=False, daemon=True)
        try:
            while not started.join():
                pass
        except ProcessExitedException as error:
            if error.signal_name is None:
                sys.exit(1)
            ended = f"a process of this training ended by {error.signal_name}"
            raise ChildProcessError(f"{ended}; the same command continues") from None


def _work(rank: int, work: Callable[[T], None], value: T, count: int, store: str) -> None:
    os.setsid()  # Ctrl-C is for the launcher, which says so once
    os.environ |= {
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", _loopback()),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(count),
    }

    def verb() -> None:
        with together(f"{store}?rank={rank}&world_size={count}"):
            work(value)

    try:
        entry_point.run(verb)
    except SystemExit as end:
        print(end.code, file=sys.stderr, flush=True)
        os._exit(1)  # gloo's threads, still waiting for the others, would turn an orderly end into SIGABRT


def _loopback() -> str:
    addresses = psutil.net_if_addrs().items()
    return next(name for name, of_it in addresses if any(address.address == "127.0.0.1" for address in of_it))


@contextmanager
def together(meeting_point: str = "env://") -> Iterator[None]:
    """Be one of the processes that were started together, by default by torchrun; alone, nothing.

    An error of any ends all, and one of them says it.
    """
    if meeting_point == "env://" and int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    store, rank, world_size = next(dist.rendezvous(meeting_point))  # type: ignore[attr-defined]
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=PATIENCE)
    try:
        yield
        gathered(None)  # rank 0 may still be writing
    except BaseException:
        if store.add("said", 1) > 1:
            time.sleep(10)  # or less: as soon as the one that says it has ended, all are ended
            os._exit(1)
        raise
    dist.destroy_process_group()
