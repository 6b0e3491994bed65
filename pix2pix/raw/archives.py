"""Archives (tar, tar.gz/.bz2/.xz, zip) from strangers: read whole or refused by name, nothing outside of the folder.

The kind is told by the content, not by the name. A member is written as a new plain file below the folder; owners,
modes and times of the archive are not taken over. What a person's system leaves beside the data (`__MACOSX`,
`Thumbs.db`, `.DS_Store` and other dot files) is passed over.
"""

import errno
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from pix2pix.raw.archive_members import DamagedArchiveError, read_tar, read_zip

ZIP = (b"PK\3\4", b"PK\5\6")
MAX_MEMBERS = 2_000_000
MAX_BYTES = 200 * 10**9  # of all members
MAX_RATIO = 200  # all members to the archive itself; photos are near 1, flat label images at most near 100
SMALL = 100 * 10**6  # below this many bytes the ratio says nothing
MAX_NAMES = 500 * 10**6  # characters of all names, each times how deep it lies; they are kept in memory
MAX_NAME = 255  # bytes of a file's or folder's own name; file systems take no more
MAX_PATH = 1024  # characters of a whole name


def list_members(archive: Path) -> list[str]:
    """Names of the regular files in the archive, sorted, with `/` between folders and no leading `./`.

    Raises:
        DamagedArchiveError: a truncated or unreadable archive; a member that would leave its folder, is a link or a
            device, is encrypted, or comes twice; more members or bytes than MAX_MEMBERS, MAX_BYTES, MAX_RATIO. Names
            the archive and the member.
    """
    with _named(archive):
        return sorted(name for name, _, _ in _read(archive))


def unpack(archive: Path, folder: Path, *, wanted: Mapping[str, Path]) -> None:
    """Write the members in `wanted` (name -> path below `folder`); the others are checked, but not written.

    Raises:
        DamagedArchiveError: as `list_members`; some files may have been written by then.
    """
    missing = set(wanted)
    with _named(archive):
        for name, size, content in _read(archive):
            if name in missing:
                missing.remove(name)
                path = folder / wanted[name]
                path.parent.mkdir(parents=True, exist_ok=True)
                with content() as source, path.open("xb") as file:
                    shutil.copyfileobj(source, file, 2**20)
                    written = file.tell()
                if written != size:
                    raise DamagedArchiveError(archive, f"member {name!r} has {written} bytes, {size} were announced")
    if missing:
        raise DamagedArchiveError(archive, f"member {min(missing)!r} is gone; the archive changed while it was read")


@contextmanager
def _named(archive: Path) -> Iterator[None]:
    try:
        yield
    except DamagedArchiveError:
        raise
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, LZMAError) as error:
        raise _unreadable(archive, error) from None
    except (ValueError, OverflowError, RecursionError) as error:  # numbers, names and chains of headers that are none
        raise _unreadable(archive, error) from None
    except NotImplementedError as error:  # what zipfile raises for a kind of zip that it cannot read
        raise _unreadable(archive, error) from None
    except OSError as error:  # those of gzip and bz2 have no number, a place before the file's start has EINVAL
        if error.errno not in (None, errno.EINVAL):
            raise  # the disk's
        raise _unreadable(archive, error) from None


def _unreadable(archive: Path, error: Exception) -> DamagedArchiveError:
    why = str(error).partition("\n")[0].rstrip(":")[:200]  # tarfile lists what it tried line by line
    return DamagedArchiveError(archive, f"truncated or not a readable archive ({why})")


def _read(archive: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    """Every file as (name, bytes, how to open it), in the archive's order, each checked before it is given out."""
    with archive.open("rb") as file:
        kind = file.read(4)
    packed = archive.stat().st_size
    names: set[str] = set()
    folders: set[str] = set()
    kept = 0
    for count, (raw, size, unpacked, content) in enumerate(read_zip(archive) if kind in ZIP else read_tar(archive), 1):
        if count > MAX_MEMBERS or unpacked > MAX_BYTES or unpacked > max(SMALL, MAX_RATIO * packed):
            raise DamagedArchiveError(
                archive,
                f"{count} members of {unpacked} bytes out of {packed} bytes; refused. "
                "If it is your own, unpack it and name the folder",
            )
        if content is None:
            continue  # folders are never made by themselves
        path = _inside(archive, raw)
        name = str(path)
        kept += len(name) * len(path.parts)
        if kept > MAX_NAMES:
            raise DamagedArchiveError(archive, f"the names of its first {count} members are too long; refused")
        parents = {str(parent) for parent in path.parents}
        if name in names or name in folders or not names.isdisjoint(parents):
            raise DamagedArchiveError(archive, f"member {raw[:99]!r} comes twice")
        names.add(name)
        folders |= parents
        if not is_junk(path):
            yield name, size, content
    if not names:
        raise DamagedArchiveError(archive, "holds no files")


def is_junk(path: PurePosixPath | Path) -> bool:
    """Whether a relative path is something that operating systems leave beside a person's files."""
    return any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini") for part in path.parts)


def _inside(archive: Path, raw: str) -> PurePosixPath:
    if len(raw) > MAX_PATH:
        raise DamagedArchiveError(archive, f"member {raw[:40]!r}...: a name of {len(raw)} characters")
    path = PurePosixPath(raw)
    if "\\" in raw:
        raise DamagedArchiveError(archive, f"member {raw[:99]!r} was packed with backslashes; pack it anew with /")
    if ".." in path.parts or path.is_absolute() or PureWindowsPath(raw).drive or "\0" in raw:
        raise DamagedArchiveError(archive, f"member {raw[:99]!r} would leave the folder; refused")
    if not path.parts:
        raise DamagedArchiveError(archive, "a member has no name")
    try:
        longest = max(len(part.encode()) for part in path.parts)
    except UnicodeEncodeError:
        raise DamagedArchiveError(archive, f"member {raw[:99]!r}: the name is not UTF-8; pack it anew") from None
    if longest > MAX_NAME:
        raise DamagedArchiveError(archive, f"member {raw[:40]!r}...: a name of {longest} bytes")
    return path
