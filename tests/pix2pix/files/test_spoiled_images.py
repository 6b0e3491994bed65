"""Laws of spoiled raw files of any layout: the file is named, or its pair is as it was."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pix2pix.config.datasets import (
    CannyEdges,
    CarvanaLayout,
    FoldersLayout,
    Gta5Layout,
    InpaintingLayout,
    Layout,
    StitchedLayout,
)
from pix2pix.files.images import read_image
from pix2pix.pairs.stitched import read_pairs, split_sides
from stages.prepare import prepare
from tests.support.broken_images import MEGABYTES, REFUSED
from tests.support.image_cases import SEED, Rng, make, mask, png
from tests.support.memory import peak
from tests.support.soaks import Soak

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's of metadata, as the door of the verbs does

EDGES = CannyEdges(method="canny", blur_sigma=1.0, low=40, high=110)
LAYOUTS: dict[str, Layout] = {
    "stitched": StitchedLayout(layout="stitched"),
    "folders": FoldersLayout(layout="folders"),
    "inpainting": InpaintingLayout(layout="inpainting", size=64, hole=32),
    "carvana": CarvanaLayout(layout="carvana", size=64, hold_out=1, seed=0, edges=EDGES),
    "gta5": Gta5Layout(layout="gta5", size=64, block=1, gap=0, hold_out=1, seed=0),
}


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small good raw folder of each layout, and what `prepare` makes of it."""
    root, rng = tmp_path_factory.mktemp("trees"), np.random.default_rng(SEED)
    labels = np.array([[128, 64, 128], [0, 0, 142]], np.uint8)
    files: dict[str, dict[str, bytes]] = {name: {} for name in LAYOUTS}
    for n, kind in ((1, "PNG"), (2, "JPEG"), (3, "BMP")):
        for layout in ("stitched", "inpainting"):
            files[layout][f"train/{n}.{kind.lower()[:4]}"] = make(kind, rng, 64, 128)[0]
        for side, other in (("A", kind), ("B", "WEBP" if n == 1 else "TIFF lzw")):
            files["folders"][f"train{side}/{n}.{ {'TIFF lzw': 'tif'}.get(other, other.lower()[:4]) }"] = make(
                other, rng, 64, 64
            )[0]
        files["carvana"][f"train/{n}_01.jpg"] = make("JPEG", rng, 64, 96)[0]
        files["carvana"][f"train_masks/{n}_01_mask.gif"] = mask(
            np.pad(np.ones((32, 48), np.uint8), ((16,), (24,))), [0, 0, 0, 255, 255, 255]
        )
        files["gta5"][f"images/0000{n}.png"] = make("PNG", rng, 64, 96)[0]
        files["gta5"][f"labels/0000{n}.png"] = png(labels[rng.integers(0, 2, (64, 96))], colour=2)
    for layout, contents in files.items():
        for name, content in contents.items():
            path = root / layout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        prepare(layout=LAYOUTS[layout], raw=root / layout, out=root / f"{layout}.pairs")
    return {layout: root / layout for layout in LAYOUTS}


SPOILED = ["cut", "cut", "flipped", "flipped", "filled", "longer", "of another", "empty", "text", "folder", "pipe"]
SPOILED += ["dangling", "circle", "refused", "odd name", "hidden", "double"]
ODD_NAMES = ["a\nb", "a\rb", "a\x1b[31mb", "a\tb", os.fsdecode(b"a\xffb")]


def spoil(path: Path, how: str, rng: Rng) -> Path:  # noqa: PLR0912
    """Spoil a file; returns the path that a refusal has to name."""
    content = path.read_bytes()
    place = int(rng.integers(len(content)))
    match how:
        case "cut":
            path.write_bytes(content[: place if rng.integers(2) else -int(rng.integers(1, 40))])
        case "flipped":
            changed = bytearray(content)
            changed[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
        case "filled":
            path.write_bytes(content[:place] + bytes(len(content) - place))
        case "longer":
            path.write_bytes(content + rng.bytes(50))
        case "of another":
            others = sorted(p for p in path.parents[1].rglob("*") if p.is_file() and p != path)
            path.write_bytes(others[int(rng.integers(len(others)))].read_bytes())
        case "empty" | "text":
            path.write_bytes(b"" if how == "empty" else b"hello")
        case "refused":
            kinds = [kind for kind in REFUSED if "bomb" not in kind]
            path.write_bytes(REFUSED[kinds[int(rng.integers(len(kinds)))]][0]())
        case "double":
            other = path.with_suffix(".webp" if path.suffix != ".webp" else ".png")
            shutil.copy(path, other)
            return other
        case "odd name" | "hidden":
            name = f".{path.name}" if how == "hidden" else ODD_NAMES[int(rng.integers(len(ODD_NAMES)))] + path.suffix
            return path.rename(path.with_name(name))
        case _:
            path.unlink()
            match how:
                case "folder":
                    path.mkdir()
                case "pipe":
                    os.mkfifo(path)
                case "circle":
                    path.symlink_to(path.name)
                case _:
                    path.symlink_to("nothing")
    return path


@pytest.mark.soak
def test_a_spoiled_file_is_named_or_its_pair_is_as_it_was(trees: dict[str, Path], tmp_path: Path, soak: Soak) -> None:
    rng, rounds, refused = np.random.default_rng(SEED), soak.rounds(120, 1000), 0
    for i in range(rounds):
        layout, how = list(LAYOUTS)[i % len(LAYOUTS)], SPOILED[int(rng.integers(len(SPOILED)))]
        raw, good = Path(shutil.copytree(trees[layout], tmp_path / "raw")), trees[layout].with_suffix(".pairs")
        files = sorted(path for path in raw.rglob("*") if path.is_file())
        victim = files[int(rng.integers(len(files)))]
        kind, before = Image.open(victim).format, peak()
        named = spoil(victim, how, rng)
        case = (i, layout, how, victim.name)
        try:
            rows = prepare(layout=LAYOUTS[layout], raw=raw, out=tmp_path / "pairs")
        except (ValueError, OSError) as error:
            refused += 1
            line = str(error)
            stems = (named.name, repr(named.name), victim.stem.removesuffix("_mask"))
            assert any(stem in line for stem in stems) and ("\n" not in line or how == "odd name"), (case, line)
            assert [path.name for path in tmp_path.iterdir()] == ["raw"], case
        else:
            assert len(rows) == len(pd.read_csv(tmp_path / "pairs/pairs.csv"))
            for row in rows:
                (pair,) = (p for p in read_pairs(tmp_path / "pairs", row.split) if p.id == row.id)
                a, b = split_sides(read_image(pair.path))
                assert a.shape == b.shape == (row.height, row.width, 3), case
                # without checksums, flipped bits and zeros in place of data can't be seen everywhere
                sure = kind == "PNG" or how in ("cut", "longer", "hidden") or (how == "filled" and kind == "JPEG")
                if sure and how != "of another":
                    there = next(good.glob(f"{row.split}/{row.id}.*"))
                    np.testing.assert_array_equal(read_image(pair.path), read_image(there), err_msg=str(case))
            shutil.rmtree(tmp_path / "pairs")
        assert peak() - before < MEGABYTES, case
        shutil.rmtree(raw)
    assert refused > rounds / 2
    soak.counts["files"], soak.counts["refused"] = rounds, refused
