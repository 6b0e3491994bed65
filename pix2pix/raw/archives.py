"""Archives from others (tar, tar.gz, .bz2, .xz, zip): read whole or refused by name; nothing is written elsewhere.

Only regular files are read, and each becomes a new plain file; owners, modes and times stay behind. What an operating
system leaves beside a person's files (`__MACOSX`, `Thumbs.db`, `.DS_Store` and other dot files) is passed over.
"""

import errno
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from pix2pix.files.image_listing import is_junk

MAX_RATIO = 200  # bytes of all files to bytes of the archive; photos are near 1, flat label images at most near 100
SMALL = 100 * 10**6  # bytes of all files below which the ratio says nothing
UNREAD = {b"7z\xbc\xaf": "7z", b"Rar!": "rar", b"\x28\xb5\x2f\xfd": "zstd"}  # by their first bytes
READ_ERRORS = (tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, RuntimeError, ValueError)

Entry = tuple[str, int, bool, Callable[[], IO[bytes] | None]]  # name, size in bytes, whether a regular file, opener


class DamagedArchiveError(ValueError):
    """An archive that can't be read whole, or that should not be unpacked; the message names it."""

    def __init__(self, archive: Path, why: str) -> None:
        super().__init__(f"{archive}: {why}")
        self.archive = archive


def list_members(archive: Path) -> list[str]:
    """Names of the files in the archive, sorted, with `/` between folders and no leading `./`.

    Raises:
        DamagedArchiveError: a truncated or damaged archive, or none at all; no files in it; more than SMALL bytes of
            files and MAX_RATIO times the archive; a member that is a link or a device, or would lie outside of the
            folder. Names the archive and the member.
    """
    with _naming(archive):
        names = sorted(name for name, _ in _files(archive))
    if not names:
        raise DamagedArchiveError(archive, "holds no files")
    return names


def unpack(archive: Path, folder: Path, *, wanted: Mapping[str, Path]) -> None:
    """Write the members in `wanted` (name -> path below `folder`) as new files.

    Raises:
        DamagedArchiveError: as `list_members`, or two members in one place; some files may have been written by then.
    """
    with _naming(archive):
        for name, open_member in _files(archive):
            if name not in wanted:
                continue
            path = folder / wanted[name]
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                source = open_member()
                assert source is not None, name  # of a regular file there always is one
                with source, path.open("xb") as file:
                    shutil.copyfileobj(source, file, 2**20)
            except (FileExistsError, NotADirectoryError):
                raise DamagedArchiveError(archive, f"member {name!r} comes twice") from None


@contextmanager
def _naming(archive: Path) -> Iterator[None]:
    """Let the many errors of the libraries that read archives name `archive`; those of the disk pass."""
    try:
        yield
    except READ_ERRORS as error:
        of_disk = isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)  # EINVAL: a damaged offset
        if of_disk or isinstance(error, DamagedArchiveError):
            raise
        why = str(error).partition("\n")[0].rstrip(":")  # tarfile lists line by line what it tried
        raise DamagedArchiveError(archive, f"truncated, damaged, or not a zip or tar archive ({why})") from None


def _files(archive: Path) -> Iterator[tuple[str, Callable[[], IO[bytes] | None]]]:
    """Name and opener of every file in the archive's order; each is checked before it is given out."""
    with archive.open("rb") as file:
        start = file.read(4)
    if start in UNREAD:
        raise DamagedArchiveError(archive, f"a {UNREAD[start]} archive; zip and tar are read")
    entries = _zip_entries(archive) if start[:2] == b"PK" else _tar_entries(archive)
    packed, unpacked = archive.stat().st_size, 0
    for name, size, is_regular, open_member in entries:
        path = PurePosixPath(name)
        if not is_regular:
            raise DamagedArchiveError(archive, f"member {name!r} is a link or a device")
        if not path.parts or ".." in path.parts or path.is_absolute():
            raise DamagedArchiveError(archive, f"member {name!r} would lie outside of the folder")
        unpacked += size
        if unpacked > max(SMALL, MAX_RATIO * packed):
            raise DamagedArchiveError(archive, f"{packed} bytes would unpack to {unpacked} bytes or more")
        if not is_junk(path):
            yield str(path), open_member


def _zip_entries(archive: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            name = info.filename.replace("\\", "/")  # of old programs for Windows
            if not name.endswith("/"):
                is_regular = not stat.S_ISLNK(info.external_attr >> 16)
                yield name, info.file_size, is_regular, partial(packed.open, info)


def _tar_entries(archive: Path) -> Iterator[Entry]:
    with tarfile.open(archive, "r:*") as tar:
        for info in tar:
            if not info.isdir():
                yield info.name, info.size, info.isreg(), partial(tar.extractfile, info)
        # tarfile takes a damaged header for the end; a compressed stream compares its checksum when it is read whole
        stream = tar.fileobj
        assert stream is not None
        truncated = stream.tell() < tar.offset + tarfile.BLOCKSIZE
        if truncated or any(any(chunk) for chunk in iter(lambda: stream.read(2**20), b"")):
            raise DamagedArchiveError(archive, f"{'truncated' if truncated else 'damaged'} at byte {tar.offset}")
