"""A report as one HTML file that opens anywhere: its pictures inside it, no script, nothing loaded from elsewhere."""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from pix2pix.evaluation.metric_definitions import METRICS
from pix2pix.reporting.differences import Line
from pix2pix.reporting.tables import Section

NOTHING = Markup()
HEADINGS = {metric.heading: metric for metric in METRICS.values()}
TEMPLATE = """\
{% macro table(lines, winners=()) %}
{% set equal, columns, lines = narrow(lines) %}
<div class="wide"><table>
{% if equal %}<caption>{{ equal }}</caption>{% endif %}
<thead><tr>{% for heading in columns %}<th>{{ breakable(heading) }}</th>{% endfor %}</tr></thead>
<tbody>
{% for line in lines %}
<tr{% if line[columns[0]].startswith("*") %} class="aside"{% endif %}>
{% for heading in columns %}
{% set value, beneath = split(line.get(heading, "–")) %}
<td data-heading="{{ heading }}"{% if value|length > 12 %} class="long"{% endif %}>
{%- if loop.first and value in files %}<a href="#{{ value }}">{{ breakable(value) }}</a>
{%- elif (split(line[columns[0]])[0], heading) in winners %}<b>{{ value }}</b>
{%- else %}{{ breakable(value) }}{% endif %}
{%- if beneath %}<small>{{ beneath }}</small>{% endif %}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody></table></div>
{% endmacro %}
{% macro figure(caption, picture) %}
<figure><figcaption>{{ caption }}</figcaption>
<label class="zoom"><input type="checkbox" aria-label="enlarge">{{ picture }}</label></figure>
{% endmacro %}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
{{ head }}
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; max-width: 1240px; margin: 0 auto;
  padding: 1em }
h1 { font-size: 1.6em; line-height: 1.25 } h2 { margin-top: 2em; font-size: 1.25em } h3 { font-size: 1em }
.result { font-size: 1.15em; border-left: 4px solid #0b5cad; padding-left: 12px }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: 0 0 1.5em; font-size: 14px; font-variant-numeric: tabular-nums }
caption, figcaption, .aside, small { color: #57606a; text-align: left }
th, td { border-bottom: 1px solid #d8dee4; padding: 5px 12px 5px 0; text-align: left; vertical-align: top;
  line-height: 1.3 }
small { display: block; font-size: 10.5px; font-weight: 400 }
td:not(:first-child) small { white-space: nowrap }
figure { margin: 1em 0 }
.zoom input { position: absolute; opacity: 0 }
.zoom img, .zoom svg { max-width: 100%; height: auto; cursor: zoom-in }
.zoom :focus-visible + * { outline: 2px solid #0b5cad }
.zoom:has(:checked) { position: fixed; inset: 0; z-index: 1; overflow: auto; background: #fff }
.zoom :checked + * { max-width: none; min-width: 100%; cursor: zoom-out; image-rendering: pixelated }
.side_by_side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 540px), 1fr)); gap: 0 24px }
.files { list-style: none; padding: 0; margin: 0; display: flex; flex-wrap: wrap; gap: 4px 20px }
dt { font-weight: 600; float: left; margin-right: 0.5em } dd { margin: 0 0 4px }
@media (max-width: 720px) {
  thead { display: none }
  table, tbody, caption { display: block }
  tr { display: grid; grid-template-columns: repeat(4, 1fr); gap: 4px; padding: 8px 0;
    border-bottom: 1px solid #d8dee4 }
  td { border: 0; padding: 0; overflow-wrap: anywhere }
  td:first-child, td.long { grid-column: 1 / -1 }
  td:first-child { font-weight: 600 }
  td:not(:first-child)::before { content: attr(data-heading); display: block; color: #57606a; font-size: 11px }
  small { font-size: 9.5px }
}
</style>
</head>
<body>
{{ top }}
<h1>{{ title }}</h1>
{% if result %}<p class="result">{{ result }}</p>{% endif %}
{% for heading, lines in tables.items() %}
{% if heading %}<h3>{{ heading }}</h3>{% endif %}
{{ table(lines, winners(lines)) }}
{% endfor %}
{% if comparison %}
{{ figure("Held-out images, evenly spread over all of them. A click enlarges a picture.", comparison) }}
{% endif %}
{% if best_and_worst %}
<h2>Best, median and worst images</h2>
<div class="side_by_side">
{% for name, picture in best_and_worst.items() %}{{ figure(name, picture) }}{% endfor %}
</div>
{% endif %}
<h2>Losses by epoch</h2>
{% for name, picture in losses.items() %}{{ figure(name, picture) }}{% endfor %}
{% if scores %}
<h2>Scores of the validation images by epoch</h2>
{% for name, picture in scores.items() %}{{ figure(name, picture) }}{% endfor %}
{% endif %}
<h2>What the scores mean</h2>
<p>{{ cells }}</p>
<dl>
{% for heading, definition in definitions.items() %}<dt>{{ heading }}</dt><dd>{{ definition }}</dd>
{% endfor %}
</dl>
{% for section in further %}
{% if loop.first %}<h2>More scores</h2>{% endif %}
<p>{{ section.text }}</p>
{% if section.lines %}{{ table(section.lines) }}{% endif %}
{% endfor %}
{% if made %}
<h2>How it was made</h2>
{{ table(made) }}
{% endif %}
{% for name, links in files.items() %}
{% if loop.first %}<h2>Where each number comes from</h2>{% endif %}
<h3 id="{{ name }}">{{ breakable(name) }}</h3>
<ul class="files">
{% for label, address in links.items() %}
<li>{% if address %}<a href="{{ address }}">{{ label }}</a>{% else %}<code>{{ label }}</code>{% endif %}</li>
{% endfor %}
</ul>
{% endfor %}
</body>
</html>
"""


def html_page(
    *,
    title: str,
    result: str,
    tables: Mapping[str, Sequence[Line]],
    comparison: Markup,
    best_and_worst: Mapping[str, Markup],
    losses: Mapping[str, Markup],
    scores: Mapping[str, Markup],
    cells: str,
    definitions: Mapping[str, str],
    further: Sequence[Section],
    made: Sequence[Line],
    files: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    head: Markup = NOTHING,
    top: Markup = NOTHING,
) -> str:
    """A whole HTML document; equal input gives equal text. Strings stand in it as text, never as markup.

    Args:
        result: one sentence.
        tables: the main ones, by heading, which may be empty; the best score of each column is bold.
        comparison, best_and_worst, losses, scores: pictures, as `image` makes them, or SVG; by experiment.
        cells, definitions: what stands in the cells, and in the columns, by heading.
        made: a line a training.
        files: by experiment, what its numbers come from: labels with their addresses, or with none.
        head, top: HTML for the head, and for the beginning of the body, of a page that is part of a site.
    """
    values = locals()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    for function in (narrow, winners, split, breakable):
        environment.globals[function.__name__] = function
    return environment.from_string(TEMPLATE).render(values)


def narrow(lines: Sequence[Line]) -> tuple[str, list[str], list[Line]]:
    """A caption of what several lines have in common; the other columns; the lines with these.

    Where there are scores, the rest that describes an experiment stands beneath its name, after a line break.
    """
    first, *columns = dict.fromkeys(heading for line in lines for heading in line)
    said = {heading: {line.get(heading, "–") for line in lines} - {"–"} for heading in columns}
    equal = [h for h in columns if len(said[h]) == 1 < len(lines) and h not in HEADINGS]
    caption = " · ".join(f"{heading} {said[heading].pop().strip('`')}" for heading in equal)
    columns = [heading for heading in columns if heading not in equal]
    if not (scores := [heading for heading in columns if heading in HEADINGS]):
        return caption, [first, *columns], list(lines)
    named = []
    for line in lines:
        described = {heading: line.get(heading, "–") for heading in columns if heading not in HEADINGS}
        beneath = " · ".join(f"{heading} {value}" for heading, value in described.items() if value != "–")
        named.append({first: f"{line[first]}\n{beneath}"} | {heading: line.get(heading, "–") for heading in scores})
    return caption, [first, *scores], named


def winners(lines: Sequence[Line]) -> set[tuple[str, str]]:
    """Experiment and column of the best scores among several experiments on the same images."""
    best = set()
    for heading, metric in HEADINGS.items():
        scores: dict[tuple[str, ...], dict[str, float]] = {}
        for line in lines:
            value, _ = split(line.get(heading, "–"))
            if value != "–" and not line["experiment"].startswith("*"):
                images = tuple(line.get(key, "") for key in ("data", "direction", "split", "size"))
                scores.setdefault(images, {})[line["experiment"]] = float(value)
        for rivals in scores.values():
            first = (max if metric.higher_is_better else min)(rivals.values())
            best |= {(name, heading) for name, value in rivals.items() if value == first and len(rivals) > 1}
    return best


def split(cell: str) -> tuple[str, str]:
    """What stands large in a cell, and what stands small beneath it.

    Of "0.5 ± 0.1 [0.4, 0.6]" the mean and its interval, or the deviation where there is no interval; else its lines.
    """
    if found := re.fullmatch(r"([-+]?[\d.]+)( ± \S+)?( \[.*)?", cell):
        mean, deviation, interval = found.groups("")
        return mean, (interval or deviation).strip()
    large, _, small = cell.partition("\n")
    return large, small


def breakable(text: str) -> Markup:
    """Text that may be broken after "_", without the marks of emphasis and code of a line."""
    return Markup("_<wbr>").join(escape(part) for part in text.strip("*`").split("_"))


def image(path: Path) -> Markup:
    """A PNG file as an <img> that holds it, in short lines: Snakemake's reports refuse long ones.

    Raises:
        FileNotFoundError: it is not there.
    """
    content = base64.encodebytes(path.read_bytes()).decode("ascii")
    return Markup('<img alt="" src="data:image/png;base64,{}">').format(content)
