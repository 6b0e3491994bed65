"""Laws of rendering: a result depends on the image, its id and the weights alone; the grid shows the files."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix.config.configuration import Configuration
from pix2pix.config.resolved import Experiment
from pix2pix.files.image_grid import grid
from pix2pix.files.images import Uint8, read_image, resize, write_png
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.inference import Trained, load_trained
from pix2pix.networks.layers import to_network
from pix2pix.networks.mean_target import MeanTarget
from pix2pix.networks.weights import network_tensors, save_tensors
from pix2pix.pairs.stitched import read_pairs, read_sides
from stages import render as verb
from stages.render import main, render, render_folder
from tests.support.tiny import TINY, random_image, write_configuration
from tests.support.weights_cases import WEIGHTS, WITHOUT_DROPOUT, metadata, save_weights

OUT, PAIRS = Path("results/tiny/first"), Path("data/pairs/houses")


@pytest.fixture
def first(tiny_repo: Path, configuration: Configuration) -> Experiment:
    """An experiment that has weights."""
    save_weights()
    return configuration.experiment("first")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_held_out_image_is_rendered_under_its_id(first: Experiment) -> None:
    render(first)
    names = [f"images/val/{id}.png" for id in "123"]
    sides = [f"shown/{id}_{side}.png" for id in "123" for side in ("source", "target")]
    assert sorted(files(OUT)) == ["card.json", "grid.png", *names, *sides, "training.png"]
    pictures = [read_image(OUT / name) for name in names]
    assert all(picture.shape == (64, 64, 3) for picture in pictures)
    assert min(picture.std() for picture in pictures) > 3, "the test's weights must draw something"
    card = json.loads((OUT / "card.json").read_text(encoding="utf-8"))
    assert card == metadata().model_dump() | {"split": "val", "n": 3, "shown": ["1", "2", "3"]}


def test_the_digests_are_those_of_card_and_images(first: Experiment) -> None:
    """What DVC compares, so that a score of a whole study notices each new image."""
    render(first)
    listed = Path("results/tiny/rendered-images/first.txt").read_text(encoding="utf-8")
    subprocess.run(["sha256sum", "-c", "-"], input=listed, cwd=OUT, text=True, check=True, capture_output=True)
    names = [line.split()[1] for line in listed.splitlines()]
    assert names == ["card.json", *(f"images/val/{id}.png" for id in "123")]


def test_the_grid_shows_the_files_themselves_beside_both_sides_of_their_pairs(first: Experiment) -> None:
    render(first)
    rows = []
    for pair in read_pairs(PAIRS, "val"):
        source, target = read_sides(pair, direction="BtoA", size=64)
        rows.append([source, read_image(OUT / f"images/val/{pair.id}.png"), target])
        np.testing.assert_array_equal(read_image(OUT / f"shown/{pair.id}_source.png"), source)
        np.testing.assert_array_equal(read_image(OUT / f"shown/{pair.id}_target.png"), target)
    expected = grid(rows, columns=["input", "generated", "target"], across=2)
    np.testing.assert_array_equal(read_image(OUT / "grid.png"), expected)


def test_the_training_grid_shows_four_images_that_were_trained_on(first: Experiment) -> None:
    render(first)
    trained = load_trained(WEIGHTS, torch.device("cpu"))
    pairs = {pair.id: pair for pair in read_pairs(PAIRS, "train")}
    sides = {id: read_sides(pairs[id], direction="BtoA", size=64) for id in ("1", "3", "6", "8")}
    rows = [[source, trained.generate(source, id=id), target] for id, (source, target) in sides.items()]
    expected = grid(rows, columns=["input", "generated", "target"], across=2)
    np.testing.assert_array_equal(read_image(OUT / "training.png"), expected)


def test_a_result_does_not_depend_on_the_other_images(first: Experiment) -> None:
    render(first)
    together = files(OUT / "images/val")
    table = PAIRS / "pairs.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join(line for line in lines if not line.startswith(("1,val", "3,val"))), encoding="utf-8")
    for id in ("1", "3"):
        (PAIRS / f"val/{id}.png").unlink()
    render(first)
    assert files(OUT / "images/val") == {"2.png": together["2.png"]}


@pytest.mark.parametrize(
    ("section", "name", "change", "key"),
    [
        ("experiments", "first", {"direction": "AtoB"}, "direction"),
        ("experiments", "first", {"seed": 7}, "seed"),
        ("models", "tiny", {"inference_dropout": False}, "model"),
        ("recipes", "quick", {"epochs": 9}, "recipe"),
    ],
)
def test_weights_of_another_configuration_are_refused(
    first: Experiment, section: str, name: str, change: dict[str, object], key: str
) -> None:
    changed = copy.deepcopy(TINY)
    changed[section][name] |= change
    with pytest.raises(ValueError, match=rf"models/first: trained with {key}.*, but the configuration has"):
        render(Configuration(changed).experiment("first"))
    assert not OUT.exists()


def test_kept_weights_in_place_of_the_last_are_refused(first: Experiment) -> None:
    save_weights(epoch=2)
    with pytest.raises(ValueError, match="models/first: trained with epoch: 2, but the configuration has 3"):
        render(first)
    assert not OUT.exists()


def test_the_mean_baseline_renders_the_mean_image(tiny_repo: Path, configuration: Configuration) -> None:
    baseline, mean = MeanTarget(64), random_image(5)
    baseline.image = to_network(torch.from_numpy(mean).permute(2, 0, 1)[None])
    said = metadata(model={"kind": "mean"}, inference=WITHOUT_DROPOUT)
    save_tensors(Path("models/first_mean/last.safetensors"), network_tensors("generator", baseline), said)
    render(configuration.experiment("first_mean"))
    for id in (1, 2, 3):
        np.testing.assert_array_equal(read_image(Path(f"results/tiny/first_mean/images/val/{id}.png")), mean)


@pytest.mark.parametrize("split", ["val", "train"])
def test_a_failure_leaves_the_last_result_whole(first: Experiment, split: str) -> None:
    render(first)
    before = files(OUT)
    picture = PAIRS / split / "3.png"
    picture.write_bytes(picture.read_bytes()[:-200])
    with pytest.raises(ValueError, match=rf"{split}/3\.png: not a readable image"):
        render(first)
    assert files(OUT) == before


def own_images(folder: Path) -> dict[str, tuple[int, int]]:
    """Images as people have them; name -> width and height as a person sees them."""
    folder.mkdir()
    write_png(folder / "odd.png", random_image(0, 101, 70))
    write_png(folder / "exact.png", random_image(1, 64, 128))
    Image.fromarray(random_image(2, 30, 500)[..., 0]).save(folder / "grey.png")
    Image.fromarray(random_image(3, 40, 41)[..., 0].astype(np.uint16) * 257).save(folder / "sixteen bits.png")
    Image.fromarray(random_image(4, 20, 20)).convert("RGBA").save(folder / "alpha.webp")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(random_image(5, 50, 90)).save(folder / "turned.JPG", exif=turned)
    (folder / "notes.txt").write_text("not an image")
    sizes = {"odd": (70, 101), "exact": (128, 64), "grey": (500, 30), "sixteen bits": (41, 40), "alpha": (20, 20)}
    return sizes | {"turned": (50, 90)}


def test_own_images_come_back_at_their_size_whatever_it_is(first: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = own_images(Path("own"))
    before = files(Path("own"))
    write_configuration(
        TINY | {"datasets": {"houses": TINY["datasets"]["houses"] | {"prepare": {"layout": "stitched"}}}}
    )
    monkeypatch.setattr(sys, "argv", ["render", "first", "--images", "own", "--out", "new/out"])
    main()
    assert sorted(files(Path("new"))) == sorted(f"out/{name}.png" for name in sizes)
    for name, size in sizes.items():
        with Image.open(f"new/out/{name}.png") as picture:
            assert (picture.size, picture.mode) == (size, "RGB")
    assert files(Path("own")) == before
    assert not OUT.exists()


def test_an_own_image_is_translated_at_the_trained_size_and_scaled_back(
    first: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or at its own on request; what the network draws at another size than it learnt is smeared."""
    trained, source = load_trained(WEIGHTS, torch.device("cpu")), random_image(0, 101, 70)
    Path("own").mkdir()
    write_png(Path("own/odd.png"), source)
    expected = resize(trained.generate(resize(source, width=64, height=64), id="odd"), width=70, height=101)
    for native_size, image in ((False, expected), (True, trained.generate(source, id="odd"))):
        render_folder("first", Path("own"), Path("out"), native_size=native_size)
        np.testing.assert_array_equal(read_image(Path("out/odd.png")), image)
    labels = np.array([[[0, 0, 255], [255, 0, 0]], [[0, 255, 0], [9, 9, 9]]], np.uint8).repeat(32, 0).repeat(32, 1)
    monkeypatch.setattr(verb, "_load", lambda *_: replace(trained, generator=Coloured(MeanTarget(64), labels[0])))
    monkeypatch.setattr(Trained, "generate", lambda *_, id: labels)
    render_folder("first", Path("own"), Path("out"))
    assert len(np.unique(read_image(Path("out/odd.png")).reshape(-1, 3), axis=0)) == 4, "colours of classes stay pure"


def test_an_own_image_that_is_no_label_map_is_refused(first: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    own_images(Path("own"))
    monkeypatch.setattr(sys, "argv", ["render", "first", "--images", "own", "--out", "new/out"])
    with pytest.raises(ValueError, match=r"own/alpha\.webp: not a label map in the colours of facades"):
        main()
    assert not Path("new").exists()


def test_an_own_image_is_rendered_as_a_held_out_one(first: Experiment) -> None:
    render(first)
    Path("own").mkdir()
    for pair in read_pairs(PAIRS, "val"):
        write_png(Path(f"own/{pair.id}.png"), read_sides(pair, direction="BtoA", size=64)[0])
    write_png(Path("own/another.png"), random_image(0, 70, 70))
    render_folder("first", Path("own"), Path("out"))
    rendered = files(Path("out"))
    del rendered["another.png"]
    assert rendered == files(OUT / "images/val")


@pytest.mark.parametrize(
    ("names", "out", "says"),
    [
        (None, "out", "own: no such folder or file"),
        ([], "out", "own: no image files"),
        (["a.png", "b.png", "b.jpg"], "out", "own: two files are named 'b'"),
        (["a.png"], "own", "--out own is or lies in the folder of the images"),
        (["a.png"], "own/out", "--out own/out is or lies in the folder"),
        (["empty.png"], "out", r"empty\.png: not a readable image"),
    ],
)
def test_a_folder_that_cannot_be_translated_is_refused(first: Experiment, names: Any, out: str, says: str) -> None:
    own = Path("own")
    if names is not None:
        own.mkdir()
    for name in names or []:
        write_png(own / name, random_image(0)) if name != "empty.png" else (own / name).touch()
    before = files(own)
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        render_folder("first", own, Path(out))
    assert files(own) == before
    assert files(Path("out")) == {}


def test_subfolders_keep_their_place_one_file_is_enough_and_junk_is_passed_over(
    first: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("own/deep/1.jfif", "own/1.gif", "own/._1.png", "own/2.heic"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random_image(0)).save(name, "JPEG" if "jf" in name else "GIF")
    render_folder("first", Path("own"), Path("out"))
    assert sorted(files(Path("out"))) == ["1.png", "deep/1.png"]
    assert "1 files not read: 1 .heic" in capsys.readouterr().out
    render_folder("first", Path("own/1.gif"), Path("one"))
    assert files(Path("one"))["1.png"] == files(Path("out"))["1.png"]


def test_an_image_too_large_for_the_memory_is_named_when_the_others_are_done(
    first: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it reaches the network, and in it."""
    Path("own").mkdir()
    for name, size in (("a", 64), ("b", 300), ("c", 200), ("d", 32)):
        write_png(Path(f"own/{name}.png"), random_image(0, size, size))
    generate = Trained.generate

    def read_small(path: Path) -> Uint8:
        if path.stem == "b":
            raise MemoryError
        return read_image(path)

    def generate_small(trained: Trained, source: Uint8, *, id: str) -> Uint8:
        if len(source) > 100:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return generate(trained, source, id=id)

    monkeypatch.setattr(verb, "read_image", read_small)
    monkeypatch.setattr(Trained, "generate", generate_small)
    says = r"own/b\.png: not enough memory; make it smaller, .*; 2 of 4 images are missing, the others are done$"
    with pytest.raises(ValueError, match=says):
        render_folder("first", Path("own"), Path("out"), native_size=True)
    assert sorted(files(Path("out"))) == ["a.png", "d.png"]


@pytest.mark.parametrize("given", [["--images", "own"], ["--out", "out"]])
def test_images_and_out_go_together(monkeypatch: pytest.MonkeyPatch, given: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["render", "first", *given])
    with pytest.raises(SystemExit, match="2"):
        main()


def test_missing_pairs_and_unreadable_weights_are_named_and_nothing_is_left(first: Experiment) -> None:
    (PAIRS / "pairs.csv").rename("pairs.csv")
    with pytest.raises(FileNotFoundError, match=r"data/pairs/houses/pairs\.csv"):
        render(first)
    Path("pairs.csv").rename(PAIRS / "pairs.csv")
    WEIGHTS.write_bytes(WEIGHTS.read_bytes()[:-1])
    Path("own").mkdir()
    write_png(Path("own/a.png"), random_image(0))
    with pytest.raises(ValueError, match=rf"^{WEIGHTS}: "):
        render(first)
    with pytest.raises(ValueError, match=rf"^{WEIGHTS}: "):
        render_folder("first", Path("own"), Path("out"))
    assert not Path("results").exists()
    assert not Path("out").exists()
