"""How many CPU cores there are to use."""

import os


def usable_cores() -> int:
    """CPU cores this process may run on: what its affinity (a cluster's allotment, say) leaves it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
