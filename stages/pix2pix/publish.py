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
    """Yield a path beside `path` to write to; on success it becomes `path`, on any failure it is removed."""
    partial = _partial(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _naming(path):
            yield partial
            _sync(partial)
        partial.replace(path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` to fill; on success it replaces `path`, on any failure it is removed.

    Raises:
        ValueError: another process is filling it, as an orphan of a killed engine may.
    """
    partial, old = _partial(path), path.with_name(f".{path.name}.old")
    partial.mkdir(parents=True, exist_ok=True)
    with _alone(partial, path):
        try:
            _empty(partial)
            with _naming(path):
                yield partial
            os.sync()  # one call: an fsync a file takes minutes for 50 000 of them
            shutil.rmtree(old, ignore_errors=True)
            if path.exists():
                path.rename(old)  # removed in place, a kill would leave a part of it
            partial.rename(path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _sync(path.parent)
        shutil.rmtree(old, ignore_errors=True)


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
def _alone(folder: Path, path: Path) -> Iterator[None]:
    """Hold the lock of `folder`, a lock of the folder itself: it leaves no file, and ends with this process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            here = os.path.samestat(os.fstat(descriptor), folder.stat())
        except (BlockingIOError, FileNotFoundError):
            here = False  # held by another, or published by it just now
        if not here:
            raise ValueError(
                f"{path} is being written by another process; wait for it, or stop it and run this command again"
            )
        yield
    finally:
        os.close(descriptor)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
