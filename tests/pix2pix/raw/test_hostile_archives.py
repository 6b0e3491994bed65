"""Laws of archives from strangers: the members' true bytes or one line that names the archive, whatever it holds."""

import multiprocessing
import os
import random
import resource
import shutil
import signal
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from pix2pix.config.datasets import LocalSource
from pix2pix.raw import archive_members as members
from pix2pix.raw import archives
from pix2pix.raw.archive_members import DamagedArchiveError
from pix2pix.raw.archives import list_members, unpack
from stages.download import download
from tests.support.archive_cases import MAKERS
from tests.support.packers import Case
from tests.support.soaks import Soak

SEED = 4
MEMORY = 30 * 2**20  # bytes that the cases may take beside the program itself
SECONDS = 10  # for one case
BATCH = 50  # cases a process


@pytest.mark.soak
def test_any_archive_gives_its_true_files_or_one_line(tmp_path: Path, soak: Soak) -> None:
    rounds = soak.rounds(168, 2800)
    outcomes: Counter[str] = Counter()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for start in range(0, rounds, BATCH):
            outcomes += pool.submit(judge, tmp_path, start, min(start + BATCH, rounds)).result(timeout=BATCH * SECONDS)
    print(sorted(outcomes.items()))
    soak.counts["archives"] = outcomes["right"] + outcomes["refused"]
    soak.counts["refused"] = outcomes["refused"]
    assert not {outcome: count for outcome, count in outcomes.items() if outcome not in ("right", "refused")}
    assert soak.counts["archives"] == rounds


def judge(folder: Path, start: int, end: int) -> Counter[str]:
    """Outcomes of some cases in this process, with little memory; anything but right and refused says which it was."""
    archives.SMALL, members.TAIL = 10**6, 2**20  # so that small bombs will do
    os.sync = lambda: None  # these files may be lost
    signal.signal(signal.SIGALRM, _too_long)
    outcomes: Counter[str] = Counter()
    for number in range(start, end):
        maker = MAKERS[number % len(MAKERS)]
        case = maker(random.Random(f"{SEED} {number}"))
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY, resource.RLIM_INFINITY))
        signal.alarm(SECONDS)
        try:
            outcome = _outcome(folder / str(number), case, whole=number % 7 == 0)
        except Exception:
            outcome = traceback.format_exc()
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        outcomes[outcome if outcome in ("right", "refused") else f"{maker.__name__} {number}: {outcome}"] += 1
    return outcomes


def _outcome(folder: Path, case: Case, *, whole: bool) -> str:
    archive, out = folder / "own.archive", folder / "raw/own"
    folder.mkdir()
    archive.write_bytes(case.content)
    try:
        if whole:
            source = LocalSource(source="local", path=str(archive))
            download("own", source, raw=folder / "raw", downloads=folder / "scratch", mirror=None)
        else:
            unpack(archive, out, wanted={name: Path(name) for name in list_members(archive)})
    except (DamagedArchiveError, ValueError) as error:
        line = str(error)
        if not case.refusable or "\n" in line or not line.startswith(f"{archive}: ") or len(line) > 1000:
            return f"refused by {error!r}"
        if whole and list((folder / "raw").iterdir()):
            return "refused, but something was left"
        outcome = "refused"
    else:
        files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        if not case.forged and files != case.files:
            return f"wrong files: {sorted(files)}"
        outcome = "right"
    strangers = {path.name for path in folder.iterdir()} - {"own.archive", "raw"}
    strangers |= {path.name for path in folder.glob("raw/*")} - {"own"}
    if strangers or list(folder.parent.glob("*evil*")) or any(path.is_symlink() for path in folder.rglob("*")):
        return f"something outside of the folder: {strangers}"
    shutil.rmtree(folder)
    return outcome


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _too_long(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} seconds")
