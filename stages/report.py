"""report: the tables and the figure of a study. `python -m stages.report <study>`

Reads   results/<study>/<experiment>/ of each of its experiments: card.json, metrics.json, intervals.json,
        controls.json, per_image.csv, distributions.npz, images/ and shown/; where they exist, robustness.csv,
        sketches.png, perceptual.json, and results/<study>/fcn_scores.json
Writes  results/<study>.md    metrics with their intervals, of controls too; losses, label metrics, FCN-scores; means
                              over seeds; paired differences to the baselines; published numbers
        results/<study>.png   the same images by each experiment
        results/<study>.html  both in one file, for browsers and for `snakemake --report`
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Study
from pix2pix.evaluation.metric_definitions import METRICS
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.images import read_image, write_png
from pix2pix.reporting.comparison_figure import figure
from pix2pix.reporting.differences import differences
from pix2pix.reporting.experiment_result import ExperimentResult, read_result
from pix2pix.reporting.html import html_page
from pix2pix.reporting.robustness_table import Drawings, read_robustness, robustness_lines
from pix2pix.reporting.tables import definitions, image_metrics, markdown, other_metrics, published


def report(study: Study) -> None:
    """Publish results/<study>.md, .png and .html.

    Raises:
        ValueError, FileNotFoundError: an experiment that is not rendered, evaluated or scored yet.
    """
    folder = Path("results", study.name)
    results = {name: read_result(folder / name, with_fcn_score=name in study.fcn_scores) for name in study.experiments}
    tables = {heading: [results[name] for name in names] for heading, names in study.tables.items()}
    text = "\n\n".join(write_up(study, results)) + "\n"
    sketches = {name: read_image(folder / name / "sketches.png") for name in study.robustness}
    picture = figure(tables, sketches)
    with whole_file(Path("results", f"{study.name}.md")) as partial:
        partial.write_text(text, encoding="utf-8")
    with whole_file(Path("results", f"{study.name}.png")) as partial:
        write_png(partial, picture)
    with whole_file(Path("results", f"{study.name}.html")) as partial:
        partial.write_text(html_page(text, title=study.title, folder=Path("results")), encoding="utf-8")


def write_up(study: Study, results: Mapping[str, ExperimentResult]) -> list[str]:
    """The study in Markdown, a paragraph or table an item."""
    parts = [f"### {study.title}", f"![{study.title}]({study.name}.png)"]
    for heading, names in study.tables.items():
        rows = [results[name] for name in names]
        parts += [f"#### {heading}"] if heading else []
        parts += [markdown(lines) for lines in (image_metrics(rows), other_metrics(rows)) if lines]
    rows, baselines = list(results.values()), [results[name] for name in study.baselines]
    parts += [definitions(rows, study.reference_numbers)]
    if lines := published(study.reference_numbers):
        parts += [f"Published numbers: {study.reference_numbers.source}.", markdown(lines)]
    if lines := image_metrics(rows, prefix="fg_"):
        parts += ["The same over the foreground (the car) alone:", markdown(lines)]
    for prefix, where in (("", ""), ("fg_", ", over the foreground alone")):
        if lines := differences(rows, baselines, prefix):
            parts += [f"Paired difference to the baseline on the same images{where}: mean [95 % interval]."]
            parts += [markdown(lines)]
    comparable = {baseline.data for baseline in baselines}
    if alone := [result.name for result in rows if baselines and result.data not in comparable]:
        parts += [f"No baseline on the same images at the same size for: {', '.join(alone)}."]
    if study.robustness:
        parts += _robustness({name: read_robustness(results[name].folder) for name in study.robustness})
    return parts


def _robustness(tests: Mapping[str, Drawings]) -> list[str]:
    parts = []
    for key, prefix, where in (("ssim", "fg_", " over the car alone"), ("l1", "", "")):
        metric = METRICS[key]
        what = f"{metric.heading}{where}"
        parts += [f"Other drawings of the held-out cars, {what}; paired differences with 95 % interval over cars:"]
        parts += [markdown(robustness_lines(tests, metric, prefix))]
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the tables and the figure of a study.")
    parser.add_argument("study")
    name = parser.parse_args().study
    report(read_configuration().study(name))


if __name__ == "__main__":
    run(main)
