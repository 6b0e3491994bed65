"""Archives as honest packers write them, then damaged, forged and blown up; every case from a seed.

A case is an archive's bytes and what may come of it: the true files, `None` for a refusal alone, or (for a forgery that
is an archive of its own) anything inside the folder.
"""

import bz2
import functools
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

Files = dict[str, bytes]
PLAIN_TAR, PACKED_TARS, ZIPS = "tar", ("tar.gz", "tar.bz2", "tar.xz"), ("stored.zip", "deflated.zip", "zip64.zip")
KINDS = (PLAIN_TAR, *PACKED_TARS, *ZIPS)
EVIL_NAMES = (
    "../evil.jpg",
    "train/../../evil.jpg",
    "train/..",
    "..",
    "/evil.jpg",
    "//host/evil.jpg",
    "C:evil.jpg",
    "C:/evil.jpg",
    "train\\..\\evil.jpg",
    "\\\\host\\evil.jpg",
    "train/" + "n" * 300 + ".jpg",
    "é" * 200 + ".jpg",
    "d/" * 4000 + "evil.jpg",
)


@dataclass(frozen=True)
class Case:
    kind: str
    content: bytes
    files: Files | None  # None: only to be refused
    refusable: bool = True
    forged: bool = False  # an archive of its own: whatever it holds, but inside the folder


# ---- as honest packers write them ------------------------------------------------------------------------------------


def some_files(rng: random.Random) -> Files:
    names = ["train/1.jpg", "train/A/2.png", "val/é ü.jpg", "test/" + "long" * 40 + ".jpg", "train/empty.png"]
    files = {name: rng.randbytes(rng.choice([1, 511, 512, 513, 3000])) for name in rng.sample(names, 3)}
    return files | {"train/0.jpg": b"0" * rng.choice([0, 1, 5000])}


def packed(rng: random.Random, kind: str, files: Files) -> bytes:
    return tarred(rng, kind, files) if kind in (PLAIN_TAR, *PACKED_TARS) else zipped(kind, files)


def tarred(rng: random.Random, kind: str, files: Files, extra: tuple[bytes, ...] = ()) -> bytes:
    format = rng.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        folder = tarfile.TarInfo("train")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files.items():
            prefix = rng.choice(["", "./"]) if name.startswith(("train/", "val/", "test/")) else ""
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    whole = out.getvalue()
    if extra:
        whole = tar_body(whole) + b"".join(extra) + bytes(1024)
    return squeezed(kind, whole)


def tar_body(whole: bytes) -> bytes:
    """Without the zeros at the end."""
    used = len(whole.rstrip(b"\0"))
    return whole[: -(-used // 512) * 512]


def squeezed(kind: str, whole: bytes) -> bytes:
    match kind:
        case "tar.gz":
            return gzip.compress(whole, mtime=0)
        case "tar.bz2":
            return bz2.compress(whole)
        case "tar.xz":
            return lzma.compress(whole)
    return whole


def zipped(kind: str, files: Files) -> bytes:
    out = io.BytesIO()
    method = zipfile.ZIP_STORED if kind == "stored.zip" else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(out, "w", method) as zip:
        zip.writestr("train/", b"")
        for name, content in files.items():
            with zip.open(zipfile.ZipInfo(name), "w", force_zip64=kind == "zip64.zip") as file:
                file.write(content)
    return out.getvalue()


def honest(rng: random.Random) -> Case:
    kind, files = rng.choice(KINDS), some_files(rng)
    return Case(kind, packed(rng, kind, files), files, refusable=False)


# ---- damaged ---------------------------------------------------------------------------------------------------------


def truncated(rng: random.Random) -> Case:
    kind, files = rng.choice(KINDS), some_files(rng)
    whole = packed(rng, kind, files)
    return Case(kind, whole[: rng.randrange(len(whole))], files)


def flipped(rng: random.Random) -> Case:
    """One bit; of a plain tar, which has no checksum of contents and long names, one bit of a header or the end."""
    kind, files = rng.choice(KINDS), some_files(rng)
    if kind != PLAIN_TAR:
        damaged = bytearray(packed(rng, kind, files))
        at = rng.randrange(len(damaged))
    else:
        files = {f"train/{n}.jpg": rng.randbytes(512) for n in range(6)}
        damaged = bytearray(tarred(rng, kind, files))
        blocks = [0, *range(512, 512 * 13, 1024), *range(512 * 13, len(damaged), 512)]
        at = rng.choice(blocks) + rng.randrange(512)
    damaged[at] ^= 1 << rng.randrange(8)
    return Case(kind, bytes(damaged), files)


def scrambled(rng: random.Random) -> Case:
    """A stretch overwritten, cut out or doubled, where there is a checksum."""
    kind, files = rng.choice((*PACKED_TARS, *ZIPS)), some_files(rng)
    whole = packed(rng, kind, files)
    start = rng.randrange(len(whole))
    end = min(len(whole), start + rng.choice([1, 2, 4, 16, 512]))
    middle = rng.choice(
        [rng.randbytes(end - start), b"", whole[start:end] * 2, bytes(end - start), b"\xff" * (end - start)]
    )
    return Case(kind, whole[:start] + middle + whole[end:], files)


def joined(rng: random.Random) -> Case:
    """Something behind or before the archive: garbage, zeros, or another archive."""
    kind, files = rng.choice(KINDS), some_files(rng)
    whole = packed(rng, kind, files)
    other = packed(rng, kind, {"train/other.jpg": b"other"})
    first, second = rng.choice(
        [(whole, rng.randbytes(700)), (rng.randbytes(700), whole), (whole, other), (whole, bytes(700))]
    )
    content = first + second
    return Case(kind, content, None if second is other else files)


# ---- forged ----------------------------------------------------------------------------------------------------------


def evil_name(rng: random.Random) -> Case:
    kind, files = rng.choice(KINDS), some_files(rng)
    return Case(kind, packed(rng, kind, files | {rng.choice(EVIL_NAMES): b"evil"}), None)


def odd_name(rng: random.Random) -> Case:
    """Bytes that are no UTF-8, a NUL, nothing at all."""
    files = some_files(rng)
    raw = rng.choice(
        [b"train/\xff\xfe.jpg", b"train/caf\xe9.jpg", b"train/a\0b.jpg", b"\0b.jpg", b"", b".", b"./", b"//"]
    )
    if rng.random() < 0.5:
        marked = zipped("stored.zip", files | {"x" * len(raw): b"odd"}) if raw else nameless_zip()
        content = marked.replace(b"x" * len(raw), raw) if raw else marked
        if raw in {b"train/caf\xe9.jpg", b"train/\xff\xfe.jpg"}:  # of an old zip: code page 437
            return Case("zip", content, files | {raw.decode("cp437"): b"odd"}, refusable=False)
        return Case("zip", content, files if raw in (b"./", b"//") else None)
    content = tarred(rng, "tar.gz", files, (tar_header(name=raw, size=3), b"odd".ljust(512, b"\0")))
    if raw in (b"train/a\0b.jpg",):  # a tar's names end there
        return Case("tar.gz", content, files | {"train/a": b"odd"})
    return Case("tar.gz", content, files if raw in (b"./", b"//") else None)


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


def tar_header(
    *,
    name: bytes = b"train/9.jpg",
    size: int = 0,
    type: bytes = tarfile.REGTYPE,
    size_field: bytes = b"",
    link: bytes = b"",
) -> bytes:
    """A ustar header with a right checksum, whatever it says."""
    field = size_field or b"%011o\0" % size
    header = bytearray(name[:100].ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + field + b"%011o\0" % 0)
    header += b" " * 8 + type + link.ljust(100, b"\0") + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2
    return signed(header.ljust(512, b"\0"))


def signed(header: bytearray) -> bytes:
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def special_member(rng: random.Random) -> Case:
    types = b"123456DKLMNSVxgXAZ\xff7" + bytes([rng.randrange(256)])
    type = bytes([rng.choice(types)])
    link = rng.choice([b"/etc/passwd", b"../../evil", b"train/0.jpg"])
    files = some_files(rng)
    content = tarred(
        rng, rng.choice((PLAIN_TAR, *PACKED_TARS)), files, (tar_header(type=type, link=link, name=b"train/l.jpg"),)
    )
    return Case("tar", content, None, forged=type in (b"0", b"\0", b"5", b"7"))


def pax(records: bytes, *, type: bytes = tarfile.XHDTYPE) -> bytes:
    return tar_header(name=b"pax", size=len(records), type=type) + records.ljust(-(-len(records) // 512) * 512, b"\0")


def record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def lying_pax(rng: random.Random) -> Case:
    files = some_files(rng)
    numbers = [
        b"-1",
        b"-512",
        b"-99999",
        b"0",
        b"1",
        b"7",
        b"600",
        b"99999999999999999999",
        b"1e9",
        b"x",
        b"",
        b"9" * 5000,
    ]
    keys = [
        b"size",
        b"GNU.sparse.size",
        b"GNU.sparse.realsize",
        b"GNU.sparse.numblocks",
        b"GNU.sparse.map",
        b"mtime",
        b"uid",
    ]
    records = b"".join(record(rng.choice(keys), rng.choice(numbers)) for _ in range(rng.randrange(1, 4)))
    records += rng.choice(
        [
            b"",
            record(b"path", rng.choice([b"../evil.jpg", b"/evil.jpg", b"train/p.jpg", b"a\0b", b"\xff\xfe", b""])),
            record(b"hdrcharset", rng.choice([b"BINARY", b"\xff", b"x"])),
            record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0"),
            b"0 x=\n",
            b"99999 x=y\n",
            b"9" * 5000 + b" x=y\n",
            rng.randbytes(200),
        ]
    )
    type = rng.choice([tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE])
    member = tar_header(size=600) + rng.randbytes(1024)
    return Case(
        "tar",
        tarred(rng, rng.choice((PLAIN_TAR, "tar.gz")), files, (pax(records, type=type), member)),
        None,
        forged=True,
    )


def lying_number(rng: random.Random) -> Case:
    """Sizes in base 256, negative, beyond any disk, or no number at all."""
    numbers = [-1, -512, -1024, -(2**40), 2**40, 2**62, 2**80, 1024]
    fields = [b"\xff" * 4 + number.to_bytes(8, "big", signed=True) for number in numbers if number < 0]
    fields += [b"\x80" + number.to_bytes(11, "big") for number in numbers if number > 0] + [
        b"zzzzzzzzzzz\0",
        b" " * 12,
        b"7" * 12,
    ]
    type = bytes([rng.choice(b"0057xgLKSX")])
    extra = (tar_header(size_field=rng.choice(fields), type=type), rng.randbytes(rng.choice([0, 512, 1024])))
    return Case("tar", tarred(rng, rng.choice((PLAIN_TAR, *PACKED_TARS)), some_files(rng), extra), None, forged=True)


def random_header(rng: random.Random) -> Case:
    """A few random bytes in the header of a member, under a right checksum."""
    body = bytearray(tarred(rng, PLAIN_TAR, some_files(rng)))
    headers = [at for at in range(0, len(body), 512) if body[at + 257 : at + 262] == b"ustar"]
    at = rng.choice(headers)
    for _ in range(rng.randrange(1, 6)):
        body[at + rng.randrange(512)] = rng.choice([0, 0xFF, 0x80, rng.randrange(256)])
    body[at : at + 512] = signed(body[at : at + 512])
    return Case("tar", squeezed(rng.choice((PLAIN_TAR, *PACKED_TARS)), bytes(body)), None, forged=True)


def twice(rng: random.Random) -> Case:
    """The same place by two names, or a file where a folder is; names that differ by case are two places here."""
    kind, files = rng.choice(KINDS), some_files(rng)
    again = rng.choice(["./train/0.jpg", "train//0.jpg", "train/./0.jpg", "train/0.jpg/inner.jpg", "train"])
    if rng.random() < 0.2:
        files |= {"train/O.jpg": b"upper", "train/o.jpg": b"lower"}
        return Case(kind, packed(rng, kind, files), files, refusable=False)
    if kind in ZIPS:
        return Case(kind, zipped(kind, files | {again: b"again"}), None)
    return Case(kind, packed(rng, kind, files | {again: b"again"}), None)


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

MUCH = 40 * 2**20  # bytes; beyond what the judge allows a small archive, and beyond its memory


@functools.cache
def much(kind: str, *before: bytes) -> bytes:
    return squeezed(kind, b"".join(before) + bytes(MUCH))


def much_out_of_little(rng: random.Random) -> Case:
    kind = rng.choice((*PACKED_TARS, "deflated.zip"))
    if kind == "deflated.zip":
        return Case(kind, zipped_zeros(zipfile.ZIP_DEFLATED, MUCH), None)
    return Case(kind, much(kind, tar_header(size=MUCH)), None)


def long_header(rng: random.Random) -> Case:
    """A long name that the library would read into memory."""
    type = rng.choice([tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
    return Case("tar.gz", much("tar.gz", tar_header(size=MUCH, type=type)), None)


def long_end(rng: random.Random) -> Case:
    return Case("tar.gz", much("tar.gz", tar_header()), None)


@functools.cache
def many(*blocks: bytes) -> bytes:
    whole = b"".join(blocks)
    return squeezed("tar.gz", whole * (MUCH // 4 // len(whole)))


def chain_of_headers(rng: random.Random) -> Case:
    type = rng.choice([tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
    return Case("tar.gz", many(tar_header(size=1, type=type), b"n".ljust(512, b"\0")), None)


def endless_folders(rng: random.Random) -> Case:
    return Case("tar.gz", many(tar_header(name=b"d/", type=tarfile.DIRTYPE)), None)


def endless_globals(rng: random.Random) -> Case:
    """Headers for all members to come, each under a key of its own, between members."""
    blocks = (
        pax(record(b"key%d" % n, b"v" * 8000), type=tarfile.XGLTYPE) + tar_header(name=b"d/", type=b"5")
        for n in range(999)
    )
    return Case("tar.gz", squeezed("tar.gz", b"".join(blocks) + bytes(1024)), None)


@functools.cache
def sparse_map() -> bytes:
    lines = b"99999999\n" + b"0\n" * (MUCH // 2)
    records = record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0")
    member = pax(records) + tar_header(size=len(lines)) + lines.ljust(-(-len(lines) // 512) * 512, b"\0")
    return squeezed("tar.gz", member + bytes(1024))


def endless_sparse_map(rng: random.Random) -> Case:
    return Case("tar.gz", sparse_map(), None)


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


def endless_names(rng: random.Random) -> Case:
    names = b"".join(pax(record(b"path", b"d/" * 4000 + b"%d" % n)) + tar_header() for n in range(300))
    return Case("tar.gz", squeezed("tar.gz", names + bytes(1024)), None)


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


def nested(rng: random.Random) -> Case:
    """An archive in an archive is a file."""
    kind = rng.choice(KINDS)
    files = {"train/inner.zip": zipped("deflated.zip", {"../evil.jpg": bytes(10**5)}), "train/1.jpg": b"one"}
    return Case(kind, packed(rng, kind, files), files, refusable=False)


def foreign(rng: random.Random) -> Case:
    """No archive, or an empty one."""
    contents = [
        b"",
        b"PK",
        b"PK\3\4",
        b"PK\5\6" + bytes(18),
        bytes(1024),
        bytes(10240),
        gzip.compress(b""),
        gzip.compress(gzip.compress(b"x")),
        gzip.compress(bytes(1024)),
        b"<!doctype html><title>log in</title>",
        b"\x80\x04cos\nsystem\n(S'touch evil'\ntR.",
        b"\xff\xd8\xff\xe0" + rng.randbytes(500),
        b"BZh9" + rng.randbytes(500),
        b"\xfd7zXZ\0" + rng.randbytes(500),
        b"\x1f\x8b\x08" + rng.randbytes(500),
        b"Rar!\x1a\x07\x01\0" + rng.randbytes(500),
        b"7z\xbc\xaf\x27\x1c" + rng.randbytes(500),
        rng.randbytes(2000),
        b"PK\3\4" + rng.randbytes(2000),
    ]
    return Case("foreign", rng.choice(contents), None)


MAKERS: tuple[Callable[[random.Random], Case], ...] = (
    honest,
    truncated,
    flipped,
    scrambled,
    joined,
    evil_name,
    odd_name,
    badly_flagged_name,
    special_member,
    lying_pax,
    lying_number,
    random_header,
    twice,
    changed_zip,
    unreadable_zip,
    lying_zip64,
    much_out_of_little,
    long_header,
    long_end,
    chain_of_headers,
    endless_folders,
    endless_globals,
    endless_sparse_map,
    shared_bytes,
    small_size_announced,
    endless_names,
    nested,
    foreign,
)
