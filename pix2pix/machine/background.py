"""Work that a training on a GPU does not wait for, done by a thread: pictures, curves and states, written to disk."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Semaphore
from typing import Self

import torch

WAITING = 4  # pieces of work at most; whoever gives more waits


class Background:
    """Does what it is given: on a CPU at once; on a GPU in a thread, in order, after what the device was given before.

    After an error nothing more is done, and the next call raises it. Leaving the `with` waits until all is done.
    """

    def __init__(self, device: torch.device, *, threaded: bool | None = None) -> None:
        self.on_gpu = device.type == "cuda"
        self.threaded = self.on_gpu if threaded is None else threaded
        self._stream = torch.cuda.Stream(device) if self.on_gpu else None
        self._pool, self._room = ThreadPoolExecutor(1), Semaphore(WAITING)
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown()
        if error is None:
            self.check()

    def __call__(self, work: Callable[[], None]) -> None:
        """Do `work`.

        Raises:
            Exception: what this work raised, or one before in the thread.
        """
        if not self.threaded:
            work()
            return
        self._room.acquire()
        self.check()
        given = torch.cuda.current_stream().record_event() if self.on_gpu else None
        self._pool.submit(self._do, work, given)

    def check(self) -> None:
        """Raise what work in the thread has raised."""
        if self._error:
            raise self._error

    def _do(self, work: Callable[[], None], given: torch.cuda.Event | None) -> None:
        try:
            if self._error is None:
                with torch.cuda.stream(self._stream) if self._stream else nullcontext():
                    if self._stream and given:
                        self._stream.wait_event(given)
                    work()
        except Exception as error:
            self._error = error
        finally:
            self._room.release()
