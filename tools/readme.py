"""Write the results block of README.md from results/*.md and records/*.json: no number in it is typed by hand.

`python -m tools.readme` first copies from logs/records/ to records/ the record of each training whose study is in
results/. The block lies between the two marker comments.
"""

import argparse
import shutil
from pathlib import Path

from pydantic import BaseModel
from tabulate import tabulate

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Study
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.json_csv import read_json

README, RESULTS, RECORDS = Path("README.md"), Path("results"), Path("records")
BEGIN, END = "<!-- results: written by `make readme` -->", "<!-- end of results -->"


class Record(BaseModel):
    """What the README says of records/<experiment>.json, which train wrote."""

    command: str
    commit: str
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


def copy_records(configuration: Configuration, logs: Path = Path("logs/records")) -> None:
    """Copy the records of trainings on this machine whose studies are in results/."""
    for name in configuration.names("experiments"):
        record = logs / f"{name}.json"
        if record.exists() and (RESULTS / f"{configuration.experiment(name).study}.md").exists():
            RECORDS.mkdir(exist_ok=True)
            shutil.copyfile(record, RECORDS / record.name)


def results_block(configuration: Configuration, *, results: Path = RESULTS, records: Path = RECORDS) -> str:
    """Markdown: the tables and the figure of each study, and how its experiments were trained."""
    parts = []
    for name in configuration.names("studies"):
        path = results / f"{name}.md"
        if path.exists():
            parts.append(path.read_text(encoding="utf-8").strip().replace("](", "](results/"))
            parts.append(_trainings(configuration.study(name), records))
    return "\n\n".join(part for part in parts if part)


def replace_block(text: str, block: str) -> str:
    """README text with the block between the markers replaced.

    Raises:
        ValueError: a marker is missing, stands twice, or they are in the wrong order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or any(marker in before + after for marker in (BEGIN, END)):
        raise ValueError(f"{README}: '{BEGIN}' and then '{END}' must both be there, once")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"


def _trainings(study: Study, records: Path) -> str:
    """A table of the experiments that have a record; empty where none has."""
    paths = {name: records / f"{name}.json" for name in study.experiments}
    made = {name: read_json(path, Record) for name, path in paths.items() if path.exists()}
    if not made:
        return ""
    lines = [
        {
            "experiment": name,
            "command": f"`{record.command}`",
            "hardware": record.hardware,
            "training time": _duration(record.seconds),
            "images/s": record.images_per_second or "–",
            "versions": f"torch {record.torch}, Python {record.python}",
            "commit": record.commit,
        }
        for name, record in made.items()
    ]
    table = tabulate(lines, headers="keys", tablefmt="pipe", disable_numparse=True)
    total = _duration(sum(record.seconds for record in made.values()))
    return f"How it was made:\n\n{table}\n\nTraining of this study together: {total}."


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def main() -> None:
    argparse.ArgumentParser(description="Write the results block of README.md from results/ and records/.").parse_args()
    configuration = read_configuration()
    copy_records(configuration)
    text = replace_block(README.read_text(encoding="utf-8"), results_block(configuration))
    with whole_file(README) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
