"""Laws of too little memory: one line, whichever library was refused it; every other error passes."""

from concurrent.futures.process import BrokenProcessPool

import cv2
import pytest
import torch

from pix2pix.files.entry_point import run
from pix2pix.files.memory import NotEnoughMemoryError, needing_memory

REFUSALS = [
    MemoryError(),
    MemoryError("Unable to allocate 1.07 GiB for an array"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("could not create a primitive"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    cv2.error("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
    BrokenProcessPool("A process in the process pool was terminated abruptly while the future was running"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: str(error)[:20])
def test_a_refusal_of_any_library_is_one_line(error: Exception) -> None:
    def verb() -> None:
        with needing_memory("all photos"), needing_memory("photo.png", helps="make it smaller"):
            raise error

    with pytest.raises(SystemExit, match=r"^error: photo\.png: not enough memory; make it smaller \(.+\)$"):
        run(verb)


def test_the_command_is_named_where_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def verb() -> None:
        raise MemoryError

    monkeypatch.setattr("sys.argv", ["stages/evaluate.py", "facades"])
    with pytest.raises(SystemExit, match=r"^error: evaluate facades: not enough memory"):
        run(verb)


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), KeyError("memory"), ValueError("no pairs")])
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, needing_memory("photo.png"):
        raise error
    assert caught.value is error and not isinstance(error, NotEnoughMemoryError)
