"""Laws of rendering one's own images: their size, names and folders; what is refused."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix.config.resolved import Experiment
from pix2pix.files.images import Uint8, read_image, resize, write_png
from pix2pix.networks.class_colours import Coloured
from pix2pix.networks.inference import Trained, load_trained
from pix2pix.networks.mean_target import MeanTarget
from pix2pix.networks.tiled import Tiles, generate_tiled
from pix2pix.networks.weights import load_tensors, save_tensors
from pix2pix.pairs.stitched import read_pairs, read_sides
from stages import render as verb
from stages.render import main, render, render_folder
from tests.support.tiny import TINY, files, random_image, write_configuration
from tests.support.weights_cases import WEIGHTS, metadata

OUT, PAIRS = Path("results/tiny/first"), Path("data/pairs/houses")


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


def test_a_large_image_is_translated_in_tiles(first: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own").mkdir()
    write_png(Path("own/large.png"), random_image(0, 100, 150))
    write_configuration(
        TINY | {"datasets": {"houses": TINY["datasets"]["houses"] | {"prepare": {"layout": "stitched"}}}}
    )
    given = ["--images", "own", "--out", "out", "--tile", "64", "--overlap", "16"]
    monkeypatch.setattr(sys, "argv", ["render", "first", *given])
    main()
    trained = load_trained(WEIGHTS, torch.device("cpu"))
    expected = generate_tiled(trained, random_image(0, 100, 150), Tiles(64, 16), id="large")
    np.testing.assert_array_equal(read_image(Path("out/large.png")), expected)
    with pytest.raises(ValueError, match="tiles of 65 pixels: this network takes multiples of 64"):
        render_folder("first", Path("own"), Path("other"), tiles=Tiles(65, 16))
    assert not Path("other").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--images", "own", "--out", "out", "--overlap", "16"], "--overlap needs --tile"),
        (["--images", "own", "--out", "out", "--tile", "64", "--native-size"], "not allowed with argument --tile"),
        (["--tile", "0"], "--tile need --images"),
    ],
)
def test_no_option_of_the_size_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: list[str], says: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["render", "first", *given])
    with pytest.raises(SystemExit):
        main()
    assert says in capsys.readouterr().err


def test_other_weights_may_draw_and_the_card_says_which(first: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were kept of an epoch, or any file's."""
    kept = Path("models/first/kept/epoch_0002.safetensors")
    kept.parent.mkdir()
    tensors, _ = load_tensors(WEIGHTS)
    save_tensors(kept, {name: tensor / 2 for name, tensor in tensors.items()}, metadata(epoch=2))
    Path("own").mkdir()
    write_png(Path("own/odd.png"), read_sides(read_pairs(PAIRS, "val")[0], direction="BtoA", size=64)[0])
    expected = load_trained(kept, torch.device("cpu")).generate(read_image(Path("own/odd.png")), id="odd")
    for i, chosen in enumerate((["--epoch", "2"], ["--weights", str(kept)])):
        monkeypatch.setattr(sys, "argv", ["render", "first", "--images", "own", "--out", f"out{i}", *chosen])
        main()
        np.testing.assert_array_equal(read_image(Path(f"out{i}/odd.png")), expected)
        assert json.loads(Path(f"out{i}/card.json").read_bytes())["epoch"] == 2
    render_folder("first", Path("own"), Path("last"))
    assert not np.array_equal(read_image(Path("last/odd.png")), expected)


@pytest.mark.parametrize(
    ("chosen", "error", "says"),
    [
        (
            ["--epoch", "3"],
            FileNotFoundError,
            r"epoch_0003\.safetensors: no such weights file \(kept: none; see keep_every",
        ),
        (["--weights", "gone"], FileNotFoundError, "^gone: no such weights file$"),
        (["--weights", "gone", "--epoch", "3"], SystemExit, "2"),
    ],
)
@pytest.mark.usefixtures("first")
def test_weights_that_are_not_there_are_named(
    monkeypatch: pytest.MonkeyPatch, chosen: list[str], error: type[BaseException], says: str
) -> None:
    own_images(Path("own"))
    monkeypatch.setattr(sys, "argv", ["render", "first", "--images", "own", "--out", "out", *chosen])
    with pytest.raises(error, match=says):
        main()


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
    long = Path("own/1.gif").rename(Path("own", "1" * 240 + ".gif"))
    with pytest.raises(ValueError, match="the name has 244 bytes, at most 230; rename it"):
        render_folder("first", long, Path("one"))


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


@pytest.mark.parametrize("given", [["--images", "own"], ["--out", "out"], ["--native-size"], ["--epoch", "2"]])
def test_options_go_together(monkeypatch: pytest.MonkeyPatch, given: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["render", "first", *given])
    with pytest.raises(SystemExit, match="2"):
        main()
