"""Laws of work in a thread: in order, nothing after an error, and no error is lost."""

import threading
from pathlib import Path

import pytest
import torch

from pix2pix.machine.background import WAITING, Background
from pix2pix.training import resume as runs
from stages.train import train
from tests.support.kinds import experiment

CPU = torch.device("cpu")


def test_it_is_done_in_order_and_at_the_latest_when_the_with_ends() -> None:
    done: list[int] = []
    with Background(CPU, threaded=True) as work:
        for number in range(3 * WAITING):
            work(lambda number=number: done.append(number))  # type: ignore[misc]
    assert done == list(range(3 * WAITING))


def test_on_a_cpu_it_is_done_at_once() -> None:
    with Background(CPU) as work, pytest.raises(OSError, match="full"):
        work(lambda: (_ for _ in ()).throw(OSError("full")))


def test_whoever_gives_more_than_may_wait_waits() -> None:
    go, given = threading.Event(), 0
    with Background(CPU, threaded=True) as work:

        def give() -> None:
            nonlocal given
            for _ in range(WAITING + 1):
                work(lambda: bool(go.wait(10)))  # type: ignore[arg-type]
                given += 1

        giver = threading.Thread(target=give)
        giver.start()
        giver.join(0.2)
        assert giver.is_alive() and given == WAITING
        go.set()
        giver.join()


def test_after_an_error_nothing_is_done_and_it_is_raised() -> None:
    done: list[str] = []
    with pytest.raises(OSError, match="full"), Background(CPU, threaded=True) as work:
        work(lambda: (_ for _ in ()).throw(OSError("full")))
        work(lambda: done.append("later"))
    assert not done
    with pytest.raises(KeyboardInterrupt), Background(CPU, threaded=True) as work:
        work(lambda: (_ for _ in ()).throw(OSError("full")))
        raise KeyboardInterrupt


def test_an_error_of_the_thread_ends_the_training(tiny_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "Background", lambda device: Background(device, threaded=True))
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        full = OSError(28, "No space left on device", "state")
        patch.setattr(runs, "save_tensors", lambda *_: (_ for _ in ()).throw(full))
        train(experiment())
    assert not Path("models/first").exists()
    train(experiment())
    assert Path("models/first/last.safetensors").exists()
