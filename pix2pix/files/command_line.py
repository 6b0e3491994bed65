"""The door of every verb: a user's mistake ends with one line and exit code 1, never a traceback."""

import errno
import sys
import warnings
from collections.abc import Callable


def run(verb: Callable[[], None]) -> None:
    """Call `verb`; print ValueError and OSError (the user's data, disk, network) as one line on stderr and exit 1.

    Anything else is our own defect and keeps its traceback.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of metadata; what concerns pixels is an error
    try:
        verb()
    except KeyboardInterrupt:
        sys.exit("stopped; the same command continues")
    except (ValueError, OSError) as error:
        line = " ".join(_said(error).split())
        sys.exit(f"error: {line}")


def _said(error: ValueError | OSError) -> str:
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    named = error.filename2 or error.filename  # of a renaming, what was to be
    file = f"{named}: " if named else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return f"{file}the disk is full ({error.strerror}); make room, then the same command continues"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{file}no permission ({error.strerror}); allow it, then the same command continues"
    return f"{file}{error.strerror or error}"
