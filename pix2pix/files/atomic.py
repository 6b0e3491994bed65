"""Outputs that appear whole or not at all: write beside, fsync, rename (law 6)."""

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
        ValueError: another process is writing it, as an orphan of a killed engine may.
    """
    partial = _beside(path, "partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(partial, path):
        try:
            with _naming(path):
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

    Where `path` is a link, what it leads to is replaced. What was there before stays until then, kills included.

    Raises:
        ValueError: another process is filling it.
    """
    place = path.resolve()
    partial, old, lock = (_beside(place, kind) for kind in ("partial", "old", "lock"))
    place.parent.mkdir(parents=True, exist_ok=True)
    with _alone(lock, path):
        try:
            _back(old, place)
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            with _naming(path):
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
            _back(old, place)
            raise
        finally:
            lock.unlink()


def _back(old: Path, place: Path) -> None:
    """Undo half of a replacement."""
    if old.exists() and not place.exists():
        old.rename(place)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let the error of a full disk, which names no file, name `path`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or error.filename:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def _alone(lock: Path, path: Path) -> Iterator[None]:
    """Hold `lock`, a file that whoever holds it renames or removes; a kill ends the hold."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            here = os.path.samestat(os.fstat(descriptor), lock.stat())
        except (BlockingIOError, FileNotFoundError):
            here = False  # held by another, or let go by it just now
        if not here:
            raise ValueError(
                f"{path} is being written by another process; wait for it, or stop it and run this command again"
            )
        yield
    finally:
        os.close(descriptor)


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
