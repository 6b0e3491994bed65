"""The members of a .tar or .zip from strangers, one by one, before anything of them is kept in memory or written.

Of what the libraries would read: no links, devices, sparse or encrypted members, no header of any size, no members
that share their bytes, nothing before the first member or behind the last.
"""

import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Never, Self

MAX_HEADER = 16 * 2**10  # bytes of a tar's header for long names and the like; the library reads it into memory
MAX_GLOBAL = 100  # entries of a tar that are meant for all its members; the library keeps them
TAIL = 16 * 2**20  # bytes of zeros behind a tar's last member
EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of the others the library inflates any number of bytes at once

# name, bytes, bytes unpacked up to its end, how to open it (None for a folder)
Member = tuple[str, int, int, Callable[[], IO[bytes]] | None]


class DamagedArchiveError(ValueError):
    """Truncated, not an archive at all, or one that no honest packer writes; the message names it."""

    def __init__(self, archive: Path, why: str) -> None:
        super().__init__(f"{archive}: {why}")
        self.archive = archive


class _StrictHeader(tarfile.TarInfo):
    """A header that can't be read is an error: after the first one, the library would take it for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise  # the end as it should be
            raise tarfile.ReadError(f"{error}") from None
        if header.size < 0 or (header.type in EXTENDED and header.size > MAX_HEADER):
            raise tarfile.ReadError(f"a header of {header.size} bytes")
        return header

    def _sparse(self, *_: object) -> Never:
        raise tarfile.ReadError("sparse members are not read")

    # their maps have any length
    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _sparse


def read_tar(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive, "r:*", tarinfo=_StrictHeader) as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # else the library keeps them all
            if not (member.isdir() or member.isreg()):
                raise DamagedArchiveError(archive, f"member {member.name[:99]!r} is a link or a device; refused")
            if member.size < 0 or len(tar.pax_headers) > MAX_GLOBAL:
                raise DamagedArchiveError(
                    archive, f"member {member.name[:99]!r} has a header that no honest packer writes"
                )

            def content(member: tarfile.TarInfo = member) -> IO[bytes]:
                file = tar.extractfile(member)
                assert file is not None, member.name
                return file

            yield member.name, member.size, tar.offset, None if member.isdir() else content
        # the checksum of a compressed stream is compared only where the stream is read to its end
        stream = tar.fileobj
        assert stream is not None
        left = TAIL
        while chunk := stream.read(2**16):
            left -= len(chunk)
            if left < 0 or any(chunk):
                raise DamagedArchiveError(archive, "something stands behind its last member; two archives joined?")


def read_zip(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as packed:
        end = unpacked = 0
        for member in sorted(packed.infolist(), key=lambda member: member.header_offset):
            name = member.orig_filename
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DamagedArchiveError(archive, f"member {name[:99]!r} is a link or a device; refused")
            if member.flag_bits & 1:
                raise DamagedArchiveError(archive, f"member {name[:99]!r} is encrypted")
            if member.compress_type not in METHODS:
                raise DamagedArchiveError(archive, f"member {name[:99]!r} is neither stored nor deflated; pack it anew")
            if member.header_offset < end:
                raise DamagedArchiveError(archive, f"member {name[:99]!r} shares its bytes with another; refused")
            if end == 0 and member.header_offset > 0:
                raise DamagedArchiveError(archive, "something stands before its first member; two archives joined?")
            end = member.header_offset + 30 + len(name) + member.compress_size
            unpacked += member.file_size

            def content(member: zipfile.ZipInfo = member) -> IO[bytes]:
                return packed.open(member)

            yield name, member.file_size, unpacked, None if kind == stat.S_IFDIR or name.endswith("/") else content
