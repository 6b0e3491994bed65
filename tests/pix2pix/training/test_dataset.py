"""Laws of the pairs in training: in memory and on disk they are the same, and a file that changes is noticed."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.config.configuration import Configuration
from pix2pix.files.images import Uint8, read_image
from pix2pix.files.json_csv import read_json
from pix2pix.networks.layers import from_network
from pix2pix.pairs.stitched import split_sides
from pix2pix.training import dataset as pair_sets
from pix2pix.training.augmentation import centre_draws, draw_epoch
from pix2pix.training.dataset import PairFiles, PairSet, load_pairs
from pix2pix.training.gan import Gan
from stages.train import train
from tests.stages.test_train import published
from tests.support.tiny import make_pairs

CPU = torch.device("cpu")


def loaded(root: Path, where: str, *, size: int = 70, direction: str = "AtoB", labels: str | None = None) -> PairSet:
    return load_pairs(root, "train", direction=direction, size=size, device=CPU, where=where, labels=labels)


def drawn(pairs: int, *, batch_size: int = 2, epoch: int = 0) -> torch.Tensor:
    return draw_epoch(seed=0, epoch=epoch, pairs=pairs, batch_size=batch_size, load_size=70, size=64, mirror=True)


def centred(pairs: PairSet, index: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    [(source, target, _)] = pairs.batches([centre_draws(index, side=pairs.files.side, size=64)], size=64)
    return source, target


@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_pairs_are_the_files(tmp_path: Path, direction: str, where: str) -> None:
    make_pairs(tmp_path, {"train": 3})
    pairs = loaded(tmp_path, where, size=64, direction=direction)
    sides = split_sides(read_image(tmp_path / "train" / "2.png"))
    for side, cut in zip(sides if direction == "AtoB" else sides[::-1], centred(pairs, [1]), strict=True):
        assert np.array_equal(side, from_network(cut)[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("batch_size", [1, 3, 20])
@pytest.mark.parametrize("labels", [None, "facades"])
def test_batches_from_disk_equal_those_from_memory(tmp_path: Path, batch_size: int, labels: str | None) -> None:
    make_pairs(tmp_path, {"train": 20})
    held, streamed = (loaded(tmp_path, where, labels=labels) for where in ("memory", "disk"))
    assert held.images is not None and streamed.images is None
    assert held.files.content == streamed.files.content
    for epoch in range(2):
        draws = drawn(20, batch_size=batch_size, epoch=epoch)
        both = zip(held.batches(draws, size=64), streamed.batches(draws, size=64), strict=True)
        steps = 0
        for one, other in both:
            steps += 1
            assert all(torch.equal(x, y) and x.stride() == y.stride() for x, y in zip(one, other, strict=True))
        assert steps == len(draws)
    assert list(streamed.batches([], size=64)) == list(held.batches([], size=64)) == []


class Reads:
    """What is read, in order; a pair in `held` only when it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[int] = []
        self.held: dict[int, threading.Event] = {}
        read = PairFiles.read

        def counted(files: PairFiles, i: int) -> Uint8:
            self.begun.append(i)
            if i in self.held:
                assert self.held[i].wait(10)
            return read(files, i)

        monkeypatch.setattr(pair_sets, "usable_cores", lambda: 2)
        monkeypatch.setattr(PairFiles, "read", counted)

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
    last = reads.begun[-1] if len(readers()) == 2 else -1
    assert last >= 0
    batches.close()
    assert not readers() and reads.begun[-1] == last


def test_while_one_pair_is_slow_others_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_pairs(tmp_path, {"train": 40})
    pairs, reads = loaded(tmp_path, "disk"), Reads(monkeypatch)
    draws = drawn(40)
    reads.held[int(draws[0, 0, 0])] = threading.Event()
    threading.Timer(0.3, reads.held[int(draws[0, 0, 0])].set).start()
    batches = pairs.batches(draws, size=64)
    start = time.monotonic()
    next(batches)
    assert time.monotonic() - start > 0.25 and len(reads.begun) >= 2 * 2 + 2, "beside it"
    batches.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_ends_a_training_ends_its_readers(
    tiny_repo: Path, configuration: Configuration, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    monkeypatch.setenv("PIX2PIX_PAIRS", "disk")

    def broken(*_: object) -> torch.Tensor:
        raise error

    monkeypatch.setattr(Gan, "step", broken)
    with pytest.raises(error) as caught:
        train(configuration.experiment("first"))
    assert caught.value.__traceback__ is not None and not readers()


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


@pytest.mark.parametrize(("cores", "beside", "count"), [(2, 1, 2), (64, 1, 16), (64, 8, 8), (2, 4, 1)])
def test_the_cores_are_shared_with_the_processes_beside(
    monkeypatch: pytest.MonkeyPatch, cores: int, beside: int, count: int
) -> None:
    monkeypatch.setattr(pair_sets, "usable_cores", lambda: cores)
    monkeypatch.setattr(pair_sets, "on_this_machine", lambda: (0, beside))
    monkeypatch.setattr(pair_sets, "free_memory", lambda: 800)
    assert pair_sets._readers() == count
    assert pair_sets._free_bytes(CPU) == 800 // beside
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (500, 900))
    assert pair_sets._free_bytes(torch.device("cuda")) == min(500, 800 // beside)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_another_content_or_id_is_another_digest(tmp_path: Path, where: str) -> None:
    make_pairs(tmp_path / "one", {"train": 3})
    contents = {loaded(tmp_path / "one", where).files.content}
    shutil.copytree(tmp_path / "one", tmp_path / "same")
    contents.add(loaded(tmp_path / "same", where).files.content)
    assert len(contents) == 1, "neither place nor time counts"
    files = sorted((tmp_path / "same" / "train").iterdir())
    files[0].write_bytes(files[1].read_bytes())
    contents.add(loaded(tmp_path / "same", where).files.content)
    table = (tmp_path / "one" / "pairs.csv").read_text()
    (tmp_path / "one" / "pairs.csv").write_text(table.replace("\n3,", "\n4,"))
    (tmp_path / "one" / "train" / "3.png").rename(tmp_path / "one" / "train" / "4.png")
    contents.add(loaded(tmp_path / "one", where).files.content)
    assert len(contents) == 3


def test_a_file_that_changes_during_training_is_named(tmp_path: Path) -> None:
    make_pairs(tmp_path, {"train": 3})
    pairs, file = loaded(tmp_path, "disk"), tmp_path / "train" / "2.png"
    other = (tmp_path / "train" / "1.png").read_bytes()
    content, before = file.read_bytes(), file.stat()

    def read() -> list[object]:
        return list(pairs.batches(drawn(3, batch_size=1), size=64))

    for changed, later in ((other, 0), (other, 1), (content + b"\n", 0)):
        file.write_bytes(changed)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + later))
        with pytest.raises(ValueError, match=f"^{file}: has changed during training; run the same command again"):
            read()
        centred(pairs, [0, 2])
    file.unlink()
    with pytest.raises(FileNotFoundError, match=f"^{file}: no such file"):
        read()
    file.write_bytes(content)  # as `dvc checkout` puts it back
    assert len(read()) == 3


@pytest.mark.parametrize(("free", "kept"), [(3 * 70 * 70 * 6 * 2, "memory"), (3 * 70 * 70 * 6 * 2 - 2, "disk")])
def test_at_most_half_of_the_free_memory_is_taken_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kept: str
) -> None:
    make_pairs(tmp_path, {"train": 3})
    monkeypatch.setattr(pair_sets, "_free_bytes", lambda device: free)
    assert (loaded(tmp_path, "auto").images is None) == (kept == "disk")
    assert loaded(tmp_path, "memory").images is not None


def test_more_pairs_than_the_memory_holds_are_refused_before_any_is_read(tmp_path: Path) -> None:
    make_pairs(tmp_path, {"train": 3})
    for path in (tmp_path / "train").iterdir():
        path.write_bytes(b"")  # not even opened
    with pytest.raises(ValueError, match=r"3 pairs at 1048576 pixels take 19791\.2 GB, cpu has .* GB free; leave PIX2"):
        loaded(tmp_path, "memory", size=2**20)


@pytest.fixture
def _killed_after_five_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    step, done = Gan.step, []

    def limited(gan: Gan, *batch: torch.Tensor) -> torch.Tensor:
        done.append(1)
        if len(done) == 6:
            raise KeyboardInterrupt
        return step(gan, *batch)

    monkeypatch.setattr(Gan, "step", limited)
    yield
    assert len(done) > 6, "it went on"


@pytest.mark.usefixtures("_killed_after_five_steps")
def test_a_run_begun_in_memory_goes_on_from_disk_to_the_same_bits(
    tiny_repo: Path, configuration: Configuration, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pix2pix.training.resume.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("pix2pix.training.resume.SAVE_SHARE", 1e9)
    monkeypatch.setenv("PIX2PIX_PAIRS", "memory")
    with pytest.raises(KeyboardInterrupt):
        train(configuration.experiment("first"))
    monkeypatch.setenv("PIX2PIX_PAIRS", "disk")
    train(configuration.experiment("first"))
    assert "first: its pairs stay on disk" in capsys.readouterr().out
    assert read_json(Path("logs/records/first.json"), dict[str, object])["pairs"] == "disk"
    other = published()
    shutil.rmtree("scratch")
    monkeypatch.setenv("PIX2PIX_PAIRS", "memory")
    train(configuration.experiment("first"))
    assert published() == other


def test_the_mean_from_disk_equals_the_mean_from_memory(
    tiny_repo: Path, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for where in ("memory", "disk"):
        monkeypatch.setenv("PIX2PIX_PAIRS", where)
        shutil.rmtree("scratch", ignore_errors=True)
        train(configuration.experiment("first_mean"))
        made.append(published(Path("models/first_mean")))
    assert made[0] == made[1]
