"""Memory that this process has taken at its most, in megabytes."""

import resource


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
