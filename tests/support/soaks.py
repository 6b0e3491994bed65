"""Laws that want many rounds: a few in `make test`, the full count in `make soak`, which records it.

A test of such a law is marked `soak` and takes the fixture of that name: `soak.rounds(3, 100)` is 3, or 100 under
`pytest --soak`; what it counts in `soak.counts` becomes its row of benchmarks/soaks.csv once the law has held.
"""

import time
from collections.abc import Iterator
from contextlib import chdir

import pandas as pd
import pytest

from pix2pix.files.atomic import whole_file
from pix2pix.machine.provenance import commit
from tests.support.repository import REPO

TABLE = REPO / "benchmarks/soaks.csv"


class Soak:
    """How many rounds to try a law, and what was counted meanwhile."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.counts: dict[str, int] = {}

    def rounds(self, short: int, full: int) -> int:
        return full if self.full else short


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> Iterator[Soak]:
    rounds = Soak(full=request.config.getoption("--soak"))
    failed, start = request.session.testsfailed, time.monotonic()
    yield rounds
    if rounds.full and request.session.testsfailed == failed:
        name = request.node.nodeid.removeprefix("tests/")
        _record(name, rounds.counts, time.monotonic() - start)


def _record(law: str, counts: dict[str, int], seconds: float) -> None:
    from pix2pix.machine.hardware import use_hardware  # noqa: PLC0415  PyTorch: pytest-xdist itself does without

    rows = pd.read_csv(TABLE, dtype=str).set_index("law") if TABLE.exists() else pd.DataFrame()
    machine = use_hardware().describe()
    with chdir(TABLE.parents[1]):  # a law may have gone elsewhere
        code = commit(("stages", "pix2pix", "tests", "app", "workflow", "dvc.yaml", "requirements.txt"))
    row = {
        "counts": ", ".join(f"{count} {what}" for what, count in counts.items()),
        "seconds": f"{seconds:.0f}",
        "commit": code,
        "device": machine["device"],
        "torch": machine["torch"],
    }
    table = pd.concat([rows.drop(index=law, errors="ignore"), pd.DataFrame([row], index=pd.Index([law], name="law"))])
    with whole_file(TABLE) as partial:
        table.sort_index().to_csv(partial, lineterminator="\n")
