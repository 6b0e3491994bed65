"""CPU cores and the processes that work on them."""

import multiprocessing
import os
import threading


def usable_cores() -> int:
    """CPU cores this process may run on: what its affinity (a cluster's allotment, say) leaves it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def end_with_parent() -> None:
    """Let this worker process end as soon as its parent is gone; a killed pool's would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
