"""Laws of scoring: the numbers are those of the PNGs, by anyone's reckoning; it needs no network and misses no PNG."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pix2pix.config.configuration import Configuration
from pix2pix.files.image_grid import tiles
from pix2pix.files.images import Uint8, read_image, write_png
from pix2pix.pairs.palettes import FACADES, decode
from pix2pix.pairs.stitched import COLUMNS, stitch
from stages.evaluate import evaluate
from tests.support.repository import REPO
from tests.support.tiny import TINY, random_image

OUT = Path("results/tiny/first")
SCORES = ["psnr", "ssim", "l1"]
WANG = {"channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
CARD = {
    "dataset": "houses",
    "direction": "BtoA",
    "seed": 0,
    "model": TINY["models"]["tiny"],
    "recipe": TINY["recipes"]["quick"],
    "epoch": 3,
    "split": "val",
    "grid": ["1", "2", "3"],
}
HISTORY = "epoch,step,images,train_l1,train_gan,val_l1,val_gan\n1,4,8,0.5,2.0,0.6,3.0\n2,8,16,0.25,,0.375,\n"
LOSSES = {"train_l1": 0.25, "train_gan": None, "val_l1": 0.375, "val_gan": None}


def save_rendered(out: Path = OUT, *, noise: float = 20, **card: Any) -> None:
    """What `render` leaves: here noisy copies of the targets."""
    about = CARD | card
    size, right = about["recipe"]["size"], about["direction"] == "AtoB"
    (out / "images/val").mkdir(parents=True)
    for path in sorted(Path("data/pairs", about["dataset"], "val").iterdir()):
        target = np.asarray(sides(path, size)[right], np.float64)
        noisy = target + np.random.default_rng(int(path.stem[-1])).normal(0, noise, target.shape)
        write_png(out / f"images/val/{path.name}", noisy.round().clip(0, 255).astype(np.uint8))
    (out / "card.json").write_text(json.dumps(about), encoding="utf-8")
    history = Path("models", out.name, "history.csv")
    history.parent.mkdir(parents=True, exist_ok=True)
    history.write_text(HISTORY, encoding="utf-8")


def sides(path: Path, size: int) -> tuple[Image.Image, Image.Image]:
    """A and B of a pair at `size`, read as anyone would."""
    with Image.open(path) as pair:
        half = pair.width // 2
        a, b = pair.crop((0, 0, half, pair.height)), pair.crop((half, 0, pair.width, pair.height))
    bicubic = Image.Resampling.BICUBIC
    return a.resize((size, size), bicubic), b.resize((size, size), bicubic)


def recomputed(out: Path, *, size: int, right: bool) -> pd.DataFrame:
    """Scores of every PNG by scikit-image and Pillow, without a line of the project."""
    rows = []
    for path in sorted(out.glob("images/val/*.png")):
        pair = sides(Path("data/pairs", json.loads((out / "card.json").read_text())["dataset"], "val", path.name), size)
        generated, target = np.asarray(Image.open(path).convert("RGB")), np.asarray(pair[right])
        ssim = structural_similarity(target, generated, **WANG)  # type: ignore[no-untyped-call]
        psnr = peak_signal_noise_ratio(target, generated, data_range=255)  # type: ignore[no-untyped-call]
        rows.append([path.stem, psnr, ssim, np.abs(generated / 255 - target / 255).mean()])
    return pd.DataFrame(rows, columns=["id", *SCORES])


def read_scores(out: Path = OUT) -> tuple[pd.DataFrame, dict[str, Any]]:
    table = pd.read_csv(out / "per_image.csv", dtype={"id": str, "group": str})
    return table, json.loads((out / "metrics.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("direction", "size"), [("BtoA", 64), ("AtoB", 64), ("BtoA", 128)])
def test_the_numbers_are_those_of_the_pictures(
    tiny_repo: Path, configuration: Configuration, direction: str, size: int
) -> None:
    """Direction and size are those of the card: what was rendered, not what params.yaml says by now."""
    save_rendered(direction=direction, recipe=TINY["recipes"]["quick"] | {"size": size})
    evaluate(configuration.experiment("first"))
    table, metrics = read_scores()
    assert list(table.columns) == ["split", "id", "group", *SCORES, *(["pixel_accuracy"] * (direction == "AtoB"))]
    assert table["id"].tolist() == ["1", "2", "3"]
    assert table["group"].tolist() == ["1", "2", "3"]
    assert set(table["split"]) == {"val"}
    expected = recomputed(OUT, size=size, right=direction == "AtoB")
    np.testing.assert_allclose(table[SCORES], expected[SCORES], atol=1e-6, rtol=0)
    assert (metrics["n"], metrics["groups"]) == (3, 3)
    for score in SCORES:
        assert metrics[score] == pytest.approx(expected[score].mean(), abs=1e-6)
        assert metrics[f"{score}_sd"] == pytest.approx(expected[score].std(), abs=1e-6)
        assert metrics[f"{score}_ci95_low"] <= metrics[score] <= metrics[f"{score}_ci95_high"]
    assert {key: metrics.pop(key) for key in LOSSES} == LOSSES, "those of the last epoch"
    labels = ["pixel_accuracy"] if direction == "AtoB" else []
    assert len(metrics) == 2 + 4 * len(SCORES) + len(labels) * (3 + len(FACADES))


def test_scoring_again_changes_no_byte(tiny_repo: Path, configuration: Configuration) -> None:
    save_rendered()
    evaluate(configuration.experiment("first"))
    before = {path: path.read_bytes() for path in OUT.iterdir() if path.is_file()}
    assert {path.name for path in before} == {"card.json", "metrics.json", "per_image.csv", "strip.png"}
    evaluate(configuration.experiment("first"))
    assert {path: path.read_bytes() for path in OUT.iterdir() if path.is_file()} == before


def test_equal_pictures_are_infinitely_good_and_the_files_still_readable(
    tiny_repo: Path, configuration: Configuration
) -> None:
    save_rendered(noise=0)
    evaluate(configuration.experiment("first"))
    table, metrics = read_scores()
    assert table[SCORES].to_numpy().tolist() == [[np.inf, 1.0, 0.0]] * 3
    assert [metrics[key] for key in ("psnr", "psnr_sd", "psnr_ci95_low", "ssim", "l1")] == [None, None, None, 1.0, 0.0]


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
    pd.DataFrame([["car_01", "val", "car", 64, 64, "x", "0"]], columns=COLUMNS).to_csv(
        root / "../pairs.csv", index=False
    )
    cars = TINY["datasets"]["houses"] | {"labels": None} | (CARS if layout == "carvana" else {})
    experiment = TINY["experiments"]["first_mean"] | {"dataset": "cars"}
    configuration = Configuration(
        TINY | {"datasets": TINY["datasets"] | {"cars": cars}, "experiments": {"first_mean": experiment}}
    )
    out = Path("results/tiny/first_mean")
    save_rendered(out, dataset="cars", direction=direction)
    evaluate(configuration.experiment("first_mean"))
    table, metrics = read_scores(out)
    expected = [*SCORES, "fg_psnr", "fg_ssim", "fg_l1"] if (layout, direction) == ("carvana", "AtoB") else SCORES
    assert list(table.columns) == ["split", "id", "group", *expected]
    assert set(expected) <= set(metrics)
    assert metrics["l1_sd"] is None, "one image has no spread"
    if "fg_l1" in expected:
        generated = np.asarray(Image.open(out / "images/val/car_01.png"), np.float64)
        assert metrics["fg_l1"] == pytest.approx(np.abs(generated - photo)[inside].mean() / 255, abs=1e-6)
        error = np.square(generated - photo)[inside].mean()
        assert metrics["fg_psnr"] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-6)


def test_label_maps_are_scored_by_class_over_all_images_at_once(tiny_repo: Path, configuration: Configuration) -> None:
    save_rendered(direction="AtoB", noise=60)
    evaluate(configuration.experiment("first"))
    table, metrics = read_scores()
    hits, each = [], {name: np.zeros(3) for name in FACADES}
    for path in sorted(Path("data/pairs/houses/val").iterdir()):
        called = decode(read_image(OUT / "images/val" / path.name), "facades")
        truth = decode(np.asarray(sides(path, 64)[1]), "facades")
        hits.append((called == truth).mean())
        for index, name in enumerate(FACADES):
            a, b = called == index, truth == index
            each[name] += [(a & b).sum(), (a | b).sum(), b.sum()]
    np.testing.assert_allclose(table["pixel_accuracy"], hits, atol=1e-6)
    assert metrics["pixel_accuracy"] == pytest.approx(np.mean(hits))
    assert 0.2 < metrics["pixel_accuracy"] < 0.9, "the noise must make mistakes"
    present = [both / true for both, _, true in each.values() if true]
    assert metrics["class_accuracy"] == pytest.approx(np.mean(present))
    ious = {name: both / either for name, (both, either, _) in each.items() if either}
    assert metrics["mean_iou"] == pytest.approx(np.mean(list(ious.values())))
    assert {name: metrics[f"iou_{name}"] for name in ious} == pytest.approx(ious, abs=1e-6)


def test_the_strip_shows_the_best_the_median_and_the_worst(tiny_repo: Path, configuration: Configuration) -> None:
    save_rendered()
    evaluate(configuration.experiment("first"))
    table, _ = read_scores()
    shown = tiles(read_image(OUT / "strip.png"), rows=3, columns=3, size=(64, 64))
    for id, images in zip(table.sort_values("ssim", ascending=False)["id"], shown, strict=True):
        np.testing.assert_array_equal(images[1], read_image(OUT / f"images/val/{id}.png"))


def test_an_untrained_experiment_is_named(tiny_repo: Path, configuration: Configuration) -> None:
    save_rendered()
    Path("models/first/history.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"models/first/history\.csv: not trained yet; run `.*train first`"):
        evaluate(configuration.experiment("first"))


INEXACT = r"first/images/val: does not hold exactly the images of split 'val'; render again"


def spoil(kind: str) -> None:
    folder = OUT / "images/val"
    match kind:
        case "nothing rendered":
            shutil.rmtree(OUT)
        case "no folder":
            shutil.rmtree(OUT / "images")
        case "a missing picture":
            (folder / "2.png").unlink()
        case "an extra picture":
            write_png(folder / "4.png", random_image(0))
        case "a second file of one name":
            write_png(folder / "2.bmp", random_image(0))
        case "another size":
            write_png(folder / "2.png", random_image(0, 64, 63))
        case "a truncated picture":
            (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:-100])


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("nothing rendered", r"first/card\.json: not rendered yet; run `python -m stages\.render first` first"),
        ("no folder", INEXACT),
        ("a missing picture", INEXACT),
        ("an extra picture", INEXACT),
        ("a second file of one name", INEXACT),
        ("another size", r"first/images/val/2\.png: 63 x 64 pixels, its target 64 x 64; render again"),
        ("a truncated picture", r"first/images/val/2\.png: not a readable image"),
    ],
)
def test_what_was_not_rendered_whole_is_not_scored(
    tiny_repo: Path, configuration: Configuration, kind: str, says: str
) -> None:
    save_rendered()
    spoil(kind)
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        evaluate(configuration.experiment("first"))
    assert not (OUT / "metrics.json").exists()


def test_scoring_needs_no_network() -> None:
    code = "import sys, stages.evaluate; print({'torch', 'safetensors'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=REPO, text=True) == "set()\n"
