"""Laws of scoring: the numbers are those of the PNGs, by anyone's reckoning; it needs no network and misses no PNG."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pix2pix.config.configuration import Configuration
from pix2pix.evaluation.distributions import distributions, joined
from pix2pix.evaluation.set_scores import SetPair, read_sets
from pix2pix.files.images import Uint8, read_image, write_png
from pix2pix.pairs.palettes import FACADES, decode
from pix2pix.pairs.stitched import COLUMNS, stitch
from stages import evaluate as module
from stages.evaluate import evaluate
from tests.support.repository import REPO
from tests.support.results import save_rendered, sides
from tests.support.tiny import TINY, random_image

OUT = Path("results/tiny/first")
IMAGES = OUT / "images/val"
METRICS = ["psnr", "ssim", "l1"]
OF_SET = ["lsd", "lab_l", "lab_a", "lab_b"]
WANG = {"channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
LOSSES = {"train_l1": 0.25, "train_gan": None, "val_l1": 0.375, "val_gan": None}  # of the last epoch


def recomputed(*, size: int, target: int) -> pd.DataFrame:
    """Scores of every PNG against side `target` of its pair, by scikit-image and Pillow alone."""
    rows = []
    for path in sorted(OUT.glob("images/val/*.png")):
        generated = np.asarray(Image.open(path).convert("RGB"))
        wanted = np.asarray(sides(Path("data/pairs/houses/val", path.name), size)[target])
        ssim = structural_similarity(wanted, generated, **WANG)  # type: ignore[no-untyped-call]
        psnr = peak_signal_noise_ratio(wanted, generated, data_range=255)  # type: ignore[no-untyped-call]
        rows.append([path.stem, psnr, ssim, np.abs(generated / 255 - wanted / 255).mean()])
    return pd.DataFrame(rows, columns=["id", *METRICS])


def read_scores(out: Path = OUT) -> tuple[pd.DataFrame, dict[str, Any], dict[str, Any]]:
    table = pd.read_csv(out / "per_image.csv", dtype={"id": str, "group": str})
    means, intervals = (json.loads((out / f"{name}.json").read_text("utf-8")) for name in ("metrics", "intervals"))
    return table, means, intervals


@pytest.mark.parametrize(("direction", "size"), [("BtoA", 64), ("AtoB", 64), ("BtoA", 128)])
def test_the_numbers_are_those_of_the_pictures(
    tiny_repo: Path, configuration: Configuration, direction: str, size: int
) -> None:
    """Direction and size are those of the card: what was rendered, whatever the configuration says by now."""
    save_rendered(direction=direction, recipe=TINY["recipes"]["quick"] | {"size": size, "load_size": 128})
    evaluate(configuration.experiment("first"))
    table, means, intervals = read_scores()
    assert list(table.columns) == [
        "split",
        "id",
        "group",
        *METRICS,
        *(["pixel_accuracy"] if direction == "AtoB" else ["blotches", "checkerboard"]),
    ]
    assert [table[column].tolist() for column in ("split", "id", "group")] == [["val"] * 3, list("123"), list("123")]
    expected = recomputed(size=size, target=int(direction == "AtoB"))
    np.testing.assert_allclose(table[METRICS], expected[METRICS], atol=1e-6, rtol=0)
    assert (means["n"], means["groups"]) == (3, 3)
    for metric in METRICS:
        assert means[metric] == pytest.approx(expected[metric].mean(), abs=1e-6)
        assert intervals[metric]["sd"] == pytest.approx(expected[metric].std(), abs=1e-6)
        assert intervals[metric]["low"] <= means[metric] <= intervals[metric]["high"]
    assert {key: means[key] for key in LOSSES} == LOSSES
    labels = ["pixel_accuracy", "class_accuracy", "mean_iou", *(f"iou_{name}" for name in FACADES)]
    scores = ["equal", *METRICS, *OF_SET, *LOSSES]
    assert {*means} == {"n", "groups", *scores, *(labels if direction == "AtoB" else ["blotches", "checkerboard"])}
    assert [*intervals] == [*table.columns[3:], *OF_SET]
    before = {path.name: path.read_bytes() for path in OUT.iterdir() if path.is_file()}
    made = {"metrics.json", "intervals.json", "controls.json", "per_image.csv", "distributions.npz"}
    assert {*before} == {"card.json", "best_and_worst.png", *made}
    evaluate(configuration.experiment("first"))
    assert {path.name: path.read_bytes() for path in OUT.iterdir() if path.is_file()} == before


def test_equal_pictures_have_the_psnr_of_rounding_and_are_counted(
    tiny_repo: Path, configuration: Configuration
) -> None:
    save_rendered(noise=0)
    write_png(IMAGES / "2.png", 255 - read_image(IMAGES / "2.png"))
    evaluate(configuration.experiment("first"))
    table, means, _ = read_scores()
    of_rounding = 10 * np.log10(255**2 * 12)
    assert table[METRICS].loc[[0, 2]].to_numpy().tolist() == [[pytest.approx(of_rounding), 1.0, 0.0]] * 2
    assert means["equal"] == 2
    assert means["psnr"] == pytest.approx((2 * of_rounding + table["psnr"][1]) / 3)


def read_controls(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "controls.json").read_text("utf-8")))


def test_the_scores_of_the_set_are_those_of_the_pictures(tiny_repo: Path, configuration: Configuration) -> None:
    """Recomputed from the PNGs alone; metrics.json, intervals.json and what a report compares say the same."""
    save_rendered(noise=30)
    evaluate(configuration.experiment("first"))
    _, means, intervals = read_scores()
    generated = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(IMAGES.iterdir())]
    targets = [np.asarray(sides(path, 64)[0]) for path in sorted(Path("data/pairs/houses/val").iterdir())]
    pair = SetPair(joined(list(map(distributions, generated))), joined(list(map(distributions, targets))))
    assert {key: means[key] for key in OF_SET} == pytest.approx(pair.scores(), abs=1e-8)
    for key, summary in pair.summaries(list("123")).items():
        assert intervals[key] == {"sd": None, "low": pytest.approx(summary.low), "high": pytest.approx(summary.high)}
    kept = read_sets(OUT / "distributions.npz", prefixes=[""], images=3, made_by="")
    assert kept[""].scores() == pair.scores()
    assert read_controls(OUT) == {}


def photo(pair: Path) -> Uint8:
    return np.asarray(sides(pair, 64)[0])


def test_the_ceiling_and_the_limits_stand_beside_mean_and_l1(tiny_repo: Path) -> None:
    l1 = TINY["recipes"]["quick"] | {"gan_weight": 0.0}
    configuration = Configuration(TINY | {"recipes": {"quick": l1}})
    for name, card in {"first": {"recipe": l1}, "first_mean": {"model": {"kind": "mean"}}}.items():
        save_rendered(OUT.with_name(name), **card)
    for path in IMAGES.iterdir():
        write_png(path, np.asarray(cv2.GaussianBlur(read_image(path), (0, 0), 2), np.uint8))
    evaluate(configuration.experiment("first"))
    evaluate(configuration.experiment("first_mean"))
    (noise,) = read_controls(OUT).items()
    blurred = read_scores()[1]
    assert noise[0] == "noise" and noise[1]["metrics"]["lsd"] < 0.5 * blurred["lsd"]
    assert noise[1]["metrics"]["l1"] > blurred["l1"] - 0.01
    beside_mean = read_controls(OUT.with_name("first_mean"))
    assert [*beside_mean] == ["training", "shuffled"]
    shuffled, training = beside_mean["shuffled"]["metrics"], beside_mean["training"]
    assert (shuffled["lsd"], shuffled["lab_a"], shuffled["equal"]) == (0, 1, 0) and shuffled["ssim"] < 0.9
    chosen = [photo(Path("data/pairs/houses/train", f"{i}.png")) for i in (1, 5, 8)]  # 3 of 8, evenly
    targets = [photo(path) for path in sorted(Path("data/pairs/houses/val").iterdir())]
    ceiling = SetPair(joined(list(map(distributions, chosen))), joined(list(map(distributions, targets))))
    assert training["metrics"] == pytest.approx({"n": 3, "groups": 3} | ceiling.scores(), abs=1e-8)
    assert [*training["intervals"]] == OF_SET


EDGES = {"method": "canny", "blur_sigma": 1.0, "low": 40, "high": 110}
CARS = {"prepare": {"layout": "carvana", "size": 64, "hold_out": 1, "seed": 0, "edges": EDGES}}


def car() -> tuple[Uint8, np.ndarray[Any, np.dtype[np.bool_]]]:
    """A masked-out photo with a white number plate, and where the car is, plate included."""
    inside = np.zeros((64, 64), np.bool_)
    inside[20:50, 10:60] = True
    photo = np.where(inside[..., None], random_image(1) // 2, 255).astype(np.uint8)
    photo[40:44, 30:40] = 255
    return photo, inside


@pytest.mark.parametrize(("layout", "direction"), [("carvana", "AtoB"), ("carvana", "BtoA"), ("stitched", "AtoB")])
def test_cars_on_white_are_also_scored_alone(tiny_repo: Path, layout: str, direction: str) -> None:
    """Only where the target is the masked-out photo: layout carvana, edges to photo."""
    photo, inside = car()
    root = Path("data/pairs/cars/val")
    root.mkdir(parents=True)
    write_png(root / "car_01.png", stitch(random_image(0), photo))
    row = ["car_01", "val", "car", 64, 64, "x", "0"]
    pd.DataFrame([row], columns=COLUMNS).to_csv(root / "../pairs.csv", index=False)
    cars = TINY["datasets"]["houses"] | (CARS if layout == "carvana" else {"prepare": {"layout": layout}})
    experiment = TINY["experiments"]["first_mean"] | {"dataset": "cars"}
    whole = TINY | {"datasets": TINY["datasets"] | {"cars": cars}, "experiments": {"first_mean": experiment}}
    out = Path("results/tiny/first_mean")
    save_rendered(out, dataset="cars", direction=direction)
    evaluate(Configuration(whole).experiment("first_mean"))
    table, means, intervals = read_scores(out)
    alone = ["fg_psnr", "fg_ssim", "fg_l1"] if (layout, direction) == ("carvana", "AtoB") else []
    artefacts = [f"{part}{key}" for key in ("blotches", "checkerboard") for part in (("", "fg_") if alone else ("",))]
    assert list(table.columns) == ["split", "id", "group", *METRICS, *alone, *artefacts]
    foreground = [f"fg_{key}" for key in OF_SET] if alone else []
    assert [*intervals] == [*METRICS, *alone, *artefacts, *OF_SET, *foreground]
    assert intervals["l1"]["sd"] is None, "one image has no spread"
    if alone:
        generated = np.asarray(Image.open(out / "images/val/car_01.png"), np.float64)
        assert means["fg_l1"] == pytest.approx(np.abs(generated - photo)[inside].mean() / 255, abs=1e-6)
        error = np.square(generated - photo)[inside].mean()
        assert means["fg_psnr"] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-6)


def test_label_maps_are_scored_by_class_over_all_images_at_once(tiny_repo: Path, configuration: Configuration) -> None:
    save_rendered(direction="AtoB", noise=60)
    evaluate(configuration.experiment("first"))
    table, means, _ = read_scores()
    hits, each = [], {name: np.zeros(3) for name in FACADES}
    for path in sorted(Path("data/pairs/houses/val").iterdir()):
        predicted = decode(read_image(OUT / "images/val" / path.name), "facades")
        truth = decode(np.asarray(sides(path, 64)[1]), "facades")
        hits.append((predicted == truth).mean())
        for index, name in enumerate(FACADES):
            a, b = predicted == index, truth == index
            each[name] += [(a & b).sum(), (a | b).sum(), b.sum()]
    np.testing.assert_allclose(table["pixel_accuracy"], hits, atol=1e-6)
    assert means["pixel_accuracy"] == pytest.approx(np.mean(hits))
    assert 0.2 < means["pixel_accuracy"] < 0.9, "the noise must make mistakes"
    present = [both / true for both, _, true in each.values() if true]
    assert means["class_accuracy"] == pytest.approx(np.mean(present))
    ious = {name: both / either for name, (both, either, _) in each.items() if either}
    assert means["mean_iou"] == pytest.approx(np.mean(list(ious.values())))
    assert {name: means[f"iou_{name}"] for name in ious} == pytest.approx(ious, abs=1e-6)


def test_the_best_the_median_and_the_worst_are_shown(
    tiny_repo: Path, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: dict[str, Any] = {}
    monkeypatch.setattr(module, "grid", lambda rows, **texts: composed.update(texts, rows=rows) or random_image(0))
    save_rendered()
    evaluate(configuration.experiment("first"))
    order = read_scores()[0].sort_values("ssim", ascending=False)
    for word, id, ssim, label, row in zip(
        ("best", "median", "worst"), order["id"], order["ssim"], composed["labels"], composed["rows"], strict=True
    ):
        assert label == f"{word}\n{id}\nSSIM {ssim:.3f}"
        np.testing.assert_array_equal(row[1], read_image(OUT / f"images/val/{id}.png"))


INEXACT = r"first/images/val: does not hold exactly the images of split 'val'; render again"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda: shutil.rmtree(OUT), r"card\.json: there is no such file; run `python -m stages\.render first` first"),
        (lambda: shutil.rmtree(OUT / "images"), INEXACT),
        ((IMAGES / "2.png").unlink, INEXACT),
        (lambda: write_png(IMAGES / "4.png", random_image(0)), INEXACT),
        (lambda: write_png(IMAGES / "2.bmp", random_image(0)), INEXACT),
        (lambda: write_png(IMAGES / "2.png", random_image(0, 64, 63)), r"2\.png: 63 x 64 pixels, its target 64 x 64"),
        (lambda: (IMAGES / "2.png").write_bytes(b"\x89PNG"), r"first/images/val/2\.png: not a readable image"),
        (lambda: shutil.rmtree("models/first"), r"models/first/history\.csv: .*; run `.*train first` first"),
    ],
    ids=["nothing", "no folder", "one missing", "one more", "a name twice", "a size", "broken", "not trained"],
)
def test_what_was_not_rendered_whole_is_not_scored(
    tiny_repo: Path, configuration: Configuration, spoil: Callable[[], Any], says: str
) -> None:
    save_rendered()
    spoil()
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        evaluate(configuration.experiment("first"))
    assert not (OUT / "metrics.json").exists()


def test_scoring_needs_no_network() -> None:
    code = "import sys, stages.evaluate; print({'torch', 'safetensors'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=REPO, text=True) == "set()\n"
