"""Archives as honest packers write them, and the case that is made of one.

A case is an archive's bytes and what may come of it: the true files, `None` for a refusal alone, or (for a forgery that
is an archive of its own) anything inside the folder.
"""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from dataclasses import dataclass

Files = dict[str, bytes]
PLAIN_TAR, PACKED_TARS, ZIPS = "tar", ("tar.gz", "tar.bz2", "tar.xz"), ("stored.zip", "deflated.zip", "zip64.zip")
KINDS = (PLAIN_TAR, *PACKED_TARS, *ZIPS)
MUCH = 40 * 2**20  # bytes; beyond what the judge allows a small archive, and beyond its memory


@dataclass(frozen=True)
class Case:
    kind: str
    content: bytes
    files: Files | None  # None: only to be refused
    refusable: bool = True
    forged: bool = False  # an archive of its own: whatever it holds, but inside the folder


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
