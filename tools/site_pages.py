"""The site's pages of results, from what git keeps: each study's, by the renderer of its report, and their index."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

from markupsafe import Markup

from pix2pix.config.configuration import Configuration
from pix2pix.config.resolved import Study
from pix2pix.reporting.curves import loss_curves, read_history, score_curves
from pix2pix.reporting.experiment_result import ExperimentResult, first_of_each_data, one_of_each_setting, read_result
from pix2pix.reporting.html import html_page, image
from pix2pix.reporting.records import RECORDS, trainings, weights_here
from pix2pix.reporting.tables import LOSS_HEADINGS, cells, definitions, main_scores
from stages.report import scored_by_now

RESULTS = Path("results")
FILES = {"scores": "metrics.json", "intervals": "intervals.json", "each image (CSV)": "per_image.csv"}
HEAD = Markup(
    '<meta name="description" content="{}"><meta property="og:title" content="{}">'
    '<meta property="og:image" content="{}.png"><link rel="icon" href="../icon.svg">'
)
TOP = Markup('<nav><a href="../index.html">Draw</a> · <a href="index.html">All results</a></nav>')


@dataclass(frozen=True)
class StudyPage:
    study: Study
    sentence: str
    results: list[ExperimentResult]


def read_studies(configuration: Configuration) -> list[StudyPage]:
    """The studies with tables in results/, in the order of their files; their experiments with results.

    Raises:
        ValueError: a file is broken.
    """
    pages = []
    for name in configuration.names("studies"):
        if not (RESULTS / f"{name}.md").exists():
            continue
        study = scored_by_now(configuration.study(name))
        text = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
        sentence = [*text.split("\n\n"), ""][1]
        incumbents = [row.name for row in study.incumbents if (RESULTS / name / row.name / "metrics.json").exists()]
        results = [
            read_result(RESULTS / name / row, with_fcn_score=row in study.fcn_scores, with_sets=False)
            for row in [*study.experiments, *incumbents]
        ]
        pages.append(StudyPage(study, "" if sentence.startswith(("!", "|", "#")) else sentence, results))
    return pages


def write_pages(pages: Sequence[StudyPage], out: Path, onnx: Sequence[str]) -> None:
    """The page of each study, the files of its numbers, and index.html; `onnx` names the site's networks."""
    out.mkdir()
    weights = weights_here()
    for page in pages:
        name = page.study.name
        copyfile(RESULTS / f"{name}.png", out / f"{name}.png")
        files = {result.name: _copied(result, out, onnx) for result in page.results}
        (out / f"{name}.html").write_text(_page(page, files, weights), encoding="utf-8")
    entries = [ENTRY.format(page.study.name, page.study.title, page.sentence) for page in pages]
    (out / "index.html").write_text(INDEX.format(Markup("\n").join(entries)), encoding="utf-8")


ENTRY = Markup('<h2><a href="{0}.html">{1}</a></h2><p>{2}</p><a href="{0}.html"><img src="{0}.png" alt="{1}"></a>')
INDEX = Markup("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Results of pix2pix, each with the files that it comes from</title>
<meta name="description" content="Tables, figures and curves of pix2pix experiments, made by a reproducible pipeline.">
<link rel="icon" href="../icon.svg"><link rel="stylesheet" href="../style.css"></head>
<body><header><h1>Results</h1><nav><a href="../index.html">Draw</a></nav></header>
<main class="results">
{}
</main></body></html>
""")


def _page(page: StudyPage, files: dict[str, dict[str, str]], weights: dict[str, str]) -> str:
    study, rows = page.study, page.results
    results = {result.name: result for result in rows}
    groups = {heading: [results[name] for name in group if name in results] for heading, group in study.tables.items()}
    learned = [result for result in one_of_each_setting(rows) if result.learned]
    histories = {result.name: Path("models", result.name, "history.csv") for result in learned}
    by_epoch = {result.name: result.folder / "scores_by_epoch.csv" for result in learned}
    best = {row.name: row.folder / "best_and_worst.png" for row in first_of_each_data(rows)}
    return html_page(
        title=study.title,
        result=page.sentence,
        tables={heading: main_scores(group) for heading, group in groups.items() if group},
        comparison=Markup('<img alt="" src="{}.png">').format(study.name),
        best_and_worst={name: image(path) for name, path in best.items() if path.exists()},
        losses={name: Markup(loss_curves(read_history(path))) for name, path in histories.items() if path.exists()},
        scores={name: Markup(score_curves(read_history(path))) for name, path in by_epoch.items() if path.exists()},
        cells=cells(rows),
        definitions={
            heading: text
            for heading, text in definitions(rows, study.reference_numbers).items()
            if heading not in LOSS_HEADINGS
        },
        further=[],
        made=trainings([*results], [RECORDS], weights)[0],
        files=files,
        head=HEAD.format(page.sentence or study.title, study.title, study.name),
        top=TOP,
    )


def _copied(result: ExperimentResult, out: Path, onnx: Sequence[str]) -> dict[str, str]:
    """What the numbers of an experiment come from, by label: addresses in the site, or a command and no address."""
    name, folder = result.name, Path(result.folder.parent.name, result.name)
    (out / folder).mkdir(parents=True)
    links = {f"dvc repro evaluate@{name}": ""} if not result.card.incumbent else {}
    sources = {"parameters": result.folder / "card.json"} | {key: result.folder / file for key, file in FILES.items()}
    sources |= {"record and commit": RECORDS / f"{name}.json", "losses (CSV)": Path("models", name, "history.csv")}
    for label, source in sources.items():
        if source.exists():
            target = folder / ("record.json" if source.parent == RECORDS else source.name)
            copyfile(source, out / target)
            links[label] = str(target)
    if name in onnx:
        links |= {"network (ONNX)": f"../models/{name}.onnx", "draw with it": f"../index.html#{name}"}
    return links
