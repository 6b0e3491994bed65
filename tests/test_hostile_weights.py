"""Laws of broken weights and files between stages: refused by name, nothing run, no memory for what a file claims."""

import json
import os
import pickle
import resource
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from stages.evaluate import evaluate
from stages.params import Params, read_params
from stages.pix2pix.checkpoints import network_tensors, save_tensors
from stages.pix2pix.generators import build_generator, load_trained
from stages.pix2pix.images import write_png
from stages.pix2pix.networks import initialise
from stages.pix2pix.pairs import read_pairs
from stages.pix2pix.rows import read_row
from stages.pix2pix.tables import differences, markdown, scores
from stages.pix2pix.tables import numbers as numbers_of
from stages.render import render, render_folder
from tests.conftest import TINY, random_image
from tests.reported import three_rows  # noqa: F401
from tests.soaks import Soak

REPO = Path(__file__).resolve().parents[1]
WEIGHTS, OUT = Path("models/first/last.safetensors"), Path("results/tiny/first")
SEED = 4
MEGABYTES = 300  # more than this for a file of some kB is unbounded
MODELS: dict[str, dict[str, Any]] = {
    "tiny": TINY["models"]["tiny"],
    "mean": {"kind": "mean"},
    "unet": {"kind": "unet", "channels": 4, "norm": "instance", "classes": "facades"},
    "fcn": {
        "kind": "fcn",
        "channels": 4,
        "convolutions": 1,
        "stride": 8,
        "upsampling": "single",
        "norm": "batch",
        "classes": None,
    },
}
VALUES: list[Any] = [None, True, "x", "", [], {}, 0, -1, 1.5, 3, 10**9, 2**40, 2**70, 10**400, float("nan"), [[1]]]
CPU = torch.device("cpu")


class Payload:
    """Unpickled, it leaves a file behind."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch executed",))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Of each kind of model a good file, with the description that training gives it."""
    folder, files = tmp_path_factory.mktemp("weights"), {}
    for name, model in MODELS.items():
        about = {
            "experiment": "first",
            **Params.model_validate(TINY).describe("first"),
            "model": model,
            "inference": {"dropout": False, "statistics": "image"},
            "epoch": 3,
            "step": 12,
        }
        network = build_generator(model, size=64)
        if name != "mean":
            initialise(network, 1)
        save_tensors(folder / name, network_tensors("generator", network), about)
        files[name] = (folder / name).read_bytes()
    return files


@pytest.fixture
def repo(tiny_repo: Path) -> Path:
    WEIGHTS.parent.mkdir(parents=True)
    return tiny_repo


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """A safetensors file's header and data."""
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: Any, data: bytes, *, about: Any = None) -> bytes:
    if about is not None:
        header = header | {"__metadata__": {"about": about if isinstance(about, str) else json.dumps(about)}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def spoil_file(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut, flipped or lengthened somewhere."""
    where = int(rng.integers(len(content)))
    match int(rng.integers(4)):
        case 0:
            return content[:where]
        case 1:
            return content[: min(where, int(rng.integers(1, 2000)))]
        case 2:
            return content + rng.bytes(int(rng.integers(1, 100)))
        case _:
            flipped = bytearray(content)
            flipped[where % 3000] ^= 1 << int(rng.integers(8))
            return bytes(flipped)


def spoil_header(content: bytes, rng: np.random.Generator) -> bytes:
    """A tensor of another shape, type, place or name; or one less."""
    header, data = split(content)
    names = [name for name in header if name != "__metadata__"]
    name = names[int(rng.integers(len(names)))]
    match int(rng.integers(6)):
        case 0:
            header[name]["shape"] = [int(rng.choice([0, 1, 2**31, 2**40])), *header[name]["shape"]]
        case 1:
            header[name]["dtype"] = str(rng.choice(["F64", "I32", "BF16", "U8", "BOOL", "F8_E4M3", "Q7"]))
        case 2:
            header[name]["data_offsets"] = [0, int(rng.choice([0, 1, 2**40, 2**62]))]
        case 3:
            header[f"{name}.other"] = header.pop(name)
        case 4:
            header[name] = VALUES[int(rng.integers(len(VALUES)))]
        case _:
            header[name]["shape"] = [*header[name]["shape"][::-1], 1]
    return joined(header, data)


def spoil_about(content: bytes, rng: np.random.Generator) -> bytes:
    """Any key of the description with a wrong value, or without one."""
    header, data = split(content)
    about = json.loads(header["__metadata__"]["about"])
    places = [about, about["model"], about["recipe"], about["inference"]]
    place = places[int(rng.integers(len(places)))]
    key = str(rng.choice(sorted(place)))
    if rng.integers(6) == 0:
        del place[key]
    else:
        place[key] = VALUES[int(rng.integers(len(VALUES)))]
    return joined(header, data, about=about)


def spoil_numbers(content: bytes, rng: np.random.Generator) -> bytes:
    """One number that is none."""
    header, data = split(content)
    numbers = np.frombuffer(data, np.float32).copy()
    numbers[rng.integers(len(numbers))] = rng.choice([np.nan, np.inf, -np.inf])
    return joined(header, numbers.tobytes())


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.soak
def test_spoiled_weights_are_refused_by_name_or_are_the_same_weights(
    repo: Path, weights: dict[str, bytes], soak: Soak
) -> None:
    rng, rounds, refused = np.random.default_rng(SEED), soak.rounds(100, 600), 0
    spoilers = (spoil_file, spoil_header, spoil_about, spoil_numbers)
    source = random_image(0)
    for i in range(rounds):
        model = str(rng.choice(list(weights)))
        content = spoilers[i % len(spoilers)](weights[model], rng)
        WEIGHTS.write_bytes(content)
        before = peak()
        try:
            trained = load_trained(WEIGHTS, CPU)
            answer = trained.generate(source, id="a")
        except ValueError as error:
            refused += 1
            assert str(error).startswith(f"{WEIGHTS}: ") or "not finite" in str(error), (i, error)
            assert "\n" not in str(error)
        else:
            assert answer.shape == source.shape
            Path("good").write_bytes(weights[model])
            good, own = (
                load_file("good"),
                network_tensors("generator", getattr(trained.generator, "network", trained.generator)),
            )
            same = all(torch.equal(own[name], good[name]) for name in good)
            assert same or spoilers[i % 4] is spoil_file, (i, "other numbers passed")  # no checksum: a flip may
        assert peak() - before < MEGABYTES, i
    assert refused > rounds / 2
    soak.counts["files"], soak.counts["refused"] = rounds, refused


@pytest.fixture
def foreign(repo: Path, weights: dict[str, bytes]) -> dict[str, Callable[[], object]]:
    """What may lie under a weights file's name."""
    header, data = split(weights["tiny"])
    about = json.loads(header["__metadata__"]["about"])
    bare = {name: value for name, value in header.items() if name != "__metadata__"}
    return {
        "empty": lambda: WEIGHTS.write_bytes(b""),
        "a folder": WEIGHTS.mkdir,
        "a pipe": lambda: os.mkfifo(WEIGHTS),
        "a link to nothing": lambda: WEIGHTS.symlink_to("nothing"),
        "a pickle": lambda: WEIGHTS.write_bytes(pickle.dumps(Payload())),
        "torch's pickle": lambda: torch.save(Payload(), WEIGHTS),
        "torch's old pickle": lambda: torch.save(Payload(), WEIGHTS, _use_new_zipfile_serialization=False),
        "a huge header": lambda: WEIGHTS.write_bytes(struct.pack("<Q", 2**62) + b"{}"),
        "a long header": lambda: WEIGHTS.write_bytes(struct.pack("<Q", 99_999_999) + b" " * 1000),
        "no JSON": lambda: WEIGHTS.write_bytes(struct.pack("<Q", 4) + b"{{{{"),
        "deep JSON": lambda: WEIGHTS.write_bytes(joined(header, data, about="[" * 100_000)),
        "a list": lambda: WEIGHTS.write_bytes(joined(header, data, about=[1])),
        "a long number": lambda: WEIGHTS.write_bytes(joined(header, data, about='{"seed": ' + "9" * 5000 + "}")),
        "no description": lambda: WEIGHTS.write_bytes(joined(bare, data)),
        "another's tensors": lambda: save_file({"encoder.weight": torch.zeros(3, 3)}, WEIGHTS),
        "no tensors": lambda: save_tensors(WEIGHTS, {}, about),
        "too many layers": lambda: save_tensors(WEIGHTS, {}, about | {"recipe": {"size": 2**40}}),
        "too wide": lambda: save_tensors(WEIGHTS, {}, about | {"model": MODELS["unet"] | {"channels": 10**9}}),
        "endless": lambda: save_tensors(WEIGHTS, {}, about | {"model": MODELS["fcn"] | {"convolutions": 10**9}}),
        "a huge mean": lambda: save_tensors(
            WEIGHTS, {}, about | {"model": {"kind": "mean"}, "recipe": {"size": 2**20}}
        ),
        "not a number": lambda: save_tensors(
            WEIGHTS, {name: tensor * float("nan") for name, tensor in load_file("good").items()}, about
        ),
    }


def test_foreign_weights_are_refused_by_every_reader(
    foreign: dict[str, Callable[[], object]], weights: dict[str, bytes]
) -> None:
    params = read_params()
    Path("own").mkdir()
    write_png(Path("own/a.png"), random_image(0))
    Path("good").write_bytes(weights["tiny"])
    readers: dict[str, Callable[[], object]] = {
        "load": lambda: load_trained(WEIGHTS, CPU),
        "render": lambda: render("first", params),
        "own images": lambda: render_folder("first", Path("own"), Path("out")),
    }
    for kind, make in foreign.items():
        make()
        for name, reader in readers.items():
            before = peak()
            with pytest.raises((ValueError, OSError)) as refused:
                reader()
            assert str(refused.value).startswith(f"{WEIGHTS}: ") and "\n" not in str(refused.value), (kind, name)
            assert peak() - before < MEGABYTES, (kind, name)
        assert not Path("executed").exists() and not Path("results").exists() and not Path("out").exists()
        shutil.rmtree(WEIGHTS) if WEIGHTS.is_dir() else WEIGHTS.unlink()


def test_a_pickle_would_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The payload of the law above is one."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Payload()))
    assert Path("executed").exists()


def test_the_command_line_says_it_in_one_line(foreign: dict[str, Callable[[], object]]) -> None:
    foreign["torch's pickle"]()
    command = [sys.executable, "-m", "stages.render", "first"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {WEIGHTS}: ") and done.stderr.count("\n") == 1
    assert not Path("executed").exists()


def test_an_answer_that_is_not_finite_is_refused(repo: Path, weights: dict[str, bytes]) -> None:
    header, data = split(weights["tiny"])
    WEIGHTS.write_bytes(joined(header, (np.frombuffer(data, np.float32) * np.float32(1e37)).tobytes()))
    with pytest.raises(ValueError, match="answer to 'a' is not finite"):
        load_trained(WEIGHTS, CPU).generate(random_image(0), id="a")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (20, 20), (32, 32), (20, 40), (33, 40)])
def test_a_small_image_comes_back_from_an_fcn_as_if_its_edge_went_on(
    repo: Path, weights: dict[str, bytes], height: int, width: int
) -> None:
    WEIGHTS.write_bytes(weights["fcn"])
    image, trained = random_image(0, height, width), load_trained(WEIGHTS, CPU)
    wide = np.pad(image, ((0, -height % 32), (0, 64 - width), (0, 0)), mode="edge")
    np.testing.assert_array_equal(trained.generate(image, id="a"), trained.generate(wide, id="a")[:height, :width])


# ---- what one stage leaves for the next ------------------------------------------------------------------------------


def spoil_text(content: bytes, rng: np.random.Generator) -> bytes:  # noqa: PLR0911
    """A table or an object cut, flipped, emptied, or with another value, row or column."""
    lines = content.decode().splitlines()
    line = int(rng.integers(len(lines)))
    match int(rng.integers(10)):
        case 0:
            return content[: rng.integers(len(content))]
        case 1:
            return rng.bytes(200)
        case 2:
            return b""
        case 3:
            return b"[" * 100_000
        case 4:
            return content + lines[-1].encode() + b"\n"
        case 5:
            return "\n".join(lines[:line] + lines[line + 1 :]).encode()
        case 6:
            return "\n".join(",".join(line.split(",")[1:]) for line in lines).encode()
        case 7:
            flipped = bytearray(content)
            flipped[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
            return bytes(flipped)
        case _:
            cells = lines[line].split(",")
            cells[rng.integers(len(cells))] = str(
                rng.choice(["../../x", "/etc/passwd", "x", "", "-1", "1e999", '"', "\0"])
            )
            return "\n".join([*lines[:line], ",".join(cells), *lines[line + 1 :]]).encode()


def spoil_object(content: bytes, rng: np.random.Generator) -> bytes:
    """An object in which any key has a wrong value, or is missing; else as `spoil_text`."""
    if rng.integers(3) == 0:
        return spoil_text(content, rng)
    value = json.loads(content)
    places = [value, *(part for part in value.values() if isinstance(part, dict))]
    place = places[int(rng.integers(len(places)))]
    key = str(rng.choice(sorted(place)))
    if rng.integers(3) == 0:
        del place[key]
    else:
        place[key] = VALUES[int(rng.integers(len(VALUES)))]
    return json.dumps(value).encode()


@pytest.mark.soak
def test_spoiled_files_between_stages_are_refused_by_name(three: Params, soak: Soak) -> None:
    card = json.loads((OUT / "card.json").read_text(encoding="utf-8"))
    numbers = {
        f"{real}{key}": 0.5 for real in ("", "real_") for key in ("pixel_accuracy", "class_accuracy", "mean_iou")
    }
    (OUT / "score.json").write_text(json.dumps({"n": 3, "segmenter": "reader", **numbers}), encoding="utf-8")
    (OUT / "perceptual.json").write_text(json.dumps({"card": card, "fid": 9.0, "lpips": 0.1}), encoding="utf-8")
    pairs, history = Path("data/pairs/houses/pairs.csv"), Path("models/first/history.csv")
    names = ("card.json", "metrics.json", "per_image.csv", "score.json", "perceptual.json")
    files = [*(OUT / name for name in names), OUT / "card.json", pairs, history]
    good = {path: path.read_bytes() for path in [*files, OUT / "metrics.json", OUT / "strip.png"]}
    rng, rounds, refused = np.random.default_rng(SEED), soak.rounds(40, 240), 0
    for i in range(rounds):
        path = files[i % len(files)]
        path.write_bytes((spoil_object if path.suffix == ".json" else spoil_text)(good[path], rng))
        try:
            if i % len(files) < len(names):
                row = read_row(OUT, scored=True)
                for lines in (scores([row]), numbers_of([row]), differences([row], [row])):
                    markdown(lines)
            else:
                evaluate("first", three)
        except (ValueError, FileNotFoundError) as error:
            refused += 1
            assert str(path.parent) in str(error) and "\n" not in str(error), (i, path, error)
        for pair in read_pairs(Path("data/pairs/houses"), "val") if path != pairs else []:
            assert pair.path.parent == Path("data/pairs/houses/val")
        for spoiled, content in good.items():
            spoiled.write_bytes(content)
    assert refused > rounds / 3
    soak.counts["files"], soak.counts["refused"] = rounds, refused


@pytest.mark.parametrize("change", ["a row twice", "two files of one id", "an id outside"])
def test_pairs_and_their_folder_hold_the_same_images_once(tiny_repo: Path, change: str) -> None:
    root = Path("data/pairs/houses")
    table = pd.read_csv(root / "pairs.csv", dtype=str)
    match change:
        case "a row twice":
            table = pd.concat([table, table.tail(1)])
        case "two files of one id":
            shutil.copy(root / "val/1.png", root / "val/3.jpg")
        case _:
            table.loc[table["split"] == "val", "id"] = ["1", "2", "../train/3"]
    table.to_csv(root / "pairs.csv", index=False)
    with pytest.raises(ValueError, match=r"^data/pairs/houses/val: '(3|../train/3)' "):
        read_pairs(root, "val")
