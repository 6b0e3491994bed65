"""The beginning and the end of processes that train together.

PIX2PIX_PROCESSES   how many train one experiment on this machine, at most (default: 1)

They begin by torchrun's launcher and end together: by an error, which one of them says, by a signal, or all well.
"""

import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psutil
import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.distributed.rendezvous import rendezvous

from stages.pix2pix.parallel import gathered

PATIENCE = timedelta(days=1)  # while the first one validates or writes; a process that ends is noticed at once


def asked_for() -> int:
    """How many processes PIX2PIX_PROCESSES asks this one to start; 1 where torchrun has started it.

    Raises:
        ValueError: it is no number from 1 on.
    """
    text = os.environ.get("PIX2PIX_PROCESSES", "1")
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"PIX2PIX_PROCESSES={text}: must be a number from 1 on")
    return 1 if "WORLD_SIZE" in os.environ else int(text)


def launch(module: str, *words: str, count: int) -> None:
    """Run `python -m module words` as `count` processes of this machine, until all have ended well.

    Raises:
        SystemExit: one did not, and has said why.
        ChildProcessError: one was killed.
    """
    logging.disable()  # torchrun's own account of an error
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(os.devnull),  # else folders stay in /tmp
    )
    try:
        elastic_launch(config, sys.executable)("-m", module, *words)
    except SignalException:
        sys.exit(1)
    except ChildFailedError as error:
        exitcodes = {failure.exitcode for failure in error.failures.values()}
        killed = [-code for code in exitcodes if code < 0 and code != -signal.SIGTERM]  # with which torchrun ends them
        if killed:
            raise ChildProcessError(
                f"a process of this training was killed by signal {killed[0]}; the same command continues"
            ) from None
        sys.exit(1)


@contextmanager
def together() -> Iterator[None]:
    """Be one of the processes that torchrun has started; alone, nothing. An error of any ends all, and is said once."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    store, rank, world_size = next(rendezvous("env://"))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=PATIENCE)
    try:
        yield
        gathered(None)  # the first may still be writing
    except BaseException:
        if store.add("said", 1) > 1:
            os._exit(1)
        raise
    dist.destroy_process_group()


def _end_with_launcher() -> None:
    """What torchrun starts would outlive its SIGKILL, and hold the lock of the training."""
    psutil.Process(os.getppid()).wait()
    os._exit(1)
