"""Laws of robustness: the same drawings for every experiment, scored as evaluate scores; differences are paired."""

import copy
import json
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
from pix2pix.reporting.robustness_table import robustness_lines
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


def cars_params(**keys: str) -> Configuration:
    """TINY with two data sets of cars, of which `first` is trained on the one with canny edges."""
    whole = copy.deepcopy(TINY)
    source = {"source": "drawn_cars", "cars": 3, "views": 4, "size": 128, "seed": 0}
    for method, edges in EDGES.items():
        layout = {"layout": "carvana", "size": 128, "hold_out": 1, "seed": 0, "edges": edges}
        whole["datasets"][f"cars_{method}"] = {"download": source, "prepare": layout, "labels": None, "held_out": "val"}
    for name in ("first", "first_mean"):
        whole["experiments"][name] |= {"dataset": "cars_canny", "direction": "AtoB"}
    whole["robustness"] = {"first": {"study": "tiny", "canny": "cars_canny", "doodle": "cars_doodle"} | keys}
    return Configuration(whole)


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


def read_table() -> pd.DataFrame:
    return pd.read_csv(OUT / "robustness.csv", dtype={"id": str})


def test_every_held_out_photo_is_tried_in_every_way(repo: Path) -> None:
    robustness(cars_params().robustness("first"))
    table = read_table()
    assert list(table.columns[:5]) == ["edges", "corruption", "split", "id", "group"]
    assert list(table.columns[5:]) == ["psnr", "ssim", "l1", "fg_psnr", "fg_ssim", "fg_l1"]
    counts = table.groupby(["edges", "corruption"]).size()
    assert len(counts) == 2 * 6 and set(counts) == {3}
    assert sorted(set(table["group"])) == ["a", "b"]
    assert all(read_image(OUT / name).std() > 5 for name in ("robustness.png", "sketches.png"))


def test_as_prepared_scores_what_evaluate_scores(repo: Path) -> None:
    configuration = cars_params()
    render(configuration.experiment("first"))
    evaluate(configuration.experiment("first"))
    robustness(configuration.robustness("first"))
    table = read_table()
    prepared = table[(table["edges"] == "canny") & (table["corruption"] == "as prepared")]
    scores = json.loads((OUT / "metrics.json").read_text(encoding="utf-8"))
    for score in table.columns[5:]:
        assert prepared[score].mean() == pytest.approx(scores[score], abs=1e-5)


def test_the_same_command_gives_the_same_bytes(repo: Path) -> None:
    results = []
    for _ in range(2):
        robustness(cars_params().robustness("first"))
        results.append({path.name: path.read_bytes() for path in OUT.iterdir()})
    assert results[0] == results[1] and len(results[0]) == 3


def test_weights_of_other_parameters_and_other_photos_are_refused(repo: Path) -> None:
    other = Path("data/pairs/cars_doodle/val/b_01.png")
    write_png(other, stitch(*car(7)))
    with pytest.raises(ValueError, match=r"b_01\.png: side B is not the same photo"):
        robustness(cars_params().robustness("first"))
    save_weights(dataset="cars_canny", direction="AtoB", seed=5)
    with pytest.raises(ValueError, match="models/first: trained with another seed"):
        robustness(cars_params().robustness("first"))
    assert not OUT.exists()


def test_an_experiment_that_is_not_asked_for_and_missing_sketches_are_named(repo: Path) -> None:
    with pytest.raises(ValueError, match="robustness: there is no 'first_mean'"):
        robustness(cars_params().robustness("first_mean"))
    for path in list_images(Path("sketches/cars")):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="sketches/cars: no sketches"):
        robustness(cars_params().robustness("first"))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"study": "other"}, "robustness.first.study: 'other', but experiments.first has 'tiny'"),
        ({"doodle": "cars_canny"}, "robustness.first.doodle: the edges of 'cars_canny' are not drawn by doodle"),
        ({"canny": "nope"}, "does not translate A of 'nope' or 'cars_doodle' to B"),
        ({"doodle": "nope"}, "robustness.first.doodle: there is no 'nope'"),
        ({"doodle": "houses"}, "robustness.first.doodle: the edges of 'houses' are not drawn by doodle"),
    ],
)
def test_an_entry_that_disagrees_with_its_experiment_is_refused(keys: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        cars_params(**keys).robustness("first")


def test_every_shipped_sketch_is_like_a_prepared_drawing() -> None:
    sketches = list_images(REPO / "sketches/cars")
    assert len(sketches) == 12
    for path in sketches:
        sketch = read_image(path)
        assert sketch.shape == (256, 256, 3) and set(np.unique(sketch)) == {0, 255}, path
        assert 0.02 < (sketch == 0).mean() < 0.1, path
        y, x = np.nonzero(sketch[..., 0] == 0)
        assert abs(x.min() + x.max() - 255) < 40 and y.min() > 60 and y.max() < 220, path


def made_up(scores: list[float], *, corruption: str = "bold") -> pd.DataFrame:
    ids = [f"{car}_{view}" for car in "abc" for view in "12"]
    table = pd.DataFrame({"edges": "canny", "corruption": corruption, "split": "val", "id": ids, "ssim": scores})
    return table.assign(group=[id[0] for id in ids])


def test_differences_are_paired_and_their_interval_counts_cars() -> None:
    first = made_up([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    other = made_up([0.2, 0.3, 0.5, 0.6, 0.8, 0.9]).sample(frac=1, random_state=0)  # + .1, .2, .3: t = 4.303, n = 3
    (line,) = robustness_lines({"one": first, "two": other}, "ssim")
    assert line == {
        "edges": "canny",
        "corruption": "bold",
        "one": "0.3500",
        "two": "0.5500",
        "two − one": "+0.2000 [-0.0484, 0.4484]",
    }


def test_other_drawings_are_not_compared() -> None:
    with pytest.raises(ValueError, match="one and two were not tested on the same drawings"):
        tests = {"one": made_up([0.0] * 6), "two": made_up([0.0] * 6, corruption="broken")}
        robustness_lines(tests, "ssim")


def test_the_command_tests(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    robustness(cars_params().robustness("first"))
    before = (OUT / "robustness.csv").read_bytes()
    (OUT / "robustness.csv").unlink()
    write_configuration(cars_params().sections)
    monkeypatch.setattr("sys.argv", ["robustness", "first"])
    main()
    assert (OUT / "robustness.csv").read_bytes() == before


def test_two_data_sets_of_other_photos_are_refused(repo: Path) -> None:
    table = Path("data/pairs/cars_doodle/pairs.csv")
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join(line for line in lines if not line.startswith("a_02")), encoding="utf-8")
    Path("data/pairs/cars_doodle/val/a_02.png").unlink()
    with pytest.raises(ValueError, match="data/pairs: val of cars_canny and of cars_doodle are not the same photos"):
        robustness(cars_params().robustness("first"))
    assert not OUT.exists()
