"""Atomic writes: outputs appear whole or not at all (write beside, fsync, rename); docs/design.md, law 6."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from pix2pix.files.entry_point import warn_once
from pix2pix.files.lock import NOT_OFFERED, locked


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it becomes `path`, on any failure it is removed.

    Raises:
        ValueError: another process is writing it, perhaps one that a killed engine left behind.
    """
    partial = _sibling(path, "partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    _let_dvc_ignore(path)
    with _one_writer(path, name=path):
        try:
            with _naming_full_disk(path):
                yield partial
                _sync(partial)
            partial.replace(path)
            _sync_folder(path.parent)
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
    partial, old = _sibling(place, "partial"), _sibling(place, "old")
    place.parent.mkdir(parents=True, exist_ok=True)
    _let_dvc_ignore(path)
    with _one_writer(place, name=path):
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
            _sync_folder(place.parent)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            _restore(old, place)
            raise


def _let_dvc_ignore(path: Path) -> None:
    """Where a folder such as data/ is a link to another disk, link the project's .gitignore beside the output `path`.

    DVC asks git whether its output is ignored, and refuses it if the .gitignore beside it lies outside the repository.
    """
    ignore = path.parent / ".gitignore"
    if "DVC_STAGE" in os.environ and not path.is_absolute() and not ignore.resolve().is_relative_to(Path.cwd()):
        if ignore.is_symlink():  # of another clone
            ignore.unlink()
        if not ignore.exists():
            ignore.symlink_to(Path.cwd() / ".gitignore")


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
def _one_writer(place: Path, *, name: Path) -> Iterator[None]:
    try:
        with locked(_sibling(place, "lock")):
            yield
    except Timeout:
        raise ValueError(
            f"{name} is being written by another process; wait for it, or stop it and run this command again"
        ) from None


def _sibling(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make a renaming in `folder` last, where the disk can (some shared folders cannot)."""
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
        reason = f"this disk takes no order to keep a renaming ({error.strerror})"
        warn_once(f"{reason}; after a power cut the newest outputs may be missing, the same command makes them again")
