"""The tables and one figure of all experiments of a report.

*Reads* results/<table>/<experiment>/: card.json, metrics.json, per_image.csv and grid.png of each of its experiments;
fcn_score.json of those under scores:, robustness.csv and sketches.png of those under probes:, and perceptual.json.
*Writes* results/<table>.md (scores with spread and interval; losses, label scores and FCN-scores; the mean over seeds;
paired differences to the reference rows; published numbers), results/<table>.png (the same images by each) and
results/<table>.html (both in one file, for browsers and for `snakemake --report`).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pix2pix.config.configuration import Params, entry, read_params
from pix2pix.files.atomic import whole_file
from pix2pix.files.command_line import run
from pix2pix.files.images import read_image, write_png
from pix2pix.reporting.comparison_figure import figure
from pix2pix.reporting.html import html_page
from pix2pix.reporting.results import Row, read_row
from pix2pix.reporting.robustness_table import read_robustness, robustness_lines
from pix2pix.reporting.tables import definitions, differences, markdown, numbers, published, scores


def report(table: str, params: Params) -> None:
    """Publish results/<table>.md, .png and .html.

    Raises:
        ValueError, FileNotFoundError: no such report, no experiment in it, or one that is not evaluated or scored yet.
    """
    about = entry(params.reports, table, "reports")
    names = [name for name, experiment in params.experiments.items() if experiment.table == table]
    if not names:
        raise ValueError(f"params.yaml: no experiment has table: {table}")
    rows = {name: read_row(Path("results", table, name), scored=name in params.scores) for name in names}
    members = about.tables or {"": names}
    tables = {heading: [rows[name] for name in within] for heading, within in members.items()}
    text = [f"### {about.title}", f"![{about.title}]({table}.png)"]
    for heading, within in tables.items():
        text += [f"#### {heading}"] if heading else []
        text += [markdown(lines) for lines in (scores(within), numbers(within)) if lines]
    others = {number.source: number.scores for number in about.published}
    text += [definitions(list(rows.values()), others)]
    if sources := published(others):
        text += ["Published, for comparison:", markdown(sources)]
    text += _beside(list(rows.values()), [rows[name] for name in about.references])
    probes = {name: Path("results", table, name) for name in names if name in params.probes}
    text += _probed(probes) if probes else []
    picture = figure(tables, sketches={name: read_image(folder / "sketches.png") for name, folder in probes.items()})
    with whole_file(Path("results", f"{table}.md")) as partial:
        partial.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    with whole_file(Path("results", f"{table}.png")) as partial:
        write_png(partial, picture)
    with whole_file(Path("results", f"{table}.html")) as partial:
        page = html_page("\n\n".join(text), title=about.title, folder=Path("results"))
        partial.write_text(page, encoding="utf-8")


def _probed(folders: dict[str, Path]) -> list[str]:
    """How each probed experiment bears other drawings of the held-out cars."""
    probes = {name: read_robustness(folder) for name, folder in folders.items()}
    text = []
    for score, heading in (("fg_ssim", "SSIM over the car alone"), ("l1", "L1 of 1")):
        text += [f"Held-out cars drawn otherwise, {heading}; differences paired, with their 95 % interval over cars:"]
        text += [markdown(robustness_lines(probes, score=score, decimals=4))]
    return text


def _beside(rows: Sequence[Row], references: Sequence[Row]) -> list[str]:
    """Foreground scores, and the paired differences to the references."""
    text = []
    if foreground := scores(rows, prefix="fg_"):
        text += ["The same over the foreground (the car) alone:", markdown(foreground)]
    for prefix, where in (("", ""), ("fg_", ", over the foreground alone")):
        if lines := differences(rows, references, prefix=prefix):
            text += [f"Difference to the reference on the same images, paired{where}; mean and 95 % interval:"]
            text += [markdown(lines)]
    comparable = {row.data for row in references}
    if alone := [row.name for row in rows if references and row.data not in comparable]:
        text += [f"No reference on the same images at the same size for: {', '.join(alone)}."]
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the tables and the figure of a report.")
    parser.add_argument("table")
    report(parser.parse_args().table, read_params())


if __name__ == "__main__":
    run(main)
