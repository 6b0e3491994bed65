"""Atomic writes: outputs appear whole or not at all (write beside, fsync, rename); docs/design.md, law 6."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it becomes `path`, on any failure it is removed.

    Raises:
        ValueError: another process is writing it, perhaps one that a killed engine left behind.
    """
    partial = _sibling(path, "partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(partial, path):
        try:
            with _naming_full_disk(path):
                yield partial
                _sync(partial)
            partial.replace(path)
            _sync(path.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` to fill; on success it replaces `path`, on any failure it is removed.

    The former folder stays until then, also when the process is killed. Where `path` is a link, its target is replaced.

    Raises:
        ValueError: another process is filling it.
    """
    place = path.resolve()
    partial, old, lock = (_sibling(place, kind) for kind in ("partial", "old", "lock"))
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(lock, path):
        try:
            _restore(old, place)
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            with _naming_full_disk(path):
                yield partial
            os.sync()  # one call: an fsync a file takes minutes for 50 000 of them
            shutil.rmtree(old, ignore_errors=True)
            if place.exists():
                place.rename(old)  # removed in place, a kill would leave a part of it
            partial.rename(place)
            _sync(place.parent)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            _restore(old, place)
            raise
        finally:
            lock.unlink()


def _restore(old: Path, place: Path) -> None:
    """Put the former folder back after a replacement that was interrupted half-way."""
    if old.exists() and not place.exists():
        old.rename(place)


@contextmanager
def _naming_full_disk(path: Path) -> Iterator[None]:
    """Add `path` to the error of a full disk, which names no file."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or error.filename:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def _locked(lock: Path, path: Path) -> Iterator[None]:
    """Hold a lock on the file `lock`, which its holder later renames or removes. A kill releases the lock."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            here = os.path.samestat(os.fstat(descriptor), lock.stat())
        except (BlockingIOError, FileNotFoundError):
            here = False  # another process holds it, or has just released it
        if not here:
            raise ValueError(
                f"{path} is being written by another process; wait for it, or stop it and run this command again"
            )
        yield
    finally:
        os.close(descriptor)


def _sibling(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
