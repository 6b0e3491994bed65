"""Archives (tar, tar.gz/.bz2/.xz, zip) from strangers: read whole or refused by name, nothing outside of the folder.

The kind is told by the content, not by the name. A member is written as a new plain file below the folder; owners,
modes and times of the archive are not taken over. What a person's system leaves beside the data (`__MACOSX`,
`Thumbs.db`, `.DS_Store` and other dot files) is passed over.
"""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Self

MAX_MEMBERS = 2_000_000
MAX_BYTES = 200 * 10**9  # of all members
MAX_RATIO = 200  # all members to the archive itself; photos are near 1, flat label images at most near 100
SMALL = 100 * 10**6  # below this many bytes the ratio says nothing
TAIL = 16 * 2**20  # how far to read behind the last member for the checksum of the compressed stream

Member = tuple[str, Callable[[], IO[bytes]]]


class DamagedArchiveError(ValueError):
    """Truncated, not an archive at all, or one that no honest packer writes; the message names it."""

    def __init__(self, archive: Path, why: str) -> None:
        super().__init__(f"{archive}: {why}")
        self.archive = archive


def list_members(archive: Path) -> list[str]:
    """Names of the regular files in the archive, sorted, with `/` between folders and no leading `./`.

    Raises:
        DamagedArchiveError: a truncated or unreadable archive; a member that would leave its folder, is a link or a
            device, is encrypted, or comes twice; more members or bytes than MAX_MEMBERS, MAX_BYTES, MAX_RATIO. Names
            the archive and the member.
    """
    with _named(archive):
        return sorted(name for name, _ in _read(archive))


def unpack(archive: Path, folder: Path, *, wanted: Mapping[str, Path]) -> None:
    """Write the members in `wanted` (name -> path below `folder`); the others are checked, but not written.

    Raises:
        DamagedArchiveError: as `list_members`; some files may have been written by then.
    """
    missing = set(wanted)
    with _named(archive):
        for name, content in _read(archive):
            if name in missing:
                missing.remove(name)
                path = folder / wanted[name]
                path.parent.mkdir(parents=True, exist_ok=True)
                with content() as source, path.open("xb") as file:
                    shutil.copyfileobj(source, file, 2**20)
    assert not missing, (archive, sorted(missing)[:3])


@contextmanager
def _named(archive: Path) -> Iterator[None]:
    try:
        yield
    except DamagedArchiveError:
        raise
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, LZMAError, NotImplementedError) as error:
        raise _unreadable(archive, error) from None
    except OSError as error:
        if error.errno is not None:  # the disk's; those of gzip and bz2 have no number
            raise
        raise _unreadable(archive, error) from None


def _unreadable(archive: Path, error: Exception) -> DamagedArchiveError:
    why = str(error).partition("\n")[0].rstrip(":")  # tarfile lists what it tried line by line
    return DamagedArchiveError(archive, f"truncated or not a readable archive ({why})")


def _read(archive: Path) -> Iterator[Member]:
    """Every member as (name, how to open its content), in the archive's order, each checked before it is given out."""
    with archive.open("rb") as file:
        kind = file.read(4)
    members = _read_zip(archive) if kind.startswith(b"PK") else _read_tar(archive)
    packed = archive.stat().st_size
    names: set[str] = set()
    folders: set[str] = set()
    total = 0
    for count, (raw, size, content) in enumerate(members, 1):
        total += size
        if count > MAX_MEMBERS or total > MAX_BYTES or total > max(SMALL, MAX_RATIO * packed):
            raise DamagedArchiveError(archive, f"{count} members of {total} bytes out of {packed} bytes; refused")
        path = _inside(archive, raw)
        name = str(path)
        parents = {str(parent) for parent in path.parents}
        if name in names or name in folders or not names.isdisjoint(parents):
            raise DamagedArchiveError(archive, f"member {raw!r} comes twice")
        names.add(name)
        folders |= parents
        if not is_junk(path):
            yield name, content


def is_junk(path: PurePosixPath | Path) -> bool:
    """Whether a relative path is something that operating systems leave beside a person's files."""
    return any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini") for part in path.parts)


def _inside(archive: Path, raw: str) -> PurePosixPath:
    path = PurePosixPath(raw)
    if ".." in path.parts or path.is_absolute() or PureWindowsPath(raw).drive or "\\" in raw or "\0" in raw:
        raise DamagedArchiveError(archive, f"member {raw!r} would leave the folder; refused")
    if not path.parts:
        raise DamagedArchiveError(archive, "a member has no name")
    return path


class _StrictHeader(tarfile.TarInfo):
    """A header that can't be read is an error: after the first one, the library would take it for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise  # the end as it should be
            raise tarfile.ReadError(f"{error}") from None


def _read_tar(archive: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    with tarfile.open(archive, "r:*", tarinfo=_StrictHeader) as tar:
        for member in tar:
            if member.isdir():
                continue  # never made by themselves
            if not member.isreg():
                raise DamagedArchiveError(archive, f"member {member.name!r} is a link or a device; refused")

            def content(member: tarfile.TarInfo = member) -> IO[bytes]:
                file = tar.extractfile(member)
                assert file is not None, member.name
                return file

            yield member.name, member.size, content
        # the checksum of a compressed stream is compared only where the stream is read to its end
        stream = tar.fileobj
        assert stream is not None
        left = TAIL
        while left > 0 and (chunk := stream.read(2**16)):
            left -= len(chunk)


def _read_zip(archive: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DamagedArchiveError(archive, f"member {member.filename!r} is a link or a device; refused")
            if member.flag_bits & 1:
                raise DamagedArchiveError(archive, f"member {member.filename!r} is encrypted")
            if member.is_dir():
                continue

            def content(member: zipfile.ZipInfo = member) -> IO[bytes]:
                return packed.open(member)

            yield member.orig_filename, member.file_size, content
