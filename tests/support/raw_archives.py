"""Archives as hosts have them, and the raw folder that download makes of them."""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pix2pix.config.datasets import Source
from stages.download import download


def write_tar(path: Path, files: dict[str, bytes], extra: Iterable[tarfile.TarInfo] = ()) -> Path:
    """Packed as the name says: .tar, .gz, .bz2 or .xz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode: Any = f"w:{path.suffix[1:].replace('tgz', 'gz').replace('tar', '')}"
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra:
            tar.addfile(member)
    return path


def write_zip(path: Path, files: dict[str, bytes], extra: Iterable[zipfile.ZipInfo] = ()) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
        for member in extra:
            packed.writestr(member, b"")
    return path


def bring(tmp_path: Path, source: Source, mirror: Path | str | None = None) -> dict[str, bytes]:
    """Run the verb for a data set `some`; the raw folder it made, as relative path -> content."""
    raw = tmp_path / "data/raw"
    place = None if mirror is None else str(mirror)
    download("some", source, raw=raw, downloads=tmp_path / "scratch", mirror=place)
    assert [path.name for path in raw.iterdir()] == ["some"]
    return {path.relative_to(raw / "some").as_posix(): path.read_bytes() for path in raw.rglob("*") if path.is_file()}


def refused(tmp_path: Path, source: Source, mirror: Path | str | None = None) -> str:
    """The one line with which the verb refuses; nothing may be left in raw."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        bring(tmp_path, source, mirror)
    assert not list((tmp_path / "data/raw").iterdir())
    assert "\n" not in str(caught.value)
    return str(caught.value)
