"""Laws of crop, mirror and noise for any draw: both sides alike, in range, and blind to what else is in the batch."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from pix2pix.batches import augmentation
from pix2pix.batches.augmentation import STREAM, Augmentation, centre_draws, cut_batch, draw_epoch
from pix2pix.files.images import Uint8
from pix2pix.networks.counter_rng import uniform
from pix2pix.networks.inference import inference_seeds
from pix2pix.networks.layers import from_network
from tests.pix2pix.networks.test_inference import folder, trained  # noqa: F401
from tests.support.laws import contents, of_any, seeds
from tests.support.soaks import Soak
from tests.support.weights_cases import WITHOUT_DROPOUT

epochs = {
    "seed": seeds,
    "epoch": st.integers(0, 10_000),
    "pairs": st.integers(1, 40),
    "size": st.integers(1, 12),
    "more": st.integers(0, 6),
    "mirror": st.booleans(),
}


def places(pairs: int, side: int) -> torch.Tensor:
    """Pairs whose pixels say where they lie: source (pair, row, column), target 255 minus that."""
    pair, row, column = np.indices((pairs, side, side), np.uint8)
    source = np.stack([pair, row, column], axis=-1)
    return torch.from_numpy(np.concatenate([source, 255 - source], axis=-1))


def draws(*, seed: int = 0, epoch: int = 0, mirror: bool = True) -> torch.Tensor:
    return draw_epoch(seed=seed, epoch=epoch, pairs=5, batch_size=2, load_size=20, size=16, mirror=mirror)


@pytest.mark.soak
def test_any_draw_cuts_and_mirrors_both_sides_where_it_says(soak: Soak) -> None:
    @of_any(soak, 60, 3_000, batch=st.integers(1, 8), **epochs)
    def law(*, batch: int, seed: int, epoch: int, pairs: int, size: int, more: int, mirror: bool) -> None:
        batch, side = min(batch, pairs), size + more
        drawn = draw_epoch(
            seed=seed, epoch=epoch, pairs=pairs, batch_size=batch, load_size=side, size=size, mirror=mirror
        )
        assert drawn.shape == (pairs // batch, batch, 5)
        assert len(set(drawn[..., 0].flatten().tolist())) == pairs // batch * batch, "no pair twice"
        for step in drawn:
            source, target = (from_network(part) for part in cut_batch(places(pairs, side), step, size=size))
            assert torch.equal(source, 255 - target)
            for (pair, top, left, mirrored, noise), cut in zip(step.tolist(), source.tolist(), strict=True):
                assert 0 <= top <= more and 0 <= left <= more and 0 <= noise < 2**32
                assert mirrored in ((0, 1) if mirror else (0,))
                columns = list(range(left, left + size))
                assert cut[0] == [[pair] * size] * size
                assert cut[1] == [[row] * size for row in range(top, top + size)]
                assert cut[2] == [columns[::-1] if mirrored else columns] * size


@pytest.mark.soak
def test_any_cut_is_the_same_alone_and_in_any_company(soak: Soak) -> None:
    @of_any(soak, 60, 3_000, batch=st.integers(1, 8), **epochs)
    def law(*, batch: int, seed: int, epoch: int, pairs: int, size: int, more: int, mirror: bool) -> None:
        """Where batches divide the pairs, the k-th draw of an epoch does not depend on their size either."""
        pairs, side = pairs * batch, size + more
        images = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (pairs, side, side, 6), np.uint8))
        one, many = (
            draw_epoch(seed=seed, epoch=epoch, pairs=pairs, batch_size=n, load_size=side, size=size, mirror=mirror)
            for n in (1, batch)
        )
        assert torch.equal(one.flatten(0, 1), many.flatten(0, 1))
        shuffled = torch.from_numpy(np.random.default_rng(epoch).permutation(batch))
        together, reordered = (cut_batch(images, rows, size=size) for rows in (many[0], many[0][shuffled]))
        for i in range(batch):
            alone, place = cut_batch(images, many[0][i : i + 1], size=size), shuffled.tolist().index(i)
            for side_alone, both, other in zip(alone, together, reordered, strict=True):
                assert torch.equal(side_alone[0], both[i]) and torch.equal(side_alone[0], other[place])


def test_every_offset_both_mirrorings_and_all_pairs_occur_over_time() -> None:
    rows = torch.cat([draws(epoch=epoch).flatten(0, 1) for epoch in range(50)])
    assert set(rows[:, 0].tolist()) == set(rows[:, 1].tolist()) == set(rows[:, 2].tolist()) == set(range(5))
    assert set(rows[:, 3].tolist()) == {0, 1}


def test_draws_are_a_function_of_seed_and_epoch_and_leave_global_state_alone() -> None:
    before, state = torch.random.get_rng_state(), str(np.random.get_state())
    assert torch.equal(draws(epoch=7), draws(epoch=7))
    assert not torch.equal(draws(epoch=7), draws(epoch=8))
    assert not torch.equal(draws(seed=1), draws(seed=2))
    assert torch.equal(before, torch.random.get_rng_state()) and state == str(np.random.get_state())


@pytest.mark.parametrize(("side", "size", "margin"), [(10, 4, 3), (9, 4, 2), (6, 6, 0), (7, 6, 0)])
def test_validation_is_cut_from_the_middle_and_never_mirrored(side: int, size: int, margin: int) -> None:
    middle = torch.arange(margin, margin + size)
    cut = cut_batch(places(5, side), centre_draws([3, 1], side=side, size=size), size=size)
    source, target = (from_network(part) for part in cut)
    for image, pair in zip(source, (3, 1), strict=True):
        assert (image[0] == pair).all() and torch.equal(image[1, :, 0].long(), middle)
        assert torch.equal(image[2, 0].long(), middle)
    assert torch.equal(target, 255 - source)


@pytest.mark.soak
def test_any_images_noise_is_its_own(soak: Soak) -> None:
    chosen = st.lists(seeds, min_size=1, max_size=6)

    @of_any(soak, 60, 3_000, chosen=chosen, count=st.integers(1, 125))
    def law(*, chosen: list[int], count: int) -> None:
        noise = uniform(torch.tensor(chosen), count)
        assert noise.shape == (len(chosen), count) and noise.dtype == torch.float32
        assert ((noise >= 0) & (noise < 1)).all()
        for i, seed in enumerate(chosen):
            assert torch.equal(noise[i], uniform(torch.tensor([seed]), count)[0])
        long = uniform(torch.tensor(chosen), 64)
        assert len({tuple(row.tolist()) for row in long}) == len(set(chosen))


@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.soak
def test_any_image_is_translated_to_the_same_bytes_in_any_company(folder: Path, soak: Soak, dropout: bool) -> None:  # noqa: F811
    network = trained(inference=WITHOUT_DROPOUT | {"dropout": dropout})
    case = st.tuples(st.sampled_from(["noise", "flat", "slope"]), seeds, st.integers(1, 90), st.integers(1, 90))
    alone: dict[tuple[tuple[str, int, int, int], str], Uint8] = {}

    @of_any(soak, 10, 300, company=st.lists(st.tuples(case, st.text(max_size=3)), min_size=1, max_size=4))
    def law(*, company: list[tuple[tuple[str, int, int, int], str]]) -> None:
        for picture, id in [*company, *company[::-1]]:
            result = network.generate(contents(*picture), id=id)
            assert result.shape == (*picture[2:], 3)
            np.testing.assert_array_equal(result, alone.setdefault((picture, id), result))

    fresh = trained(inference=WITHOUT_DROPOUT | {"dropout": dropout})
    for (picture, id), result in alone.items():
        np.testing.assert_array_equal(fresh.generate(contents(*picture), id=id), result)


@pytest.mark.soak
def test_in_a_batch_an_image_differs_by_rounding_alone(folder: Path, soak: Soak) -> None:  # noqa: F811
    """`render` gives the network one image at a time; who gives it several finds their noise and statistics apart."""
    network = trained()

    @of_any(soak, 8, 300, chosen=st.lists(seeds, min_size=2, max_size=4, unique=True))
    @torch.inference_mode()
    def law(*, chosen: list[int]) -> None:
        sources = torch.stack([torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(s)) for s in chosen])
        noise = inference_seeds(0, [str(s) for s in chosen])
        together = network.generator(sources * 2 - 1, noise)
        for i in range(len(chosen)):
            alone = network.generator(sources[i : i + 1] * 2 - 1, noise[i : i + 1])
            torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=1e-5)


# ---- scale and rotation ----------------------------------------------------------------------------------------------

WARPED = Augmentation(scale=0.5, rotation=40.0)


def smooth_pairs(pairs: int, side: int) -> torch.Tensor:
    """Blurred noise; the target is 255 minus the source."""
    noise = np.random.default_rng(0).integers(0, 256, (pairs, side, side, 3), np.uint8)
    source = np.stack([cv2.GaussianBlur(image, (0, 0), 3) for image in noise])
    return torch.from_numpy(np.concatenate([source, 255 - source], axis=-1))


def test_pairs_are_scaled_and_turned_about_the_crops_centre_as_opencv_does_it() -> None:
    images, drawn = smooth_pairs(5, 20), torch.cat([*draws(epoch=1), *draws(epoch=2)])
    source, target = cut_batch(images, drawn, size=16, augmentation=WARPED)
    torch.testing.assert_close(source, -target, atol=1e-5, rtol=0)
    chances = uniform(drawn[:, 4] ^ STREAM, 2).tolist()
    for (pair, top, left, mirrored, _), (size, turn), cut in zip(drawn.tolist(), chances, source, strict=True):
        enlarged, angle = 1.5 ** (2 * size - 1), np.radians(40 * (2 * turn - 1))
        assert 1 / 1.5 <= enlarged <= 1.5
        cos, sin = np.cos(angle) / enlarged, np.sin(angle) / enlarged
        across = -1 if mirrored else 1
        matrix = np.array([[cos * across, sin, 0], [-sin * across, cos, 0]])
        matrix[:, 2] = np.array([left + 7.5, top + 7.5]) - matrix[:, :2] @ [7.5, 7.5]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        wanted = cv2.warpAffine(
            images[pair, ..., :3].numpy(), matrix, (16, 16), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
        ours = from_network(cut[None])[0].permute(1, 2, 0).numpy()
        assert np.abs(ours.astype(int) - wanted).max() <= 3, "OpenCV rounds positions to 1/32 of a pixel"


def test_neither_scaled_nor_turned_is_the_plain_cut_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "uniform", lambda seeds, count: torch.full((len(seeds), count), 0.5))
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 20, 20, 6), np.uint8))
    plain, warped = (cut_batch(images, draws()[0], size=16, augmentation=how) for how in (None, WARPED))
    assert all(
        torch.equal(one, other) and one.stride() == other.stride() for one, other in zip(plain, warped, strict=True)
    )


@pytest.mark.parametrize("side", [0, 1])
def test_label_maps_keep_their_colours_where_photos_are_blended(side: int) -> None:
    images = torch.from_numpy(np.random.default_rng(0).choice([0, 100, 250], (5, 20, 20, 6)).astype(np.uint8))
    cuts = cut_batch(images, draws()[0], size=16, augmentation=replace(WARPED, labels=side))
    assert set(from_network(cuts[side]).unique().tolist()) == {0, 100, 250}
    assert len(from_network(cuts[1 - side]).unique()) > 100


def test_each_image_is_warped_by_its_own_seed_alone() -> None:
    images, drawn = smooth_pairs(5, 20), draws()[0]
    together = cut_batch(images, drawn, size=16, augmentation=WARPED)
    for i in range(len(drawn)):
        alone = cut_batch(images, drawn[i : i + 1], size=16, augmentation=WARPED)
        assert all(torch.equal(one[0], many[i]) for one, many in zip(alone, together, strict=True))
    reseeded = drawn + torch.tensor([0, 0, 0, 0, 1])
    assert not torch.equal(cut_batch(images, reseeded, size=16, augmentation=WARPED)[0], together[0])
