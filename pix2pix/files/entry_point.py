"""How every verb is started: a user's mistake ends with one line and exit code 1, never with a traceback."""

import errno
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from pix2pix.files.memory import needing_memory


def run(verb: Callable[[], None]) -> None:
    """Call `verb`. What lies with the user's data, disk, network or memory becomes one line on stderr and exit code 1:
    a ValueError, an OSError, and any error of a library that was refused memory.

    Every other exception is our own defect and keeps its traceback.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")  # about metadata; whatever concerns pixels is an error
    try:
        with needing_memory(" ".join([Path(sys.argv[0]).stem, *sys.argv[1:]])):
            verb()
    except KeyboardInterrupt:
        sys.exit("stopped; the same command continues")
    except (ValueError, OSError) as error:
        message = " ".join(_message(error).split())
        sys.exit(f"error: {message}")


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
