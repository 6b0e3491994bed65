"""How every verb is started: a user's mistake ends with one line and exit code 1, never with a traceback."""

import errno
import io
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from pix2pix.files.memory import needing_memory

TOOLS = ("lpips", "onnx", "onnxruntime", "onnxscript", "torch_fidelity", "torchvision")  # pyproject.toml's group


def run(verb: Callable[[], None]) -> None:
    """Call `verb`. What lies with the user's data, disk, network or memory becomes one line on stderr and exit code 1:
    a ValueError, an OSError, a package of the tools that is not installed, and any error of a library that was refused
    memory.

    Every other exception is our own defect and keeps its traceback.
    """
    if sys.stdout is sys.__stdout__:  # not where a caller has put streams of its own
        sys.stdout, sys.stderr = _unbreakable(sys.stdout, 1), _unbreakable(sys.stderr, 2)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # about metadata; whatever concerns pixels is an error
    try:
        with needing_memory(" ".join([Path(sys.argv[0]).stem, *sys.argv[1:]])):
            verb()
    except KeyboardInterrupt:
        sys.exit("stopped; the same command continues")
    except ModuleNotFoundError as error:
        if error.name not in TOOLS:
            raise
        sys.exit(f"error: {error.name} is not installed: make tools")
    except (ValueError, OSError) as error:
        message = " ".join(_message(error).split())
        sys.exit(f"error: {message}")


@cache
def warn_once(line: str) -> None:
    """Say on stderr, once a process, what this machine does less well than others."""
    print(f"warning: {line}", file=sys.stderr)


class _Heard(io.FileIO):
    """A standard stream that takes what is written also when its pipe or terminal is closed, and nobody listens."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            return len(data)  # a memoryview, by BufferedWriter


def _unbreakable(stream: TextIO | None, number: int) -> TextIO:
    """Standard stream `number` as one that does not fail because nobody listens; None if the caller has closed it."""
    if stream is None:  # else a file that is opened later would get its number, and what is written to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    raw = io.BufferedWriter(_Heard(number, "w", closefd=False))
    encoding, errors = (stream.encoding, stream.errors) if stream else ("utf-8", "strict")
    return io.TextIOWrapper(raw, encoding, errors, line_buffering=bool(stream and stream.line_buffering))


def _message(error: ValueError | OSError) -> str:
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    path = error.filename2 or error.filename  # filename2: the new name of a renaming
    file = f"{path}: " if path else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return f"{file}the disk is full ({error.strerror}); make room, then the same command continues"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{file}no permission ({error.strerror}); allow it, then the same command continues"
    return f"{file}{error.strerror or error}"
