"""Laws of the batches: one draw for both sides, and randomness by position alone."""

import numpy as np
import pytest
import torch

from pix2pix.networks.layers import from_network
from pix2pix.training.augmentation import cut_batch, draw_epoch


def images_whose_target_is_their_source(count: int = 5, side: int = 20) -> torch.Tensor:
    one = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8))
    return torch.cat([one, one], 3)


def draws(**changed: int) -> torch.Tensor:
    given = {"seed": 0, "epoch": 0, "pairs": 5, "batch_size": 2, "load_size": 20, "size": 16, "mirror": True} | changed
    return draw_epoch(**given)  # type: ignore[arg-type]


def test_jitter_and_mirror_move_both_sides_alike() -> None:
    images = images_whose_target_is_their_source()
    for epoch in range(10):
        for row in draws(epoch=epoch):
            source, target = cut_batch(images, row, size=16)
            assert torch.equal(source, target)


def test_a_cut_is_the_crop_that_its_draw_names() -> None:
    images = images_whose_target_is_their_source()
    pair, top, left = 3, 2, 4
    for mirrored in (0, 1):
        source, _ = cut_batch(images, torch.tensor([[pair, top, left, mirrored, 0]]), size=16)
        crop = images[pair, top : top + 16, left : left + 16, :3]
        wanted = crop.flip(1) if mirrored else crop
        assert torch.equal(from_network(source)[0].permute(1, 2, 0), wanted)


def test_every_offset_and_both_mirrorings_occur() -> None:
    rows = torch.cat([draws(epoch=epoch).flatten(0, 1) for epoch in range(50)])
    assert set(rows[:, 1].tolist()) == set(rows[:, 2].tolist()) == set(range(5))
    assert set(rows[:, 3].tolist()) == {0, 1}
    assert set(draws(mirror=False)[..., 3].flatten().tolist()) == {0}


def test_an_epoch_shows_each_pair_at_most_once_and_all_over_time() -> None:
    orders = [draws(epoch=epoch)[..., 0].flatten().tolist() for epoch in range(20)]
    assert all(len(set(order)) == len(order) == 4 for order in orders)
    assert {pair for order in orders for pair in order} == set(range(5))


def test_draws_are_a_function_of_seed_and_epoch() -> None:
    assert torch.equal(draws(epoch=7), draws(epoch=7))
    assert not torch.equal(draws(epoch=7), draws(epoch=8))
    assert not torch.equal(draws(seed=1), draws(seed=2))


def test_drawing_leaves_global_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    state = str(np.random.get_state())
    draws()
    assert torch.equal(before, torch.random.get_rng_state())
    assert state == str(np.random.get_state())


def test_fewer_pairs_than_a_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size 6 is more than the 5 training pairs"):
        draws(batch_size=6)
