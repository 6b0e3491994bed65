"""Laws of the pairs in training: in memory and on disk they are the same, and a file that changes is noticed."""

import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.batches import dataset
from pix2pix.batches.augmentation import Augmentation, centre_draws, draw_epoch
from pix2pix.batches.dataset import PairSet, load_pairs
from pix2pix.files.images import Uint8, read_image, write_png
from pix2pix.files.json_csv import read_json
from pix2pix.learners.gan import Gan
from pix2pix.networks.layers import from_network
from pix2pix.pairs.stitched import read_drawings, split_sides
from pix2pix.training import resume as runs
from stages.train import train
from tests.support.kinds import CPU, experiment, published
from tests.support.tiny import make_drawings, make_pairs


def loaded(root: Path, where: str, *, size: int = 70, direction: str = "AtoB", labels: str | None = None) -> PairSet:
    return load_pairs(root, "train", direction=direction, size=size, device=CPU, where=where, labels=labels)


def drawn(pairs: int, *, batch_size: int = 2, epoch: int = 0) -> torch.Tensor:
    return draw_epoch(seed=0, epoch=epoch, pairs=pairs, batch_size=batch_size, load_size=70, size=64, mirror=True)


# ---- in memory and on disk -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_pairs_are_the_files(tmp_path: Path, direction: str, where: str) -> None:
    make_pairs(tmp_path, {"train": 3})
    pairs = loaded(tmp_path, where, size=64, direction=direction)
    [(*cuts, _)] = pairs.batches([centre_draws([1], side=64, size=64)], size=64)
    sides = split_sides(read_image(tmp_path / "train" / "2.png"))
    for side, cut in zip(sides if direction == "AtoB" else sides[::-1], cuts, strict=True):
        assert np.array_equal(side, from_network(cut)[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("batch_size", [1, 3, 20])
@pytest.mark.parametrize("labels", [None, "facades"])
@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("manners", [1, 4])
def test_batches_from_disk_equal_those_from_memory(
    tmp_path: Path, batch_size: int, labels: str | None, augment: bool, manners: int
) -> None:
    make_pairs(tmp_path, {"train": 20})
    if manners > 1:
        make_drawings(tmp_path, manners=manners)
    held, streamed = (
        replace(loaded(tmp_path, where, labels=labels), augmentation=Augmentation(0.1, 10.0, labels=1))
        for where in ("memory", "disk")
    )
    assert (held.kept, streamed.kept) == ("memory", "disk") and held.content == streamed.content
    for epoch in range(2):
        draws = drawn(20, batch_size=batch_size, epoch=epoch)
        batches = (pairs.batches(draws, size=64, augment=augment) for pairs in (held, streamed))
        both = list(zip(*batches, strict=True))
        assert len(both) == len(draws)
        for one, other in both:
            assert all(torch.equal(x, y) and x.stride() == y.stride() for x, y in zip(one, other, strict=True))
    assert list(streamed.batches([], size=64)) == list(held.batches([], size=64)) == []


@pytest.mark.parametrize(("direction", "drawn"), [("AtoB", 0), ("BtoA", 1)])
def test_training_sees_each_drawing_of_a_pair_and_all_others_see_the_first(
    tmp_path: Path, direction: str, drawn: int
) -> None:
    make_pairs(tmp_path, {"train": 2})
    make_drawings(tmp_path, manners=3)
    pairs = replace(loaded(tmp_path, "memory", size=64, direction=direction), augmentation=Augmentation(drawn=drawn))
    stored = [torch.from_numpy(read_drawings(pair, size=64)) for pair in pairs.pairs]
    draws = centre_draws([0, 1] * 30, side=64, size=64, seeds=torch.arange(60))
    [plain], [picked] = (list(pairs.batches([draws], size=64, augment=augment)) for augment in (False, True))
    assert torch.equal(plain[1 - drawn], picked[1 - drawn]), "the other side stays"
    seen = set()
    for i, (first, image) in enumerate(zip(*(from_network(batch[drawn]) for batch in (plain, picked)), strict=True)):
        assert torch.equal(first, stored[i % 2][0].expand(3, -1, -1))
        [which] = [k for k, drawing in enumerate(stored[i % 2]) if torch.equal(image, drawing.expand(3, -1, -1))]
        seen.add((i % 2, which))
    assert seen == {(pair, which) for pair in range(2) for which in range(3)}


def test_other_drawings_are_another_content_and_their_number_is_that_of_all(tmp_path: Path) -> None:
    make_pairs(tmp_path, {"train": 3})
    make_drawings(tmp_path)
    before, streamed = loaded(tmp_path, "disk", size=64).content, loaded(tmp_path, "disk", size=64)
    strip = tmp_path / "drawings" / "2.png"
    drawings = read_image(strip)
    write_png(strip, 255 - drawings)
    assert loaded(tmp_path, "disk", size=64).content != before
    with pytest.raises(ValueError, match=r"2\.png: has changed during training"):
        streamed.read(1)
    write_png(strip, drawings[:, :128])
    with pytest.raises(ValueError, match=f"^{strip}: 2 drawings, others have 3; prepare again"):
        loaded(tmp_path, "memory")


@pytest.mark.parametrize("kind", ["gan", "mean"])
def test_a_run_begun_in_memory_goes_on_from_disk_to_the_same_bits(
    tiny_repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(runs, "SAVE_SHARE", 1e9)
    monkeypatch.setenv("PIX2PIX_PAIRS", "memory")
    train(experiment(kind))
    straight, step, steps = published(), Gan.step, []
    shutil.rmtree("scratch")

    def killed(gan: Gan, *batch: torch.Tensor) -> torch.Tensor:
        steps.append(1)
        if len(steps) == 6:
            raise KeyboardInterrupt
        return step(gan, *batch)

    monkeypatch.setattr(Gan, "step", killed)
    if kind == "gan":
        with pytest.raises(KeyboardInterrupt):
            train(experiment(kind))
    monkeypatch.setenv("PIX2PIX_PAIRS", "disk")
    train(experiment(kind))
    assert published() == straight and len(steps) == {"gan": 12 + 1, "mean": 0}[kind]
    assert "first: its pairs stay on disk" in capsys.readouterr().out
    assert read_json(Path("logs/records/first.json"), dict[str, Any])["pairs"] == "disk"


@pytest.mark.parametrize(("free", "kept"), [(3 * 70 * 70 * 6 * 2, "memory"), (3 * 70 * 70 * 6 * 2 - 2, "disk")])
def test_at_most_half_of_the_free_memory_is_taken_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kept: str
) -> None:
    make_pairs(tmp_path, {"train": 3})
    monkeypatch.setattr(dataset, "_free_bytes", lambda device: free)
    assert loaded(tmp_path, "auto").kept == kept
    assert loaded(tmp_path, "memory").kept == "memory"


def test_more_pairs_than_the_memory_holds_are_refused_before_any_is_read(tmp_path: Path) -> None:
    make_pairs(tmp_path, {"train": 3})
    for path in (tmp_path / "train").iterdir():
        path.write_bytes(b"")  # not even opened
    with pytest.raises(ValueError, match=r"3 pairs at 1048576 pixels take 19791\.2 GB, cpu has .* GB free; leave PIX2"):
        loaded(tmp_path, "memory", size=2**20)


@pytest.mark.parametrize(("cores", "beside", "count"), [(2, 1, 2), (64, 1, 16), (64, 8, 8), (2, 4, 1)])
def test_the_cores_and_the_memory_are_shared_with_the_processes_beside(
    monkeypatch: pytest.MonkeyPatch, cores: int, beside: int, count: int
) -> None:
    monkeypatch.setattr(dataset, "usable_cores", lambda: cores)
    monkeypatch.setattr(dataset, "on_this_machine", lambda: (0, beside))
    monkeypatch.setattr(dataset, "free_memory", lambda: 800)
    assert dataset._readers() == count
    assert dataset._free_bytes(CPU) == 800 // beside
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (500, 900))
    assert dataset._free_bytes(torch.device("cuda")) == min(500, 800 // beside)


# ---- read ahead ------------------------------------------------------------------------------------------------------


class Reads:
    """What is read, in order; the pair `held` only when it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, held: int | None = None) -> None:
        self.begun: list[int] = []
        self.let_go = threading.Event()
        read = PairSet.read

        def counted(pairs: PairSet, i: int) -> Uint8:
            self.begun.append(i)
            assert i != held or self.let_go.wait(10)
            return read(pairs, i)

        monkeypatch.setattr(dataset, "usable_cores", lambda: 2)
        monkeypatch.setattr(PairSet, "read", counted)

    def reach(self, count: int) -> None:
        until = time.monotonic() + 10
        while len(self.begun) < count:
            assert time.monotonic() < until, f"{len(self.begun)} of {count} pairs are read"
            time.sleep(0.001)
        time.sleep(0.05)
        assert len(self.begun) == count


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name]


def test_from_disk_a_few_pairs_are_read_ahead_and_none_after_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pairs(tmp_path, {"train": 40})
    pairs, reads = loaded(tmp_path, "disk"), Reads(monkeypatch)
    batches = pairs.batches(drawn(40), size=64)
    assert not reads.begun, "nothing before the first is asked for"
    for step in range(5):
        next(batches)
        reads.reach(2 * (step + 1) + 2 * 2 + 2)  # two readers with two pairs each, and a batch
    last = len(reads.begun)
    batches.close()
    assert not readers() and len(reads.begun) == last


def test_while_one_pair_is_slow_others_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_pairs(tmp_path, {"train": 40})
    pairs, draws = loaded(tmp_path, "disk"), drawn(40)
    reads = Reads(monkeypatch, held=int(draws[0, 0, 0]))
    threading.Timer(0.3, reads.let_go.set).start()
    batches = pairs.batches(draws, size=64)
    start = time.monotonic()
    next(batches)
    assert time.monotonic() - start > 0.25 and len(reads.begun) >= 2 * 2 + 2, "beside it"
    batches.close()


def test_whatever_ends_a_training_ends_its_readers(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIX2PIX_PAIRS", "disk")
    monkeypatch.setattr(Gan, "step", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt) as caught:
        train(experiment())
    assert caught.value.__traceback__ is not None and not readers()


# ---- files that change -----------------------------------------------------------------------------------------------


def test_a_file_that_breaks_in_the_middle_is_named_and_ends_the_readers(tmp_path: Path) -> None:
    make_pairs(tmp_path, {"train": 20})
    pairs, draws = loaded(tmp_path, "disk"), drawn(20)
    batches = pairs.batches(draws, size=64)
    next(batches)
    broken = pairs.pairs[int(draws[-1, 0, 0])].path
    broken.write_bytes(broken.read_bytes()[:-200])
    with pytest.raises(ValueError, match=f"^{broken}: "):
        list(batches)
    assert not readers()


def test_another_content_or_id_is_another_digest(tmp_path: Path) -> None:
    make_pairs(tmp_path / "one", {"train": 3})
    contents = {loaded(tmp_path / "one", "disk").content}
    shutil.copytree(tmp_path / "one", tmp_path / "same")
    contents.add(loaded(tmp_path / "same", "disk").content)
    assert len(contents) == 1, "neither place nor time counts"
    files = sorted((tmp_path / "same" / "train").iterdir())
    files[0].write_bytes(files[1].read_bytes())
    contents.add(loaded(tmp_path / "same", "disk").content)
    table = (tmp_path / "one" / "pairs.csv").read_text()
    (tmp_path / "one" / "pairs.csv").write_text(table.replace("\n3,", "\n4,"))
    (tmp_path / "one" / "train" / "3.png").rename(tmp_path / "one" / "train" / "4.png")
    contents.add(loaded(tmp_path / "one", "disk").content)
    assert len(contents) == 3


def test_a_file_that_changes_during_training_is_named(tmp_path: Path) -> None:
    make_pairs(tmp_path, {"train": 3})
    pairs, file = loaded(tmp_path, "disk"), tmp_path / "train" / "2.png"
    content, draws = file.read_bytes(), drawn(3, batch_size=1)
    for changed in ((tmp_path / "train" / "1.png").read_bytes(), content + b"\n"):
        file.write_bytes(changed)
        with pytest.raises(ValueError, match=f"^{file}: has changed during training; run the same command again"):
            list(pairs.batches(draws, size=64))
    file.unlink()
    with pytest.raises(FileNotFoundError, match=f"^{file}: no such file"):
        list(pairs.batches(draws, size=64))
    file.write_bytes(content)  # as `dvc checkout` puts it back
    assert len(list(pairs.batches(draws, size=64))) == 3
