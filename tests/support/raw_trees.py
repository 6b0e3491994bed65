"""A raw folder of each layout, small, and how prepare refuses a bad one."""

from pathlib import Path

import pytest
from PIL import Image

from pix2pix.config.drawings import CannyEdges, DifferenceOfGaussians, DoodleEdges, RedrawnEdges
from pix2pix.config.layouts import (
    CarvanaLayout,
    FoldersLayout,
    Gta5Layout,
    InpaintingLayout,
    Layout,
    StitchedLayout,
)
from stages.prepare import prepare
from tests.support.tiny import random_image

CANNY = CannyEdges(method="canny", blur_sigma=1.0, low=40, high=110)
DOODLE = DoodleEdges(method="doodle", smoothing=2.0, low=40, high=110, min_length=30, width=2)
PENCIL = DifferenceOfGaussians(method="difference_of_gaussians", sigma=1.0, threshold=4.0)
REDRAWN = RedrawnEdges(method="redrawn", drawings={"b": DOODLE, "a": CANNY}, kept_out=PENCIL)
CARS = CarvanaLayout(layout="carvana", size=64, hold_out=2, seed=0, edges=CANNY)
LAYOUTS: dict[str, Layout] = {
    "cars": CARS,
    "stitched": StitchedLayout(layout="stitched"),
    "folders": FoldersLayout(layout="folders"),
    "photos": InpaintingLayout(layout="inpainting", size=64, hole=32),
    "frames": Gta5Layout(layout="gta5", size=64, block=1, gap=0, hold_out=1, seed=0),
}
NAMES = ["train/1.png", "train/2.jpg", "train/10.jpg", "val/1.jpg", "test/1.jpg"]
FILES = {
    "stitched": NAMES,
    "photos": NAMES,
    "folders": ["train/A/x.png", "train/B/x.jpg", "valA/y.png", "valB/y.png"],
    "frames": [f"{kind}/0000{number}.png" for kind in ("images", "labels") for number in (1, 2, 3)],
}


def write_image(path: Path, *, width: int = 64, height: int = 32, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(random_image(seed, height, width))
    (image.quantize(20) if path.parent.name == "labels" else image).save(path)


def refusal(layout: Layout, raw: Path) -> str:
    with pytest.raises((ValueError, FileNotFoundError)) as refused:
        prepare(layout=layout, raw=raw, out=raw.parent / "pairs")
    assert sorted(p.name for p in raw.parent.iterdir()) == ["raw"], "something was left behind"
    return str(refused.value)
