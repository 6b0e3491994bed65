"""The tables and one figure of all experiments of a study.

*Reads* results/<study>/<experiment>/: card.json, metrics.json, per_image.csv and grid.png of each of its experiments;
fcn_score.json, robustness.csv with sketches.png, and perceptual.json, of those that have them.
*Writes* results/<study>.md (scores with spread and interval; losses, label scores and FCN-scores; the mean over seeds;
paired differences to the reference rows; published numbers), results/<study>.png (the same images by each) and
results/<study>.html (both in one file, for browsers and for `snakemake --report`).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pix2pix.config.experiment import Study
from pix2pix.config.reader import read_configuration
from pix2pix.files.atomic import whole_file
from pix2pix.files.command_line import run
from pix2pix.files.images import read_image, write_png
from pix2pix.reporting.comparison_figure import figure
from pix2pix.reporting.html import html_page
from pix2pix.reporting.results import Row, read_row
from pix2pix.reporting.robustness_table import read_robustness, robustness_lines
from pix2pix.reporting.tables import definitions, differences, markdown, numbers, published, scores


def report(study: Study) -> None:
    """Publish results/<study>.md, .png and .html.

    Raises:
        ValueError, FileNotFoundError: an experiment that is not evaluated or scored yet.
    """
    folder = Path("results", study.name)
    rows = {name: read_row(folder / name, scored=name in study.fcn_scores) for name in study.experiments}
    tables = {heading: [rows[name] for name in within] for heading, within in study.tables.items()}
    text = [f"### {study.title}", f"![{study.title}]({study.name}.png)"]
    for heading, within in tables.items():
        text += [f"#### {heading}"] if heading else []
        text += [markdown(lines) for lines in (scores(within), numbers(within)) if lines]
    numbers_of_others = study.reference_numbers
    others = {
        f"{numbers_of_others.source}, {what}": dict(zip(numbers_of_others.scores, values, strict=True))
        for what, values in numbers_of_others.rows.items()
    }
    text += [definitions(list(rows.values()), others)]
    if sources := published(others):
        text += ["Published, for comparison:", markdown(sources)]
    text += _beside(list(rows.values()), [rows[name] for name in study.baselines])
    tried = {name: folder / name for name in study.robustness}
    text += _robustness(tried) if tried else []
    picture = figure(tables, sketches={name: read_image(place / "sketches.png") for name, place in tried.items()})
    with whole_file(Path("results", f"{study.name}.md")) as partial:
        partial.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    with whole_file(Path("results", f"{study.name}.png")) as partial:
        write_png(partial, picture)
    with whole_file(Path("results", f"{study.name}.html")) as partial:
        page = html_page("\n\n".join(text), title=study.title, folder=Path("results"))
        partial.write_text(page, encoding="utf-8")


def _robustness(folders: dict[str, Path]) -> list[str]:
    """The scores on other drawings of the held-out cars."""
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
    parser = argparse.ArgumentParser(description="Write the tables and the figure of a study.")
    parser.add_argument("study")
    report(read_configuration().study(parser.parse_args().study))


if __name__ == "__main__":
    run(main)
