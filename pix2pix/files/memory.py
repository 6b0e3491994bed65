"""Not enough memory: one line that says what needed it and what helps, whichever library was refused it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

# As PyTorch, oneDNN, CUDA, cuDNN, OpenCV, Pillow and C++ say it, and a process pool of which the kernel killed a worker
REFUSED = re.compile(
    "(?i)allocate memory|out of memory|insufficient memory|could not create a (primitive|memory)|alloc_failed|bad_alloc"
    "|terminated abruptly"
)


class NotEnoughMemoryError(ValueError):
    """The message says what needed it and what helps."""


@contextmanager
def needing_memory(what: str, *, helps: str = "make it smaller, or use a machine with more memory") -> Iterator[None]:
    """Raise NotEnoughMemoryError where the block is refused memory; other errors pass."""
    try:
        yield
    except Exception as error:
        words = " ".join(str(error).split()) or "MemoryError"
        if isinstance(error, NotEnoughMemoryError) or not (isinstance(error, MemoryError) or REFUSED.search(words)):
            raise
        raise NotEnoughMemoryError(f"{what}: not enough memory; {helps} ({words[:150]})") from None
