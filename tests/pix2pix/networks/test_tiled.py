"""Laws of translating an image tile by tile: no seams, nothing lost, the same as at once where one tile is enough."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from pix2pix.files.images import Uint8
from pix2pix.networks.inference import Trained, load_trained
from pix2pix.networks.tiled import Tiles, generate_tiled, measured, normalised
from tests.support.tiny import random_image
from tests.support.weights_cases import MODELS, WITHOUT_DROPOUT, save_weights

TILES = Tiles(64, 16)


def trained(folder: Path, model: str = "tiny", **changes: Any) -> Trained:
    save_weights(folder / "weights", model=MODELS[model], **changes)
    return load_trained(folder / "weights", torch.device("cpu"))


def smooth(seed: int, height: int, width: int) -> Uint8:
    """A field of colours whose contrast grows from left to right, so that tiles differ in their statistics."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), 6)
    growing = np.linspace(0.1, 1, width)[None, :, None]
    return np.asarray((128 + 90 * growing * field / field.std()).clip(0, 255).astype(np.uint8))


def jump(image: Uint8, columns: list[int]) -> float:
    """Mean step from these columns to the next, over that of all other columns."""
    steps = np.abs(np.diff(image.astype(float), axis=1)).mean((0, 2))
    others = np.delete(steps, [c + d for c in columns for d in (-1, 0, 1)])
    return float(steps[columns].mean() / others.mean())


@pytest.mark.parametrize("length", [64, 65, 112, 113, 200, 1000])
@pytest.mark.parametrize("overlap", [0, 16, 32])
def test_tiles_cover_a_side_and_their_weights_sum_to_one(length: int, overlap: int) -> None:
    tiles = Tiles(64, overlap)
    begins = tiles.starts(length)
    assert begins[0] == 0 and begins[-1] == length - 64
    assert all(one + 64 - other >= overlap for one, other in pairwise(begins))
    summed = torch.zeros(length)
    for begin, weight in tiles.weights(length).items():
        summed[begin : begin + 64] += weight
    torch.testing.assert_close(summed, torch.ones(length))


def test_no_seam_is_seen_where_tiles_meet(tmp_path: Path) -> None:
    """Steps there are as large as elsewhere, to a tenth; of tiles that are translated each by itself they are not."""
    network = trained(tmp_path, inference=WITHOUT_DROPOUT)
    blended, alone = [], []
    for seed in range(4):
        source = smooth(seed, 128, 256)
        borders = sorted({edge for begin in TILES.starts(256) for edge in (begin - 1, begin + 63) if 0 < edge < 254})
        blended.append(jump(generate_tiled(network, source, TILES, id="a"), borders))
        parts = [network.generate(part, id="a") for part in np.split(source, 4, axis=1)]
        alone.append(jump(np.concatenate(parts, axis=1), [63, 127, 191]))
    assert abs(np.mean(blended) - 1) < 0.1 and abs(np.mean(alone) - 1) > 0.3


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 64), (30, 20)])
def test_one_tile_is_the_image_at_once(tmp_path: Path, height: int, width: int) -> None:
    network, source = trained(tmp_path), random_image(0, height, width)
    np.testing.assert_array_equal(generate_tiled(network, source, TILES, id="a"), network.generate(source, id="a"))


def test_norms_by_the_statistics_of_what_they_saw_answer_the_same(tmp_path: Path) -> None:
    network = trained(tmp_path).generator
    source = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        with measured(network) as statistics:
            expected = network(source, None)
        with normalised(network, statistics):
            torch.testing.assert_close(network(source, None), expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(network(source, None), expected, rtol=0, atol=0)


@pytest.mark.parametrize("model", ["unet", "fcn", "mean"])
def test_each_kind_of_network_is_tiled_at_any_size(tmp_path: Path, model: str) -> None:
    """Of classes logits are blended, never colours."""
    network, told = trained(tmp_path, model, inference=WITHOUT_DROPOUT), 0

    def done() -> None:
        nonlocal told
        told += 1

    made = generate_tiled(network, smooth(0, 150, 30), TILES, id="a", done=done)
    assert made.shape == (150, 30, 3) and told == (0 if model == "mean" else 2 * len(TILES.starts(150)))
    if model == "unet":
        whole = network.generate(random_image(0, 256, 256), id="b")
        assert {*map(tuple, made.reshape(-1, 3))} <= {*map(tuple, whole.reshape(-1, 3))}


@pytest.mark.parametrize(
    ("tiles", "says"),
    [
        (Tiles(100, 16), "tiles of 100 pixels: this network takes multiples of 64"),
        (Tiles(0, 0), "tiles of 0 pixels: "),
        (Tiles(64, 33), "an overlap of 33 pixels: at most half of the tile, 32"),
        (Tiles(64, -1), "an overlap of -1 pixels: "),
    ],
)
def test_tiles_that_the_network_cannot_take_are_refused(tmp_path: Path, tiles: Tiles, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        tiles.check(trained(tmp_path))
