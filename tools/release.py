"""What is attached to a release: `make release`

*Reads* site/models/ (the small networks), results/ and records/.
*Writes* dist/: the networks; results.zip, all tables, scores and records; SHA256SUMS of them, for `sha256sum -c`.

No picture is among them, since many show photos of others; the networks' own examples are drawings.
"""

import argparse
import hashlib
import shutil
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from pix2pix.files.atomic import whole_folder
from pix2pix.files.entry_point import run

OUT, NETWORKS = Path("dist"), Path("site/models")
TABLES = ("results/**/*.md", "results/**/*.csv", "results/**/*.json", "records/*.json")


def release(out: Path) -> list[Path]:
    """Write the files of a release into `out`, the same bytes for the same content; their paths.

    Raises:
        FileNotFoundError: there are no networks, or no results.
    """
    networks = sorted(file for file in NETWORKS.glob("*") if file.suffix in (".onnx", ".json"))
    tables = sorted({file for pattern in TABLES for file in Path().glob(pattern)})
    for what, found in ((NETWORKS, networks), (Path("results"), tables)):
        if not found:
            raise FileNotFoundError(f"{what}: nothing to release")
    with whole_folder(out) as folder:
        for file in networks:
            shutil.copyfile(file, folder / file.name)
        with ZipFile(folder / "results.zip", "w", ZIP_DEFLATED) as archive:
            for file in tables:
                archive.writestr(ZipInfo(file.as_posix()), file.read_bytes(), ZIP_DEFLATED)
        files = sorted(folder.iterdir())
        sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
        (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")
    return sorted(out.iterdir())


def main() -> None:
    argparse.ArgumentParser(description="Write the files that a release has attached into dist/.").parse_args()
    files = release(OUT)
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{OUT}/: {len(files)} files, {size:.1f} MB; check them with `sha256sum -c SHA256SUMS` there")


if __name__ == "__main__":
    run(main)
