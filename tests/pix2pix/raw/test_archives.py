"""Laws of archives from others: read whole or refused in one line that names them; nothing is written elsewhere."""

import random
import re
import shutil
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from pix2pix.raw import archives
from pix2pix.raw.archives import DamagedArchiveError, list_members, unpack
from tests.support.raw_archives import write_tar, write_zip
from tests.support.soaks import Soak

KINDS = ("tar", "tar.gz", "tar.bz2", "tar.xz", "zip")
OUTSIDE = ("../evil", "train/../../evil", "..", "/evil", "//host/evil")
GOOD = {"train/1.jpg": b"good"}


def write(archive: Path, files: dict[str, bytes]) -> Path:
    return write_zip(archive, files) if archive.suffix == ".zip" else write_tar(archive, files)


def unpacked(archive: Path, folder: Path) -> dict[str, bytes]:
    unpack(archive, folder, wanted={name: Path(name) for name in list_members(archive)})
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(archive: Path) -> str:
    with pytest.raises(DamagedArchiveError) as caught:
        unpacked(archive, archive.with_name("out"))
    return str(caught.value).removeprefix(f"{archive}: ")


@pytest.mark.soak
def test_spoiled_archives_give_their_files_or_one_line_and_nothing_outside(tmp_path: Path, soak: Soak) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(soak.rounds(150, 3000)):
        rng = random.Random(number)
        kind, outside = rng.choice(KINDS), rng.choice([*OUTSIDE, *[""] * 30])
        files = {f"train/{n} é.jpg": bytes(rng.choices(range(9), k=rng.choice([0, 1, 512, 3000]))) for n in range(4)}
        folder = tmp_path / str(number)
        archive = write(folder / f"own.{kind}", files | ({outside: b"evil"} if outside else {}))
        archive.write_bytes(spoiled(rng, archive.read_bytes(), may_flip=kind != "tar"))
        try:
            assert unpacked(archive, folder / "raw/out") == files, number
            assert not outside, number
            outcomes["right"] += 1
        except DamagedArchiveError as error:
            assert re.fullmatch(rf"{archive}: [^\n]+", str(error)), number
            outcomes["refused"] += 1
        assert not {path.name for path in folder.iterdir()} - {archive.name, "raw"}, number
        assert not {path.name for path in folder.glob("raw/*")} - {"out"}, number
        shutil.rmtree(folder)
    assert not Path("/evil").exists() and not list(tmp_path.rglob("*evil*"))
    soak.counts |= outcomes


def spoiled(rng: random.Random, whole: bytes, *, may_flip: bool) -> bytes:
    """As an ill network or disk leaves it. A plain tar has no checksum of its contents: it is at most truncated."""
    at = rng.randrange(len(whole))
    end = at + rng.choice([1, 4, 512])
    spoils = [whole, whole[:at], rng.randbytes(2000), b"<!doctype html><title>log in</title>"]
    if may_flip:
        spoils += [whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]]
        spoils += [whole[:at] + middle + whole[end:] for middle in (b"", bytes(end - at), rng.randbytes(end - at))]
    return rng.choice(spoils)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", KINDS)
def test_truncated_archive_is_refused(tmp_path: Path, kind: str, part: float) -> None:
    """A plain tar also where a member ends, which tarfile takes for the end."""
    noise = random.Random(0)
    archive = write(tmp_path / f"own.{kind}", {f"train/{n}.jpg": noise.randbytes(512 * 9) for n in range(20)})
    whole = archive.read_bytes()[: 20 * 512 * 10 if kind == "tar" else None]
    archive.write_bytes(whole[: round(len(whole) * part)])
    assert "truncated" in refusal(archive)


@pytest.mark.parametrize("kind", KINDS)
def test_archive_without_files_is_refused(tmp_path: Path, kind: str) -> None:
    assert refusal(write(tmp_path / f"own.{kind}", {})) == "holds no files"


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        *((name, "would lie outside of the folder") for name in OUTSIDE),
        *((name, "comes twice") for name in ("./train/1.jpg", "train//1.jpg", "train/1.jpg/inner.jpg", "train")),
    ],
)
def test_member_in_a_wrong_place_is_refused_by_name(tmp_path: Path, kind: str, name: str, why: str) -> None:
    archive = write(tmp_path / f"own.{kind}", GOOD | {name: b"evil"})
    assert re.match(f"member '.*' {why}", refusal(archive))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused_by_name(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("train/2.jpg")
    member.type, member.linkname = kind, "/etc/passwd"
    link = zipfile.ZipInfo("train/2.jpg")
    link.external_attr = 0o120777 << 16
    for archive in (write_tar(tmp_path / "own.tar", GOOD, [member]), write_zip(tmp_path / "own.zip", GOOD, [link])):
        assert refusal(archive) == "member 'train/2.jpg' is a link or a device"


def test_encrypted_member_is_refused_by_name(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "own.zip", GOOD)
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    assert re.search(r"filename='train/1\.jpg' .* is encrypted", refusal(archive))


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(archives, "SMALL", 10**6)
    archive = write(tmp_path / f"own.{kind}", {"train/1.jpg": bytes(5 * 10**6)})
    assert re.fullmatch(r"\d+ bytes would unpack to 5000000 bytes or more", refusal(archive))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "start"), [("7z", b"7z\xbc\xaf\x27\x1c"), ("rar", b"Rar!\x1a\x07"), ("zstd", b"(\xb5/\xfd")]
)
def test_other_archives_are_named_as_such(tmp_path: Path, kind: str, start: bytes) -> None:
    archive = tmp_path / "own"
    archive.write_bytes(start + bytes(100))
    assert refusal(archive) == f"a {kind} archive; zip and tar are read"
