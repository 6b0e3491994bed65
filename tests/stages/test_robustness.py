"""Laws of robustness: the same drawings for every experiment, scored as evaluate scores; differences are paired."""

import copy
import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pix2pix.config.configuration import Configuration
from pix2pix.evaluation.edge_corruptions import bold
from pix2pix.files.image_listing import list_images
from pix2pix.files.images import Uint8, read_image, write_png
from pix2pix.pairs.edges import canny
from pix2pix.pairs.stitched import COLUMNS, stitch
from stages.evaluate import evaluate
from stages.render import render
from stages.robustness import main, robustness
from tests.support.repository import REPO
from tests.support.tiny import TINY, write_configuration
from tests.support.weights_cases import save_weights

OUT = Path("results/tiny/first")
EDGES: dict[str, dict[str, Any]] = {
    "canny": {"method": "canny", "blur_sigma": 1.0, "low": 40, "high": 110},
    "doodle": {"method": "doodle", "smoothing": 2.0, "low": 40, "high": 110, "min_length": 30, "width": 2},
}


def cars() -> Configuration:
    """TINY with two data sets of cars, of which `first` is trained on the one with canny edges."""
    whole = copy.deepcopy(TINY)
    source = {"source": "drawn_cars", "cars": 3, "views": 4, "size": 128, "seed": 0}
    for method, edges in EDGES.items():
        layout = {"layout": "carvana", "size": 128, "hold_out": 1, "seed": 0, "edges": edges}
        whole["datasets"][f"cars_{method}"] = {"download": source, "prepare": layout}
    for name in ("first", "first_mean"):
        whole["experiments"][name] |= {"dataset": "cars_canny", "direction": "AtoB"}
    whole["robustness"] = {"first": {"study": "tiny", "canny": "cars_canny", "doodle": "cars_doodle"}}
    return Configuration(whole)


TEST = cars().robustness("first")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of `first`, two photos of one car and one of another with both kinds of edges, and two sketches."""
    monkeypatch.chdir(tmp_path)
    save_weights(dataset="cars_canny", direction="AtoB")
    ids = ["a_01", "a_02", "b_01"]
    for method in EDGES:
        folder, rows = Path("data/pairs", f"cars_{method}"), []
        for i, (split, id) in enumerate([("train", "c_01"), *(("val", id) for id in ids)]):
            edges, photo = car(i)
            (folder / split).mkdir(parents=True, exist_ok=True)
            write_png(folder / split / f"{id}.png", stitch(bold(edges, by=1) if method == "doodle" else edges, photo))
            rows.append([id, split, id[0], 128, 128, f"{id}.jpg", "0" * 64])
        pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "pairs.csv", index=False)
    Path("sketches/cars").mkdir(parents=True)
    for name in ("beetle", "city_car"):
        Path(f"sketches/cars/{name}.png").symlink_to(REPO / f"sketches/cars/{name}.png")
    return tmp_path


def car(i: int) -> tuple[Uint8, Uint8]:
    """Edges and photo, 128 pixels, of a box on white."""
    photo = np.full((128, 128, 3), 255, np.uint8)
    photo[40:90, 10 + i : 120] = (90, 20 * i, 40)
    photo[50:60, 30:60] = 20
    return canny(photo, blur_sigma=0, low=40, high=110), photo


def read_rows() -> list[dict[str, str]]:
    with (OUT / "robustness.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_held_out_photo_is_tested_on_every_drawing_and_again_to_the_same_bytes(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    robustness(TEST)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("results/tiny/first/robustness.csv: 36 drawings of 3 photos, mean SSIM of the car 0.")
    rows = read_rows()
    metrics = ["psnr", "ssim", "l1", "fg_psnr", "fg_ssim", "fg_l1"]
    assert list(rows[0]) == ["edges", "corruption", "split", "id", "group", *metrics]
    counts = Counter((row["edges"], row["corruption"]) for row in rows)
    assert len(counts) == 2 * 6 and {*counts.values()} == {3}
    assert {row["group"] for row in rows} == {"a", "b"}
    assert all(read_image(OUT / name).std() > 5 for name in ("robustness.png", "sketches.png"))
    before = {path.name: path.read_bytes() for path in OUT.iterdir()}
    write_configuration(cars().sections)
    monkeypatch.setattr("sys.argv", ["robustness", "first"])
    main()
    assert {path.name: path.read_bytes() for path in OUT.iterdir()} == before and len(before) == 3


def test_drawings_as_prepared_score_what_evaluate_scores(repo: Path) -> None:
    first = cars().experiment("first")
    render(first)
    evaluate(first)
    robustness(TEST)
    prepared = [row for row in read_rows() if (row["edges"], row["corruption"]) == ("canny", "as prepared")]
    means = json.loads((OUT / "metrics.json").read_text(encoding="utf-8"))
    for key in list(prepared[0])[5:]:
        assert np.mean([float(row[key]) for row in prepared]) == pytest.approx(means[key], abs=1e-5)


def test_other_weights_and_other_photos_are_refused(repo: Path) -> None:
    save_weights(dataset="cars_canny", direction="AtoB", seed=5)
    with pytest.raises(ValueError, match=r"models/first: trained with seed: .*, but the configuration has"):
        robustness(TEST)
    save_weights(dataset="cars_canny", direction="AtoB")
    doodle = Path("data/pairs/cars_doodle")
    write_png(doodle / "val/b_01.png", stitch(*car(7)))
    with pytest.raises(ValueError, match=r"b_01\.png: side B is not the same photo"):
        robustness(TEST)
    lines = (doodle / "pairs.csv").read_text(encoding="utf-8").splitlines()
    (doodle / "pairs.csv").write_text("\n".join(line for line in lines if "a_02" not in line), encoding="utf-8")
    (doodle / "val/a_02.png").unlink()
    with pytest.raises(ValueError, match="data/pairs: val of cars_canny and of cars_doodle are not the same photos"):
        robustness(TEST)
    for path in list_images(Path("sketches/cars")):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="sketches/cars: no sketches"):
        robustness(TEST)
    assert not OUT.exists()


def test_every_shipped_sketch_is_like_a_prepared_drawing() -> None:
    sketches = list_images(REPO / "sketches/cars")
    assert len(sketches) == 12
    for path in sketches:
        sketch = read_image(path)
        assert sketch.shape == (256, 256, 3) and set(np.unique(sketch)) == {0, 255}, path
        assert 0.02 < (sketch == 0).mean() < 0.1, path
        y, x = np.nonzero(sketch[..., 0] == 0)
        assert abs(x.min() + x.max() - 255) < 40 and y.min() > 60 and y.max() < 220, path
