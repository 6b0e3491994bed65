"""Write the results block of README.md from results/*.md and records/*.json, so that no number in it is typed by hand.

`python -m tools.readme` first copies the records that `train` left in logs/records/ for the experiments of a table that
is in results/. The block lies between the two marker comments.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from pix2pix.config.configuration import Configuration
from pix2pix.config.experiment import Study
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_file
from pix2pix.files.checked import read_object
from pix2pix.files.command_line import run

README, RESULTS, RECORDS = Path("README.md"), Path("results"), Path("records")
BEGIN, END = "<!-- results: written by `make readme` -->", "<!-- end of results -->"


def collect_records(configuration: Configuration, logs: Path = Path("logs/records")) -> None:
    """Copy the records of runs on this machine whose tables stand in results/."""
    for name in configuration.names("experiments"):
        record = logs / f"{name}.json"
        if record.exists() and (RESULTS / f"{configuration.experiment(name).study}.md").exists():
            RECORDS.mkdir(exist_ok=True)
            shutil.copyfile(record, RECORDS / record.name)


def results_block(configuration: Configuration, *, results: Path = RESULTS, records: Path = RECORDS) -> str:
    """Markdown: each report's table and figure, and how each of its rows was made."""
    parts = []
    for table in configuration.names("studies"):
        path = results / f"{table}.md"
        if path.exists():
            parts += [
                path.read_text(encoding="utf-8").strip().replace("](", "](results/"),
                _made(configuration.study(table), records),
            ]
    return "\n\n".join(part for part in parts if part)


def sync(text: str, block: str) -> str:
    """README text with the block between the markers replaced.

    Raises:
        ValueError: a marker is missing, stands twice, or they are in the wrong order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or any(marker in before + after for marker in (BEGIN, END)):
        raise ValueError(f"{README}: '{BEGIN}' and then '{END}' must both be there, once")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"


def _made(study: Study, records: Path) -> str:
    lines: list[dict[str, Any]] = []
    seconds = 0.0
    for name in study.experiments:
        path = records / f"{name}.json"
        if not path.exists():
            continue
        record = read_object(path, {"seconds": float})
        seconds += record["seconds"]
        lines.append(
            {
                "experiment": name,
                "command": f"`{record['command']}`",
                "hardware": f"{_devices(record)}, {record['precision']}{_threads(record)}",
                "training time": _duration(record["seconds"]),
                "images/s": record["images_per_second"] or "–",
                "versions": f"torch {record['torch']}, Python {record['python']}",
                "commit": record["commit"],
            }
        )
    if not lines:
        return ""
    total = f"Training of this table together: {_duration(seconds)}."
    return f"How it was made:\n\n{pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)}\n\n{total}"


def _devices(record: dict[str, Any]) -> str:
    count = record.get("processes", 1)
    return f"{count} × {record['device']}" if count > 1 and "cores" not in record["device"] else record["device"]


def _threads(record: dict[str, Any]) -> str:
    """Of a CPU, since their number changes the last bits."""
    count = f"{record['processes']} × " if record.get("processes", 1) > 1 else ""
    said = f", {count}{record['threads']} thread{'s' * (record['threads'] > 1)}"
    return said if "cores" in record["device"] else ""


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def main() -> None:
    argparse.ArgumentParser(description="Write results/*.md and records/*.json into README.md.").parse_args()
    configuration = read_configuration()
    collect_records(configuration)
    with whole_file(README) as partial:
        partial.write_text(sync(README.read_text(encoding="utf-8"), results_block(configuration)), encoding="utf-8")


if __name__ == "__main__":
    run(main)
