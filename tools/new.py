"""Your own pairs: looks at them, and writes the entries of a data set and of a study that suits them.

    make new NAME=mine PAIRS=../my_pairs

Reads   a folder, .zip or .tar.gz: two folders (trainA and trainB, train/A and train/B, A and B, photos and masks, ...),
        with train, val and test or without; or files of two names a pair; or images that are A|B already
Writes  an entry in config/datasets.yaml, a line in dvc.yaml, config/studies/NAME.yaml; scratch/new/NAME.diff undoes it

`download` and `prepare` read every file, into a temporary folder: what they refuse is refused here.
"""

import argparse
import difflib
import io
import re
import statistics
import time
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

from pix2pix.config.checks import check
from pix2pix.config.configuration import SECTIONS, Configuration
from pix2pix.config.datasets import LocalSource
from pix2pix.config.reader import check_name, read_configuration
from pix2pix.config.resolved import Experiment
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.images import open_image
from pix2pix.pairs.raw_pairs import RawPair
from pix2pix.pairs.stitched import PairRecord
from stages.download import download
from stages.prepare import prepare
from tools.find_layout import find_layout

SCRATCH, DATASETS, GRAPH = Path("scratch/new"), Path("config/datasets.yaml"), Path("dvc.yaml")
CHOICES = (("pix2pix_small", "small", 128, 20_000), ("pix2pix_medium", "medium", 256, 25_600))  # px; images it sees
TIMED = 5  # steps, after the first, from which the time is estimated
CHANNELS = {"1": "black and white", "L": "grey", "P": "palette", "RGB": "colour", "RGBA": "colour with transparency"}

STUDY = """\
# yaml-language-server: $schema=../schema.json
studies:
  {name}:
    title: '{name}: {direction}'
    split: val
experiments:
  {name}: &row
    study: {name}
    dataset: {name}
    direction: {direction}
    model: {model}
    recipe: {recipe}
    seed: 0
    set: {changes}
  {name}_mean: {{<<: *row, model: mean}}
"""


def new(name: str, pairs: str, *, direction: str) -> None:
    """Look at `pairs`, write the entries for them and say what was done.

    Raises:
        ValueError, FileNotFoundError: the name is taken or not allowed; no pairs, or some that are refused. Nothing is
            written.
    """
    configuration = read_configuration()
    _check_name(name, configuration)
    source = check("PAIRS", LocalSource, {"source": "local", "path": pairs})
    prepared, records = _look(name, source)
    count = sum(record.split == "train" for record in records)
    side = min(min(record.width, record.height) for record in records)
    dataset = {"download": {"source": "local", "path": pairs}, "prepare": prepared}
    given, made = direction.split("to")
    print(f"direction {direction}: {made} is made from {given}; for the other way DIRECTION={made}to{given}")
    studies = []
    for words, (model, recipe, size, seen) in zip(("training", "larger"), CHOICES, strict=True):
        changes = _changes(seen, count, min(size, side), size)
        studies.append(STUDY.format(name=name, direction=direction, model=model, recipe=recipe, changes=changes))
        added = {"datasets": {name: dataset}} | YAML(typ="safe").load(studies[-1])
        sections = {section: configuration.sections[section] | added.get(section, {}) for section in SECTIONS}
        lasts = _duration(Configuration(sections).experiment(name), count)
        print(f"{words}: model: {model}, recipe: {recipe}, set: {changes}; {lasts}")
    write(name, _texts(name, dataset, studies[0]))
    print(f"next: source .venv/bin/activate && dvc repro report@{name}")
    print(f"undo: git apply -R {SCRATCH}/{name}.diff")


def _check_name(name: str, configuration: Configuration) -> None:
    check_name(f"NAME={name}", name)
    for section in ("datasets", "studies", "experiments"):
        for taken in (name, f"{name}_mean"):
            if file := configuration.files.get((section, taken)):
                raise ValueError(f"NAME={name}: {file} has {section}.{taken} already; take another name, or remove it")


def _look(name: str, source: LocalSource) -> tuple[dict[str, Any], list[PairRecord]]:
    """What prepare must be told of these pairs, and what it made of them; says what was found."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=SCRATCH) as folder:
        raw, out, held_out = Path(folder, name), Path(folder, "pairs"), 0
        try:
            with redirect_stdout(io.StringIO()) as said:
                download(name, source, raw=raw.parent, downloads=raw.parent, mirror=None)
                said.truncate(said.seek(0))
                layout, pairs = find_layout(raw)
                if not any(pair.split == "val" for pair in pairs):
                    held_out = max(1, len(pairs) // 10, min(8, len(pairs) // 5))
                    layout = layout.model_copy(update={"hold_out": held_out, "seed": 0})
                records = prepare(layout=layout, raw=raw, out=out)
        except (ValueError, FileNotFoundError) as error:
            raise type(error)(str(error).replace(f"{raw}", source.path)) from None
        prepared = {"layout": layout.layout} | layout.model_dump(exclude_none=True, exclude_defaults=True)
        print(f"{source.path}: {prepared}".replace("'", ""))
        if held_out:
            print(f"no val: {held_out} pairs are held out for it, by a hash of their names")
        print(f"{said.getvalue().replace(f'{out}: ', '')}{_channels(pairs)}; read as 8-bit RGB")
    return prepared, records


def _channels(pairs: list[RawPair], most: int = 200) -> str:
    """Which kinds of pixels the files of each side have, by those of the first pairs."""
    files = [*zip(*(pair.files for pair in pairs[:most]), strict=True)]
    kinds = [" and ".join(sorted({_channels_of(path) for path in paths})) for paths in files]
    return ", ".join(f"{side} {kind}" for side, kind in zip("AB" if len(kinds) == 2 else ["A|B"], kinds, strict=True))


def _channels_of(path: Path) -> str:
    with open_image(path) as image:
        return CHANNELS.get(image.mode, image.mode)


def _changes(seen: int, pairs: int, side: int, usual: int) -> str:
    """What an experiment's `set:` changes of a recipe: epochs until it has seen so many images; a size that fits."""
    changes = {"epochs": min(1000, max(1, round(seen / pairs)))}
    if side < usual:
        size = max(64, 2 ** (side.bit_length() - 1))
        changes |= {"size": size, "load_size": size * 9 // 8}
    if pairs < 4:
        changes |= {"batch_size": 1}
    return f"{{{', '.join(f'{key}: {value}' for key, value in changes.items())}}}"


def _duration(experiment: Experiment, pairs: int) -> str:
    """How long the training takes on this machine, by a few steps of it."""
    import torch  # slow to import: names and files are checked first

    from pix2pix.batches.dataset import PairSet
    from pix2pix.learners.learner import build_learner, is_small
    from pix2pix.machine.hardware import use_hardware

    hardware, recipe = use_hardware(training=True, small=is_small(experiment)), experiment.recipe
    no_pairs = PairSet([], [], experiment.direction, recipe.size, None, hardware.device)
    learner = build_learner(experiment, hardware, no_pairs)
    source, target = torch.rand(2, recipe.batch_size, 3, recipe.size, recipe.size, device=hardware.device) * 2 - 1
    seeds = torch.arange(recipe.batch_size, device=hardware.device)
    times = []
    for _ in range(1 + TIMED):  # the first step makes what later ones use
        start = time.monotonic()
        learner.step(source, target, seeds).tolist()
        times.append(time.monotonic() - start)
    seconds = statistics.median(times[1:]) * (pairs // recipe.batch_size) * recipe.epochs
    duration = f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
    return f"{recipe.size} px, about {duration} on this machine, as busy as it is now"


def _texts(name: str, dataset: dict[str, Any], study: str) -> dict[Path, str]:
    """File -> what it will hold."""
    yaml, text = YAML(), io.StringIO()  # as DVC writes it
    content = yaml.load(DATASETS)
    content["datasets"][name] = dataset
    yaml.dump(content, text)
    return {Path(f"config/studies/{name}.yaml"): study, DATASETS: text.getvalue(), GRAPH: listed(GRAPH, name)}


def listed(path: Path, name: str) -> str:
    """The text of dvc.yaml with a study among its files."""
    graph, line = path.read_text(encoding="utf-8"), f"  - config/studies/{name}.yaml\n"
    text = re.sub(r"^vars:.*\n(  - .*\n)+", lambda found: found[0] + line, graph, count=1, flags=re.MULTILINE)
    if text == graph:
        raise ValueError(f"{path}: no list of files under vars:")
    return text


def write(name: str, texts: dict[Path, str]) -> None:
    """Write the files, and print what changes as a diff, which is kept."""
    diff = list[str]()
    for path, text in texts.items():
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        sides = before.splitlines(keepends=True), text.splitlines(keepends=True)
        diff += difflib.unified_diff(*sides, f"a/{path}" if before else "/dev/null", f"b/{path}", n=2)
    for path, text in {SCRATCH / f"{name}.diff": "".join(diff), **texts}.items():
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
    print("".join(diff), end="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the data set, the experiment and the study")
    parser.add_argument("pairs", help="a folder or archive")
    parser.add_argument("--direction", choices=("AtoB", "BtoA"), default="AtoB", help="which side is made from which")
    given = parser.parse_args()
    new(given.name, given.pairs, direction=given.direction)


if __name__ == "__main__":
    run(main)
