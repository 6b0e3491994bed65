"""How experiments were trained, by the records that train wrote: logs/records/ of this machine, records/ in git."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from pix2pix.files.json_csv import read_json
from pix2pix.reporting.differences import Line

LOGS, RECORDS = Path("logs/records"), Path("records")


class Record(BaseModel):
    """What is told of <experiment>.json."""

    weights: str | None = None  # MD5 of last.safetensors; older records do not say
    command: str
    commit: str
    code: list[str] = []  # digests of the code that trained them, the latest last
    begun_from: str = ""  # other weights
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


def weights_in(lock: str) -> dict[str, str]:
    """The MD5 of each experiment's weights, as the text of a dvc.lock says."""
    return dict(re.findall(r"- path: models/([^/\n]+)/last\.safetensors\n +hash: md5\n +md5: (\w+)", lock))


def weights_here() -> dict[str, str]:
    """The MD5 of each experiment's weights: of those in models/, else as dvc.lock says."""
    lock, files = Path("dvc.lock"), Path("models").glob("*/last.safetensors")
    recorded = weights_in(lock.read_text(encoding="utf-8")) if lock.exists() else {}
    return recorded | {file.parent.name: hashlib.md5(file.read_bytes()).hexdigest() for file in files}


def trainings(names: Sequence[str], folders: Sequence[Path], weights: Mapping[str, str]) -> tuple[list[Line], str]:
    """A line for each experiment whose record in a folder (the first that fits counts) is of its `weights`; their time.

    Raises:
        ValueError: a record is broken.
    """
    found = [(name, folder / f"{name}.json") for name in names for folder in folders[::-1]]
    records = [(name, read_json(path, Record)) for name, path in found if path.exists()]
    made = {name: record for name, record in records if record.weights == weights.get(name)}
    lines = [
        {
            "experiment": name,
            "date": f"{record.finished:%Y-%m-%d}",
            "training time": duration(record.seconds),
            "images/s": str(record.images_per_second or "–"),
            "hardware": record.hardware,
            "command": f"`{record.command}`",
            "versions": f"torch {record.torch}, Python {record.python}",
            **({"begun from": record.begun_from} if record.begun_from else {}),
            "commit": record.commit + ", begun by other code" * (len(record.code) > 1),
        }
        for name, record in made.items()
    ]
    return lines, f"Training of this study together: {duration(sum(record.seconds for record in made.values()))}."


def duration(seconds: float) -> str:
    """In seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
