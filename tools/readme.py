"""Write the results block of README.md from results/*.md and records/*.json: no number in it is typed by hand.

`python -m tools.readme` first copies from logs/records/ to records/ the record of each training whose study is in
results/. The block lies between the two marker comments.
"""

import argparse
import shutil
from pathlib import Path

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Study
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.reporting.records import LOGS, RECORDS, trainings
from pix2pix.reporting.tables import markdown

README, RESULTS = Path("README.md"), Path("results")
BEGIN, END = "<!-- results: written by `make readme` -->", "<!-- end of results -->"


def copy_records(configuration: Configuration, logs: Path = LOGS) -> None:
    """Copy the records of trainings on this machine whose studies are in results/."""
    for name in configuration.names("experiments") + configuration.names("incumbent"):
        record = logs / f"{name}.json"
        if record.exists() and (RESULTS / f"{configuration.row(name).study}.md").exists():
            RECORDS.mkdir(exist_ok=True)
            shutil.copyfile(record, RECORDS / record.name)


def results_block(configuration: Configuration, *, results: Path = RESULTS, records: Path = RECORDS) -> str:
    """Markdown: the tables and the figure of each study, and how its experiments were trained; each definition once."""
    parts, defined = [], set[str]()
    for name in configuration.names("studies"):
        path = results / f"{name}.md"
        if path.exists():
            lines = path.read_text(encoding="utf-8").strip().replace("](", "](results/").split("\n")
            parts.append("\n".join(line for line in lines if line not in defined))
            defined |= {line for line in lines if line.startswith("- ")}
            parts.append(_trainings(configuration.study(name), records))
    return "\n\n".join(part for part in parts if part)


def replace_block(page: Path, block: str) -> None:
    """Replace what stands between the two marker comments of a page.

    Raises:
        ValueError: a marker is missing, stands twice, or they are in the wrong order.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or any(marker in before + after for marker in (BEGIN, END)):
        raise ValueError(f"{page}: '{BEGIN}' and then '{END}' must both be there, once")
    with whole_file(page) as partial:
        partial.write_text(f"{before}{BEGIN}\n\n{block}\n\n{END}{after}", encoding="utf-8")


def _trainings(study: Study, records: Path) -> str:
    """A table of the experiments that have a record; empty where none has."""
    names = study.experiments + [row.name for row in study.incumbents]
    lines, together = trainings(names, [records])
    return f"How it was made:\n\n{markdown(lines)}\n\n{together}" if lines else ""


def main() -> None:
    argparse.ArgumentParser(description="Write the results block of README.md from results/ and records/.").parse_args()
    configuration = read_configuration()
    copy_records(configuration)
    replace_block(README, results_block(configuration))


if __name__ == "__main__":
    run(main)
