"""The door of every verb: a user's mistake ends with one line and exit code 1, never a traceback."""

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
        line = " ".join(str(error).split())
        sys.exit(f"error: {line}")
