"""The page: draw, drop a file or take a held-out input; the network answers. `make app`,
`python -m app.page [EXPERIMENT [--weights FILE | --epoch N]]`

*Reads* models/<experiment>/last.safetensors and, where they are, results/<study>/<experiment>/ and data/pairs/.
*Writes* uploads and answers into a temporary folder, for an hour at most; it goes when the page does.

It listens on the loopback address alone and answers its own JavaScript alone (request_filter.py). It fetches nothing
from other machines and reports its use to nobody.
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from app.canvas_input import read_strictly, readable
from app.page_content import (
    BRUSH,
    CANVAS,
    PEN,
    as_source,
    brush_colours,
    card_text,
    drawable,
    empty_canvas,
    legend,
    on_canvas,
    read_scores,
    source_classes,
    weights,
)
from app.request_filter import LARGEST, Door
from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.config.weights_choice import add_weights_options, chosen_weights
from pix2pix.files.entry_point import run
from pix2pix.files.image_listing import SUFFIXES
from pix2pix.files.images import Uint8, read_image
from pix2pix.machine.hardware import use_hardware
from pix2pix.networks.inference import Trained, load_trained
from pix2pix.pairs.stitched import Pair, read_pairs, read_sides

QUEUE = 16  # drawings that wait; more are turned away
SESSIONS = 64  # open pages that are remembered, with their canvas
HOUR = 3600  # seconds that uploads and answers are kept
NETWORK = "network"  # events with this id run one after another
NETWORKS = 3  # kept in memory
EXAMPLES = 8
STYLE = """
#generated img { width: 100%; height: 100%; object-fit: contain; }
#card tr > :first-child { white-space: nowrap; text-align: left; font-weight: bold; }
#card th { font-weight: normal; text-align: left; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; }
.legend i { display: inline-block; width: 12px; height: 12px; margin-right: 5px; border: 1px solid #888; }
"""


def page(configuration: Configuration, chosen: Mapping[str, Path] | None = None) -> gr.Blocks:
    """The layout and its events; `chosen`: a weights file for each of the experiments, else all with their last ones.

    Results are found from the working folder, the repository's root.

    Raises:
        FileNotFoundError: no experiment has weights here.
    """
    files = chosen or {name: weights(name) for name in drawable(configuration)}
    names = list(files)

    def choose(name: str) -> tuple[Any, ...]:
        experiment, trained = configuration.experiment(name), _trained(files[name])
        folder = Path("results", experiment.study, name)
        scored = read_scores(folder, trained.metadata)
        examples = [on_canvas(_source(pair, trained)) for pair in _examples(experiment)]
        return (
            gr.ImageEditor(value=empty_canvas(experiment), brush=_brush(experiment)),
            None,
            legend(source_classes(experiment)),
            gr.Gallery(value=examples, selected_index=None, visible=bool(examples)),
            card_text(trained.metadata, scored),
            gr.Image(value=read_image(folder / "grid.png") if scored else None, visible=bool(scored)),
        )

    def draw(name: str, canvas: dict[str, Uint8 | None]) -> Uint8 | None:
        drawing = canvas["composite"]
        return None if drawing is None else _generate(files[name], drawing, id="drawing")

    def drop(name: str, path: str) -> tuple[Uint8, Uint8]:
        file = Path(path)
        experiment = configuration.experiment(name)
        image = readable(file, experiment.dataset.labels if experiment.direction == "BtoA" else None)
        return on_canvas(as_source(image, size=_size(files[name]))), _generate(files[name], image, id=file.stem)

    def take(name: str, event: gr.SelectData) -> tuple[Uint8, Uint8]:
        pair = _examples(configuration.experiment(name))[event.index]
        source = _source(pair, _trained(files[name]))
        return on_canvas(source), _generate(files[name], source, id=pair.id)

    blocks = gr.Blocks(title="pix2pix", analytics_enabled=False, delete_cache=(60, HOUR))
    with blocks:
        gr.Markdown(
            "# pix2pix: draw something\nThe network answers each stroke. The same drawing gives the same picture."
        )
        experiment = gr.Dropdown(names, value=names[0], label="Experiment")
        with gr.Row():
            with gr.Column():
                canvas = _canvas()
                classes = gr.HTML()
            generated = gr.Image(label="Generated", format="png", height=CANVAS + 80, interactive=False,
                                 buttons=["download"], elem_id="generated")  # fmt: skip
        with gr.Row():
            file = gr.File(label="Drop an image file here", file_types=list(SUFFIXES), height=140, elem_id="file")
            examples = gr.Gallery(label="Held-out inputs", columns=EXAMPLES, height=140, allow_preview=False,
                                  interactive=False, buttons=[])  # fmt: skip
        card = gr.Markdown(elem_id="card")
        grid = gr.Image(label="Held-out images: input, generated, target", interactive=False, buttons=["fullscreen"])

        shown = [canvas, generated, classes, examples, card, grid]
        gr.on([blocks.load, experiment.change], choose, experiment, shown, concurrency_id=NETWORK)
        canvas.input(draw, [experiment, canvas], generated, trigger_mode="always_last", show_progress="hidden",
                     concurrency_id=NETWORK)  # fmt: skip
        file.upload(drop, [experiment, file], [canvas, generated], concurrency_id=NETWORK)
        examples.select(take, experiment, [canvas, generated], concurrency_id=NETWORK)
    blocks.queue(max_size=QUEUE, default_concurrency_limit=1)
    return blocks


def _canvas() -> gr.ImageEditor:
    return gr.ImageEditor(
        label="Drawing",
        image_mode="RGB",
        canvas_size=(CANVAS, CANVAS),
        fixed_canvas=True,
        height=CANVAS + 80,
        sources=(),
        transforms=(),
        layers=False,
        buttons=[],
        elem_id="canvas",
    )


@lru_cache(NETWORKS)
def _load(path: Path, changed: int) -> Trained:
    return load_trained(path, use_hardware().device)


def _trained(path: Path) -> Trained:
    return _load(path, path.stat().st_mtime_ns)  # new weights, where it was trained again meanwhile


def _size(path: Path) -> int:
    return _trained(path).metadata.recipe.size


def _generate(path: Path, image: Uint8, *, id: str) -> Uint8:
    return _trained(path).generate(as_source(image, size=_size(path)), id=id)


def _brush(experiment: Experiment) -> gr.Brush:
    colours: list[str | tuple[str, float]] = [*brush_colours(experiment)]
    return gr.Brush(default_size=PEN if len(colours) == 1 else BRUSH, colors=colours)


def _examples(experiment: Experiment) -> list[Pair]:
    try:
        pairs = read_pairs(Path("data/pairs", experiment.dataset_name), experiment.split)
    except FileNotFoundError:
        return []
    return pairs[:: max(1, len(pairs) // EXAMPLES)][:EXAMPLES]


def _source(pair: Pair, trained: Trained) -> Uint8:
    return read_sides(pair, direction=trained.metadata.direction, size=trained.metadata.recipe.size)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description="The page: draw, and a trained network answers.")
    parser.add_argument("experiment", nargs="?", help="default: all that have weights here, to choose from")
    add_weights_options(parser)
    given, configuration, chosen = parser.parse_args(), read_configuration(), None
    if given.experiment:
        configuration.experiment(given.experiment)
        chosen = {given.experiment: chosen_weights(given.experiment, given) or weights(given.experiment)}
    elif given.weights or given.epoch is not None:
        parser.error("--weights and --epoch need the experiment")
    for ended in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal removes uploads, as Ctrl-C does
        signal.signal(ended, lambda *_: sys.exit())
    with TemporaryDirectory(prefix="pix2pix-page-") as uploads:
        os.environ |= {"GRADIO_TEMP_DIR": uploads, "GRADIO_ANALYTICS_ENABLED": "False"}
        read_strictly()
        page(configuration, chosen).launch(
            server_name="127.0.0.1",
            share=False,
            inbrowser=True,
            max_file_size=LARGEST,
            state_session_capacity=SESSIONS,
            app_kwargs={"middleware": [Middleware(Door, folder=Path(uploads))]},
            blocked_paths=[str(Path.cwd())],
            enable_monitoring=False,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            css=STYLE,
            theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        )


if __name__ == "__main__":
    run(main)
