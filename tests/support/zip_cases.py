"""Zips forged and blown up; every case from a seed."""

import functools
import io
import random
import struct
import zipfile
import zlib

from tests.support.packers import MUCH, ZIPS, Case, some_files, zipped


def nameless_zip() -> bytes:
    info = zipfile.ZipInfo("x")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zip:
        info.filename = ""
        zip.writestr(info, b"odd")
    return out.getvalue()


def badly_flagged_name(rng: random.Random) -> Case:
    """A zip that calls a name UTF-8 that is none."""
    content = zipped("stored.zip", some_files(rng) | {"train/éé.jpg": b"odd"})
    return Case("zip", content.replace("éé".encode(), b"\xff\xfe\xff\xfe"), None)


def changed_zip(rng: random.Random) -> Case:
    """One field of one member's entry in the directory, or of the directory's end, set to anything."""
    files = some_files(rng)
    whole = bytearray(zipped(rng.choice(ZIPS), files))
    entries = [at for at in range(len(whole)) if bytes(whole[at : at + 4]) in (b"PK\1\2", b"PK\3\4", b"PK\5\6")]
    at = rng.choice(entries)
    offset, size = rng.choice(
        [
            (4, 2),
            (6, 2),
            (8, 2),
            (10, 2),
            (12, 4),
            (14, 4),
            (16, 4),
            (18, 4),
            (20, 4),
            (24, 4),
            (28, 2),
            (30, 2),
            (42, 4),
        ]
    )
    value = rng.choice([0, 1, 2, 0xFFFF, 0xFFFFFFFF, 99, 12, 14, 8, 0x41, 0x20, 0x7FFF, rng.randrange(2**32)]) % 2 ** (
        8 * size
    )
    whole[at + offset : at + offset + size] = value.to_bytes(size, "little")
    return Case("zip", bytes(whole), files)


def unreadable_zip(rng: random.Random) -> Case:
    """Encrypted, patched, of a later version, by an unknown method, or by one that inflates without bound."""
    whole = bytearray(zipped("deflated.zip", {"train/1.jpg": rng.randbytes(100)}))
    at = whole.rindex(b"PK\1\2")
    offset, value = rng.choice(
        [(8, 1), (8, 1 << 5), (8, 1 << 6), (6, 99), (10, 12), (10, 14), (10, 93), (10, 95), (10, 9), (10, 6), (10, 97)]
    )
    whole[at + offset : at + offset + 2] = value.to_bytes(2, "little")
    return Case("zip", bytes(whole), None)


def lying_zip64(rng: random.Random) -> Case:
    """Sizes and offsets of 64 bits that lead nowhere."""
    files = some_files(rng)
    whole = bytearray(zipped("deflated.zip", files))
    at = whole.index(b"PK\1\2", whole.index(b"PK\1\2") + 4)  # the first file's entry, behind the folder's
    name = int.from_bytes(whole[at + 28 : at + 30], "little")
    numbers = [rng.choice([2**63, 2**64 - 1, 2**63 - 1, 2**40, 0, 5]) for _ in range(3)]
    extra = struct.pack("<HHQQQ", 1, rng.choice([24, 8, 0, 200]), *numbers)
    whole[at + 20 : at + 28] = b"\xff" * 8
    whole[at + 42 : at + 46] = b"\xff" * 4
    whole[at + 30 : at + 32] = len(extra).to_bytes(2, "little")
    whole[at + 46 + name : at + 46 + name] = extra
    end = whole.rindex(b"PK\5\6")
    size = int.from_bytes(whole[end + 12 : end + 16], "little") + len(extra)
    whole[end + 12 : end + 16] = size.to_bytes(4, "little")
    return Case("zip", bytes(whole), None)


# ---- bombs -----------------------------------------------------------------------------------------------------------


def shared_bytes(rng: random.Random) -> Case:
    """Entries with one content for all, as in Fifield's zip bomb."""
    return Case("zip", overlapping(rng), None)


@functools.cache
def zipped_zeros(method: int, announced: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as zip:
        zip.writestr("train/1.jpg", bytes(MUCH))
        member = zip.infolist()[0]
        member.file_size, member.CRC = announced, zlib.crc32(bytes(announced))
    return out.getvalue()


def small_size_announced(rng: random.Random) -> Case:
    method = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    return Case("zip", zipped_zeros(method, 10), {"train/1.jpg": bytes(10)})


def overlapping(rng: random.Random) -> bytes:
    out = io.BytesIO()
    count = rng.randrange(2, 50)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zip:
        for n in range(count):
            zip.writestr(f"train/{n:03}.jpg", bytes(1000))
        first = zip.infolist()[0]
        for member in zip.infolist():
            if rng.random() < 0.5:
                member.header_offset = first.header_offset
        zip.infolist()[-1].header_offset = first.header_offset
        if rng.random() < 0.5:  # or contents that run through the next members
            for member in zip.infolist():
                member.compress_size += 200
    return out.getvalue()
