"""Write README.md's table of studies, and their tables and figures in docs/results.md: `python -m tools.readme`

From results/*.md and records/*.json, so that no number is typed by hand. It first copies what git keeps: the record of
each training whose study is in results/ and whose weights are those of today, from logs/records/ to records/; and the
table and figure of the demo, whose results git ignores, to docs/. What it writes lies between two marker comments.
"""

import argparse
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Study
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.reporting.differences import Line
from pix2pix.reporting.records import LOGS, RECORDS, trainings, weights_here
from pix2pix.reporting.tables import markdown

README, PAGE, RESULTS, DOCS = Path("README.md"), Path("docs/results.md"), Path("results"), Path("docs")
DEMO = "demo"  # the study whose results every machine makes for itself


def copy_demo() -> None:
    """Copy the table and the figure of the demo to docs/, where a demo was made here."""
    for made in (RESULTS / f"{DEMO}.md", RESULTS / f"{DEMO}.png"):
        if made.exists():
            shutil.copyfile(made, DOCS / made.name)


def table_of(study: str) -> Path:
    """The file of a study's tables that git keeps."""
    return (DOCS if study == DEMO else RESULTS) / f"{study}.md"


def copy_records(configuration: Configuration, weights: Mapping[str, str]) -> None:
    """Copy the records of the `weights` of experiments whose studies are in results/."""
    for name in configuration.names("experiments") + configuration.names("incumbent"):
        record, study = LOGS / f"{name}.json", RESULTS / f"{configuration.row(name).study}.md"
        if study.exists() and trainings([name], [LOGS], weights)[0]:
            RECORDS.mkdir(exist_ok=True)
            shutil.copyfile(record, RECORDS / record.name)


def results_block(configuration: Configuration, weights: Mapping[str, str], *, root: Path = Path()) -> str:
    """Markdown: the tables and the figure of each study, and how its experiments' `weights` were trained; each
    definition once."""
    parts, defined = [], set[str]()
    for name in configuration.names("studies"):
        path = table_of(name)
        if (root / path).exists():
            text = (root / path).read_text(encoding="utf-8").strip()
            lines = text.replace("](", f"](../{path.parent}/").split("\n")
            parts.append("\n".join(line for line in lines if line not in defined))
            defined |= {line for line in lines if line.startswith("- ")}
            parts.append(_trainings(configuration.study(name), root / RECORDS, weights))
    return "\n\n".join(part for part in parts if part)


def studies_table(configuration: Configuration, weights: Mapping[str, str], *, root: Path = Path()) -> str:
    """Markdown: a line for each study with results, its first sentence and how long its trainings took."""
    lines = []
    for name in configuration.names("studies"):
        path = root / table_of(name)
        if not path.exists():
            continue
        study = configuration.study(name)
        title, sentence = [*path.read_text(encoding="utf-8").split("\n\n"), ""][:2]
        rows, together = _made(study, root / RECORDS, weights)
        lines.append(
            {
                "study": f"[{title.strip('# ')}](docs/results.md#{anchor(title)})",
                "what it shows": "–" if sentence.startswith(("!", "|", "#")) else sentence,
                "trained in": together.rpartition(": ")[2].strip(".") if rows else "–",
            }
        )
    return markdown(lines)


def anchor(heading: str) -> str:
    """The name under which code hosts link to a Markdown heading."""
    return re.sub(r"[^\w -]", "", heading.strip("# ").lower()).replace(" ", "-")


def replace_block(page: Path, name: str, block: str) -> None:
    """Replace what stands between the two marker comments of `name` in a page.

    Raises:
        ValueError: a marker is missing, stands twice, or they are in the wrong order.
    """
    opening, closing = markers(name)
    before, begin, rest = page.read_text(encoding="utf-8").partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end or any(marker in before + after for marker in (opening, closing)):
        raise ValueError(f"{page}: '{opening}' and then '{closing}' must both be there, once")
    with whole_file(page) as partial:
        partial.write_text(f"{before}{opening}\n\n{block}\n\n{closing}{after}", encoding="utf-8")


def markers(name: str) -> tuple[str, str]:
    """The comments before and after what a program writes into a page."""
    return f"<!-- {name}: written by a program -->", f"<!-- end of {name} -->"


def _trainings(study: Study, records: Path, weights: Mapping[str, str]) -> str:
    """A table of the experiments that have a record; empty where none has."""
    lines, together = _made(study, records, weights)
    return f"How it was made:\n\n{markdown(lines)}\n\n{together}" if lines else ""


def _made(study: Study, records: Path, weights: Mapping[str, str]) -> tuple[list[Line], str]:
    return trainings([*study.experiments, *(row.name for row in study.incumbents)], [records], weights)


def main() -> None:
    argparse.ArgumentParser(description="Write README.md's table of studies, and docs/results.md.").parse_args()
    configuration, weights = read_configuration(), weights_here()
    copy_records(configuration, weights)
    copy_demo()
    replace_block(README, "studies", studies_table(configuration, weights))
    replace_block(PAGE, "results", results_block(configuration, weights))


if __name__ == "__main__":
    run(main)
