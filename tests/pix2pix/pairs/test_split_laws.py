"""Laws of the held-out groups, for any cars or frames: whole, chosen by hash, and few move when some are added."""

import hashlib

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from pix2pix.pairs.gta5 import block_of, split_frames
from pix2pix.pairs.held_out import held_out_groups
from tests.support.laws import of_any
from tests.support.soaks import Soak

names = st.sets(st.text("0123456789abcdef", min_size=1, max_size=4), min_size=2, max_size=30)
frames = st.sets(st.integers(1, 120), min_size=2, max_size=60)
small = st.integers(-3, 3)


def rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


@pytest.mark.soak
def test_adding_m_cars_moves_at_most_m_and_only_out_of_val(soak: Soak) -> None:
    """The bound: what leaves val makes room for an added car, one for one; no car of train is ever moved to val."""

    @of_any(soak, 200, 20_000, cars=names, added=names, hold_out=st.integers(1, 8), seed=small)
    def law(*, cars: set[str], added: set[str], hold_out: int, seed: int) -> None:
        assume(hold_out < len(cars))
        before, after = (
            held_out_groups(some, hold_out=hold_out, seed=seed, kind="cars") for some in (cars, cars | added)
        )
        assert before == {car for car in cars if sum(rank(seed, other) < rank(seed, car) for other in cars) < hold_out}
        assert len(before) == len(after) == hold_out
        assert before <= cars and after - before <= added - cars
        assert len(before - after) == len(after - before) <= len(added - cars)


@pytest.mark.parametrize(("cars", "hold_out"), [("ab", 2), ("ab", 3), ("aabb", 2)])
def test_a_group_must_be_left_to_train_on(cars: str, hold_out: int) -> None:
    with pytest.raises(ValueError, match=f"hold_out is {hold_out}, but there are only 2 cars"):
        held_out_groups(cars, hold_out=hold_out, seed=0, kind="cars")


def by_hand(chosen: set[int], *, block: int, gap: int, hold_out: int, seed: int) -> dict[int, str]:
    """The split, frame by frame, from the sentence that describes it."""
    blocks = sorted({(n - 1) // block for n in chosen}, key=lambda name: rank(seed, str(name)))
    train = {n for n in chosen if (n - 1) // block not in blocks[:hold_out]}
    val = {n for n in chosen - train if all(abs(n - other) > gap for other in train)}
    return dict.fromkeys(train, "train") | dict.fromkeys(val, "val")


frame_cases = {
    "chosen": frames,
    "block": st.integers(1, 12),
    "gap": st.integers(0, 4),
    "hold_out": st.integers(1, 5),
    "seed": small,
}


@pytest.mark.soak
def test_any_frames_are_split_as_the_sentence_says(soak: Soak) -> None:
    @of_any(soak, 200, 10_000, **frame_cases)
    def law(*, chosen: set[int], block: int, gap: int, hold_out: int, seed: int) -> None:
        expected = by_hand(chosen, block=block, gap=gap, hold_out=hold_out, seed=seed)
        if not {"train", "val"} <= {*expected.values()}:
            blocks = len({(n - 1) // block for n in chosen})
            too_many = f"hold_out is {hold_out}, but there are only {blocks} blocks of {block} frames"
            too_far = f"gap is {gap}: no frame of val is that far from train; blocks have {block} frames"
            with pytest.raises(ValueError, match=too_many if hold_out >= blocks else too_far):
                split_frames(chosen, block=block, gap=gap, hold_out=hold_out, seed=seed)
            return
        found = split_frames(chosen, block=block, gap=gap, hold_out=hold_out, seed=seed)
        assert found == expected
        held_out, kept = (
            {block_of(n, block=block) for n, split in found.items() if split == which} for which in ("val", "train")
        )
        assert not held_out & kept and 1 <= len(held_out) <= hold_out
