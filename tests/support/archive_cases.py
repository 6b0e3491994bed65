"""Archives honest, damaged, forged and blown up; every case from a seed."""

import gzip
import random
import zipfile
from collections.abc import Callable

from tests.support.packers import KINDS, MUCH, PACKED_TARS, PLAIN_TAR, ZIPS, Case, packed, some_files, tarred, zipped
from tests.support.tar_cases import (
    chain_of_headers,
    endless_folders,
    endless_globals,
    endless_names,
    endless_sparse_map,
    long_end,
    long_header,
    lying_number,
    lying_pax,
    much,
    random_header,
    special_member,
    tar_header,
)
from tests.support.zip_cases import (
    badly_flagged_name,
    changed_zip,
    lying_zip64,
    nameless_zip,
    shared_bytes,
    small_size_announced,
    unreadable_zip,
    zipped_zeros,
)

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


# ---- bombs, and what is no bomb --------------------------------------------------------------------------------------


def much_out_of_little(rng: random.Random) -> Case:
    kind = rng.choice((*PACKED_TARS, "deflated.zip"))
    if kind == "deflated.zip":
        return Case(kind, zipped_zeros(zipfile.ZIP_DEFLATED, MUCH), None)
    return Case(kind, much(kind, tar_header(size=MUCH)), None)


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
