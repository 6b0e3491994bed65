"""Laws of archives: read whole or refused by name, and nothing leaves its folder."""

import gzip
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config.datasets import LocalSource
from pix2pix.raw import archives
from tests.support.raw import refused, write_tar, write_zip


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["tar.gz", "tar", "zip"])
def test_truncated_archive_is_refused_by_name(tmp_path: Path, kind: str, part: float) -> None:
    noise = np.random.default_rng(0)
    files = {f"train/{n}.jpg": noise.bytes(3000) for n in range(20)}
    archive = tmp_path / f"own.{kind}"
    if kind == "zip":
        write_zip(archive, files)
    else:
        packed = write_tar(tmp_path / "packed", files).read_bytes()
        archive.write_bytes(packed if kind == "tar.gz" else gzip.decompress(packed))
    whole = archive.read_bytes()
    if kind == "tar":
        whole = whole[: 20 * (512 + 3072) + 512]  # with one block of its end
    archive.write_bytes(whole[: int(len(whole) * part)])
    assert "own." in (line := refused(tmp_path, LocalSource(source="local", path=str(archive))))
    assert "truncated or not a readable archive" in line


@pytest.mark.parametrize("name", ["../evil.jpg", "train/../../evil.jpg", "/evil.jpg", "C:/evil.jpg", "train\\evil.jpg"])
def test_no_member_leaves_the_folder(tmp_path: Path, name: str) -> None:
    good = {"train/1.jpg": b"good"}
    for archive in (
        write_tar(tmp_path / "own.tar.gz", good | {name: b"evil"}),
        write_zip(tmp_path / "own.zip", good | {name: b"evil"}),
    ):
        line = refused(tmp_path, LocalSource(source="local", path=str(archive)))
        why = "was packed with backslashes; pack it anew with /" if "\\" in name else "would leave the folder; refused"
        assert line == f"{archive}: member {name!r} {why}"
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("train/2.jpg")
    member.type, member.linkname = kind, "/etc/passwd"
    archive = write_tar(tmp_path / "own.tar", {"train/1.jpg": b"good"}, [member])
    assert "'train/2.jpg' is a link or a device" in refused(tmp_path, LocalSource(source="local", path=str(archive)))


def test_sparse_member_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("train/2.jpg")
    member.type = tarfile.GNUTYPE_SPARSE
    archive = write_tar(tmp_path / "own.tar", {"train/1.jpg": b"good"}, [member])
    assert "sparse members are not read" in refused(tmp_path, LocalSource(source="local", path=str(archive)))


def test_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("train/2.jpg")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as packed:
        packed.writestr(link, "/etc/passwd")
    line = refused(tmp_path, LocalSource(source="local", path=str(tmp_path / "own.zip")))
    assert "'train/2.jpg' is a link or a device" in line


def test_member_that_comes_twice_is_refused(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "own.tar", {"train/1.jpg": b"one", "./train/1.jpg": b"another"})
    assert "comes twice" in refused(tmp_path, LocalSource(source="local", path=str(archive)))


def test_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL", 10**6)
    archive = write_zip(tmp_path / "own.zip", {"train/1.jpg": bytes(5 * 10**6)})
    assert "5000000 bytes" in refused(tmp_path, LocalSource(source="local", path=str(archive)))
