"""report: the tables and the figure of a study. `python -m stages.report <study> [--partial]`

Reads   results/<study>/<experiment>/ of each of its experiments: card.json, metrics.json, intervals.json,
        controls.json, per_image.csv, distributions.npz, images/, shown/ and best_and_worst.png; where they exist,
        robustness.csv, sketches.png, perceptual.json, and results/<study>/fcn_scores.json
Writes  results/<study>.md    one sentence of result; metrics with their intervals, of controls too; losses, label
                              metrics, FCN-scores; means over seeds; paired differences to the baselines; published
                              numbers
        results/<study>.png   the same images by each experiment
        results/<study>.html  all in one file that can be sent: it also shows the best, median and worst images, the
                              losses by epoch (models/<experiment>/history.csv) and when, where and how the
                              experiments were trained (logs/records/, else records/); so it is no output of the
                              graph, whose hashes depend on no machine and no time

With --partial, while the study is still running: of the experiments that are scored by now; the others are named.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Study
from pix2pix.evaluation.metric_definitions import METRICS
from pix2pix.evaluation.rendered_images import is_current
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.images import read_image, write_png
from pix2pix.reporting.comparison_figure import figure
from pix2pix.reporting.curves import loss_curves, read_history, score_curves
from pix2pix.reporting.differences import differences, headline
from pix2pix.reporting.experiment_result import ExperimentResult, first_of_each_data, one_of_each_setting, read_result
from pix2pix.reporting.html import html_page, image
from pix2pix.reporting.records import LOGS, RECORDS, trainings, weights_here
from pix2pix.reporting.robustness_table import read_robustness, robustness_lines
from pix2pix.reporting.tables import (
    LOSS_HEADINGS,
    Section,
    cells,
    definitions,
    image_metrics,
    main_scores,
    markdown,
    other_metrics,
    published,
)

PROGRAM = "pytorch-CycleGAN-and-pix2pix"  # the incumbent


def report(study: Study, *, left_out: Sequence[str] = ()) -> None:
    """Publish results/<study>.md, .png and .html, which name what is `left_out`.

    Raises:
        ValueError, FileNotFoundError: an experiment that is not rendered, evaluated or scored yet.
    """
    folder, page = Path("results", study.name), Path("results", f"{study.name}.html")
    page.unlink(missing_ok=True)  # no engine does that for it
    names = study.experiments + [row.name for row in study.incumbents if is_current(row)]
    results = {name: read_result(folder / name, with_fcn_score=name in study.fcn_scores) for name in names}
    rows, baselines = list(results.values()), [results[name] for name in study.baselines if name in results]
    tables = {heading: [results[name] for name in group if name in results] for heading, group in study.tables.items()}
    sentence = headline(rows, baselines, METRICS[study.headline])
    columns = definitions(rows, study.reference_numbers)
    sections = [Section(f"Not scored yet: {', '.join(left_out)}.")] * bool(left_out) + further_sections(study, results)
    shown = {heading: [row for row in group if row.name in study.figure] for heading, group in tables.items()}
    shown = {heading: group for heading, group in shown.items() if group}
    picture = figure(shown, {name: read_image(folder / name / "sketches.png") for name in study.robustness})

    parts = [f"### {study.title}", sentence, f"![{study.title}]({study.name}.png)"]
    for heading, group in tables.items():
        parts += [f"#### {heading}" if heading else ""]
        parts += [markdown(lines) for lines in (image_metrics(group), other_metrics(group)) if lines]
    parts += [cells(rows), "\n".join(f"- {heading}: {text}" for heading, text in columns.items())]
    parts += [part for section in sections for part in (section.text, markdown(section.lines)) if part]
    with whole_file(Path("results", f"{study.name}.md")) as partial:
        partial.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")
    with whole_file(Path("results", f"{study.name}.png")) as partial:
        write_png(partial, picture)

    learned = [result for result in one_of_each_setting(rows) if result.learned]
    histories = {result.name: Path("models", result.name, "history.csv") for result in learned}
    by_epoch = {result.name: result.folder / "scores_by_epoch.csv" for result in learned}
    text = html_page(
        title=study.title,
        result=sentence,
        tables={heading: main_scores(group) for heading, group in tables.items()},
        comparison=image(Path("results", f"{study.name}.png")),
        best_and_worst={row.name: image(row.folder / "best_and_worst.png") for row in first_of_each_data(rows)},
        losses={name: Markup(loss_curves(read_history(path))) for name, path in histories.items() if path.exists()},
        scores={name: Markup(score_curves(read_history(path))) for name, path in by_epoch.items() if path.exists()},
        cells=cells(rows),
        definitions={heading: text for heading, text in columns.items() if heading not in LOSS_HEADINGS},
        further=sections,
        made=trainings(names, [LOGS, RECORDS], weights_here())[0],
    )
    with whole_file(page) as partial:
        partial.write_text(text, encoding="utf-8")
    print(f"{page}: {sentence or study.title}")


def scored_by_now(study: Study) -> Study:
    """The study of those of its experiments that are scored by now.

    Raises:
        FileNotFoundError: none is.
    """
    folder = Path("results", study.name)

    def having(names: Sequence[str], file: str) -> list[str]:
        return [name for name in names if (folder / name / file).exists()]

    if not (here := having(study.experiments, "metrics.json")):
        raise FileNotFoundError(f"{folder}: no experiment of {study.name} is scored yet")
    return replace(
        study,
        experiments=here,
        tables={heading: group for heading, group in study.tables.items() if having(group, "metrics.json")},
        fcn_scores=having(study.fcn_scores, "../fcn_scores.json"),
        robustness=having(study.robustness, "robustness.csv"),
    )


def further_sections(study: Study, results: Mapping[str, ExperimentResult]) -> list[Section]:
    """What stands beneath the tables of all scores: others' numbers, the foreground, differences, robustness."""
    rows, baselines = list(results.values()), [results[name] for name in study.baselines if name in results]
    sections = _incumbents(study, results)
    if lines := published(study.reference_numbers):
        sections += [Section(f"Published numbers: {study.reference_numbers.source}.", lines)]
    if lines := image_metrics(rows, prefix="fg_"):
        sections += [Section("The same over the foreground (the car) alone:", lines)]
    for prefix, where in (("", ""), ("fg_", ", over the foreground alone")):
        if lines := differences(rows, baselines, prefix):
            text = f"Paired difference to the baseline on the same images{where}: mean [95 % interval]."
            sections += [Section(text, lines)]
    comparable = {baseline.data for baseline in baselines}
    if alone := [result.name for result in rows if baselines and result.data not in comparable]:
        sections += [Section(f"No baseline on the same images at the same size for: {', '.join(alone)}.")]
    tests = {name: read_robustness(results[name].folder) for name in study.robustness}
    for key, prefix, where in (("ssim", "fg_", " over the car alone"), ("l1", "", "")) if tests else ():
        what = f"{METRICS[key].heading}{where}; paired differences with 95 % interval over cars:"
        lines = robustness_lines(tests, METRICS[key], prefix)
        sections += [Section(f"Other drawings of the held-out cars, {what}", lines)]
    return sections


def _incumbents(study: Study, results: Mapping[str, ExperimentResult]) -> list[Section]:
    """Which rows are the incumbent's, and which of them are left out."""
    names = [row.name for row in study.incumbents]
    here = {name: results[name].card.incumbent for name in names if name in results}
    left, code = [name for name in names if name not in here], ", ".join(dict.fromkeys(here.values()))
    return [
        *[Section(f"Trained and rendered by {PROGRAM}, code {code}: {', '.join(here)}.")] * bool(here),
        *[Section(f"Left out, as {PROGRAM} was not run with this configuration: {', '.join(left)}.")] * bool(left),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the tables and the figure of a study.")
    parser.add_argument("study")
    parser.add_argument("--partial", action="store_true", help="of the experiments that are scored by now")
    given = parser.parse_args()
    study = read_configuration().study(given.study)
    part = scored_by_now(study) if given.partial else study
    report(part, left_out=[name for name in study.experiments if name not in part.experiments])


if __name__ == "__main__":
    run(main)
