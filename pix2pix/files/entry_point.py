"""How every verb is started: a user's mistake ends with one line and exit code 1, never with a traceback."""

import errno
import sys
import warnings
from collections.abc import Callable


def run(verb: Callable[[], None]) -> None:
    """Call `verb`. A ValueError or OSError (the user's data, disk, network) becomes one line on stderr and exit code 1.

    Every other exception is our own defect and keeps its traceback.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")  # about metadata; whatever concerns pixels is an error
    try:
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
