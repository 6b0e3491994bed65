"""Tars forged and blown up; every case from a seed."""

import functools
import random
import tarfile

from tests.support.packers import MUCH, PACKED_TARS, PLAIN_TAR, Case, some_files, squeezed, tarred


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


# ---- bombs -----------------------------------------------------------------------------------------------------------


@functools.cache
def much(kind: str, *before: bytes) -> bytes:
    return squeezed(kind, b"".join(before) + bytes(MUCH))


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


def endless_names(rng: random.Random) -> Case:
    names = b"".join(pax(record(b"path", b"d/" * 4000 + b"%d" % n)) + tar_header() for n in range(300))
    return Case("tar.gz", squeezed("tar.gz", names + bytes(1024)), None)
