"""The same work on many items, in several processes."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import forkserver
from typing import TypeVar

import cv2
from tqdm import tqdm

from pix2pix.files.entry_point import warn_once
from pix2pix.machine.resources import keep_memory, usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

PRELOADED = ["cv2", "pandas", "PIL.Image", "pydantic"]  # imported once, in the fork server, not by each worker
MAX_CHUNK = 16  # items that are sent to a worker at once
LOG_INTERVAL = 30.0  # seconds until the progress bar appears in a log file, and between two of its lines


def map_in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    description: str,
    workers: int | None = None,
    items_per_worker: int = 1,
) -> list[Result]:
    """`[work(item) for item in items]` with a progress bar; of several errors, that of the first item is raised.

    Args:
        work: a function that can be pickled.
        workers: processes; by default the usable cores, but so few that each has `items_per_worker` items. With less
            than two the work is done in this process.
    """
    if workers is None:
        workers = min(usable_cores(), len(items) // items_per_worker)
    interval = 0.1 if sys.stderr.isatty() else LOG_INTERVAL
    bar = partial(tqdm, desc=description, total=len(items), mininterval=interval, delay=interval)
    pool = _start_pool(workers) if workers > 1 else None
    if pool is None:
        return list(bar(map(work, items)))
    chunk = max(1, min(MAX_CHUNK, len(items) // (4 * workers)))
    try:
        return list(bar(pool.map(work, items, chunksize=chunk)))
    finally:
        pool.shutdown(cancel_futures=True)  # after an error or Ctrl-C what has not begun does not begin


def _start_pool(workers: int) -> ProcessPoolExecutor | None:
    """Processes from a fork server: a fork of this process, whose libraries run threads, could deadlock.

    None where there can be none: without semaphores (/dev/shm), or where TMPDIR takes no socket.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    try:
        forkserver.ensure_running()
        return ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    except (ImportError, OSError) as error:
        warn_once(f"one process works instead of {workers}: this machine lets none be started ({error})")
        return None


def _start_worker() -> None:
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    warnings.filterwarnings("ignore", module=r"PIL\.")  # about metadata, as in pix2pix/files/entry_point.py
    keep_memory()
    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    """End this worker as soon as its parent is gone; the workers of a killed parent would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
