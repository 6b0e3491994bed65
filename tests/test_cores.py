"""Laws of the processes that work on images: freed memory is used again."""

import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from stages.pix2pix.cores import keep_memory
{first}
for turn in range(40):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(size, np.uint8) for size in (5_000_000, 3_000_000, 400_000)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux and glibc")
def test_kept_memory_is_not_cleared_anew() -> None:
    plain, kept = (
        int(subprocess.run([sys.executable, "-c", FAULTS.format(first=first)], capture_output=True, check=True).stdout)
        for first in ("", "keep_memory()")
    )
    assert kept < plain / 10 or plain < 100, "pages that the kernel had to clear"
