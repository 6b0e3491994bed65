"""How experiments were trained, by the records that train wrote: logs/records/ of this machine, records/ in git."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from pix2pix.files.json_csv import read_json
from pix2pix.reporting.differences import Line

LOGS, RECORDS = Path("logs/records"), Path("records")


class Record(BaseModel):
    """What is told of <experiment>.json."""

    command: str
    commit: str
    finished: datetime
    seconds: float
    images_per_second: float | None
    device: str
    processes: int = 1
    threads: int
    precision: str
    python: str
    torch: str

    @property
    def hardware(self) -> str:
        on_cpu = "cores" in self.device
        count = f"{self.processes} × " if self.processes > 1 else ""
        threads = f", {count}{self.threads} thread{'s' * (self.threads > 1)}"  # their number changes the last bits
        return f"{'' if on_cpu else count}{self.device}, {self.precision}{threads if on_cpu else ''}"


def trainings(names: Sequence[str], folders: Sequence[Path]) -> tuple[list[Line], str]:
    """A line for each experiment with a record in a folder (the first of `folders` counts), and their time together.

    Raises:
        ValueError: a record is broken.
    """
    found = {name: path for name in names for folder in folders[::-1] if (path := folder / f"{name}.json").exists()}
    made = {name: read_json(path, Record) for name, path in found.items()}
    lines = [
        {
            "experiment": name,
            "date": f"{record.finished:%Y-%m-%d}",
            "training time": _duration(record.seconds),
            "images/s": str(record.images_per_second or "–"),
            "hardware": record.hardware,
            "command": f"`{record.command}`",
            "versions": f"torch {record.torch}, Python {record.python}",
            "commit": record.commit,
        }
        for name, record in made.items()
    ]
    return lines, f"Training of this study together: {_duration(sum(record.seconds for record in made.values()))}."


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
