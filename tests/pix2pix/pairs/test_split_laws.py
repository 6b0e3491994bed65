"""Laws of the held-out groups, for any cars or frames: whole, chosen by hash, and few move when some are added."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from pix2pix.pairs.carvana import held_out_cars
from pix2pix.pairs.gta5 import Frame, split_frames
from tests.support.laws import of_any
from tests.support.soaks import Soak

names = st.sets(st.text("0123456789abcdef", min_size=1, max_size=4), min_size=2, max_size=30)
numbers = st.sets(st.integers(1, 120), min_size=2, max_size=60)
small = st.integers(-3, 3)


def rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


@pytest.mark.soak
def test_adding_m_cars_moves_at_most_m_and_only_out_of_val(soak: Soak) -> None:
    """The bound: what leaves val makes room for an added car, one for one; no car of train is ever moved to val."""

    @of_any(soak, 200, 20_000, cars=names, added=names, hold_out=st.integers(1, 8), seed=small)
    def law(*, cars: set[str], added: set[str], hold_out: int, seed: int) -> None:
        assume(hold_out < len(cars))
        before, after = (held_out_cars(some, hold_out=hold_out, seed=seed) for some in (cars, cars | added))
        assert before == {car for car in cars if sum(rank(seed, other) < rank(seed, car) for other in cars) < hold_out}
        assert len(before) == len(after) == hold_out
        assert before <= cars and after - before <= added - cars
        assert len(before - after) == len(after - before) <= len(added - cars)


@pytest.mark.parametrize(("cars", "hold_out"), [("ab", 2), ("ab", 3), ("aabb", 2)])
def test_a_car_must_be_left_to_train_on(cars: str, hold_out: int) -> None:
    with pytest.raises(ValueError, match=f"hold_out is {hold_out}, but there are only 2 cars"):
        held_out_cars(cars, hold_out=hold_out, seed=0)


def frames_of(chosen: set[int]) -> list[Frame]:
    return [Frame(f"{n:05d}", Path(f"images/{n:05d}.png"), Path(f"labels/{n:05d}.png")) for n in sorted(chosen)]


def by_hand(chosen: set[int], *, block: int, gap: int, hold_out: int, seed: int) -> list[tuple[str, str, int]]:
    """The split, frame by frame, from the sentence that describes it."""
    blocks = sorted({(n - 1) // block for n in chosen}, key=lambda name: rank(seed, str(name)))
    train = [n for n in chosen if (n - 1) // block not in blocks[:hold_out]]
    split = []
    for n in sorted(chosen):
        if n in train:
            split.append(("train", str((n - 1) // block), n))
        elif all(abs(n - other) > gap for other in train):
            split.append(("val", str((n - 1) // block), n))
    return split


frame_cases = {
    "chosen": numbers,
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
        if not {"train", "val"} <= {split for split, _, _ in expected}:
            blocks = len({(n - 1) // block for n in chosen})
            too_many = f"hold_out is {hold_out}, but there are only {blocks} blocks of {block} frames"
            too_far = f"gap is {gap}: no frame of val is that far from train; blocks have {block} frames"
            with pytest.raises(ValueError, match=too_many if hold_out >= blocks else too_far):
                split_frames(frames_of(chosen), block=block, gap=gap, hold_out=hold_out, seed=seed)
            return
        found = split_frames(frames_of(chosen), block=block, gap=gap, hold_out=hold_out, seed=seed)
        assert [(split, name, frame.number) for split, name, frame in found] == expected
        held_out, kept = ({name for split, name, _ in found if split == which} for which in ("val", "train"))
        assert not held_out & kept and 1 <= len(held_out) <= hold_out


def test_of_many_frames_too_none_of_val_may_be_left() -> None:
    with pytest.raises(ValueError, match="gap is 300: no frame of val is that far from train; blocks have 300 frames"):
        split_frames(frames_of(set(range(1, 601))), block=300, gap=300, hold_out=1, seed=0)


@pytest.mark.soak
def test_adding_frames_of_m_new_blocks_moves_at_most_m_blocks_and_only_out_of_val(soak: Soak) -> None:
    """A frame of train stays there. One of val may also be left out, where a new frame of train comes too near."""

    @of_any(soak, 200, 10_000, added=numbers, **frame_cases)
    def law(*, added: set[int], chosen: set[int], block: int, gap: int, hold_out: int, seed: int) -> None:
        more = by_hand(chosen | added, block=block, gap=gap, hold_out=hold_out, seed=seed)
        less = by_hand(chosen, block=block, gap=gap, hold_out=hold_out, seed=seed)
        assume(all({"train", "val"} <= {split for split, _, _ in some} for some in (less, more)))
        before, after = (
            split_frames(frames_of(some), block=block, gap=gap, hold_out=hold_out, seed=seed)
            for some in (chosen, chosen | added)
        )
        was, now = ({frame.number: split for split, _, frame in some} for some in (before, after))
        assert all(now[n] == "train" for n, split in was.items() if split == "train")
        moved = {(n - 1) // block for n, split in was.items() if split == "val" and now.get(n) == "train"}
        assert len(moved) <= len({(n - 1) // block for n in added} - {(n - 1) // block for n in chosen})
