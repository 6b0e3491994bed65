"""The one kind of lock: a file that one process at a time holds, until it ends, however it ends."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock

from pix2pix.files.entry_point import warn_once

NOT_OFFERED = (errno.ENOSYS, errno.ENOLCK, errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EOPNOTSUPP)  # by a disk


@contextmanager
def locked(lock: Path, *, timeout: float = 0.0) -> Iterator[None]:
    """Hold the lock file `lock`, which is removed at the end; wait for it at most `timeout` seconds, -1 without end.

    Where the disk offers no locks (Lustre without flock, NFS without its daemon), that a file exists is the lock.

    Raises:
        filelock.Timeout: another process holds it.
    """
    held: BaseFileLock = FileLock(lock, timeout, fallback_to_soft=False)
    try:
        held.acquire()
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
        reason = f"this disk takes no locks ({error.strerror}), so files *.lock.held stand for them"
        warn_once(f"{reason}; remove those that a process left which was killed on another machine")
        held = SoftFileLock(f"{lock}.held", timeout)
        held.acquire()
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # whoever waits for it sees that it is gone, and makes another
        held.release()
