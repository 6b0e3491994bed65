"""Archives as hosts have them, and the raw folder that download makes of them."""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from pix2pix.config.datasets import Source
from stages.download import download


def write_tar(path: Path, files: dict[str, bytes], extra: Iterable[tarfile.TarInfo] = ()) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra:
            tar.addfile(member)
    return path


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def bring(tmp_path: Path, source: Source, mirror: Path | None = None, name: str = "some") -> dict[str, bytes]:
    """Run the verb; the raw folder it made, as relative path -> content."""
    raw = tmp_path / "data/raw"
    download(name, source, raw=raw, downloads=tmp_path / "scratch", mirror=None if mirror is None else str(mirror))
    assert [path.name for path in raw.iterdir()] == [name]
    files = sorted(path for path in (raw / name).rglob("*") if path.is_file())
    return {path.relative_to(raw / name).as_posix(): path.read_bytes() for path in files}


def refused(tmp_path: Path, source: Source, mirror: Path | None = None) -> str:
    """The one line with which the verb refuses; nothing may be left in raw."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        bring(tmp_path, source, mirror)
    assert not list((tmp_path / "data/raw").iterdir())
    assert "\n" not in str(caught.value)
    return str(caught.value)
