"""Laws of the lock: one process at a time holds it, on any disk, and a killed one no longer does."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from pix2pix.files.lock import locked
from tests.support.repository import REPO

HOLD = """
import fcntl, os, sys, time
from pathlib import Path
from pix2pix.files.lock import locked

def flock(*_: object) -> None:
    raise OSError(int(sys.argv[1]), os.strerror(int(sys.argv[1])))

if sys.argv[1] != "0":
    fcntl.flock = flock
with locked(Path(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [0, errno.ENOSYS, errno.ENOLCK], ids=["local", "Lustre", "NFS"])
def test_one_process_holds_a_lock_until_it_ends(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    if number:
        monkeypatch.setattr(fcntl, "flock", flock)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(number), tmp_path / "lock"], cwd=REPO, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(Timeout), locked(tmp_path / "lock"):
            pass
        holder.kill()
    with locked(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
    assert not list(tmp_path.iterdir())
