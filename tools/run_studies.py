"""Experiments on a bare GPU machine, in order of worth, within a time limit: no DVC, no Snakemake, no network.

    python -m tools.run_studies facades study:cars --out packed --seconds 3300 --part-mb 90

Names are experiments; study:NAME stands for all of a study's, and for its table. Each is trained, rendered and scored;
then OUT/<experiment>.tar.00, .01, … hold its weights in fp16, scores, images, grids, history and record, and last comes
OUT/<experiment>.json, the list of these parts: what has one is left out from then on, also on another machine that is
given OUT. When time is over a training ends after a step; the same command continues it.

Prepared pairs may be brought along in data/pairs/; else DATA_MIRROR must hold the archives. At home
`python -m tools.run_studies --unpack --out packed` puts everything into its place; weights are float32 again.
"""

import argparse
import hashlib
import io
import json
import math
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING

from pix2pix.config.configuration import Configuration
from pix2pix.config.reader import read_configuration
from pix2pix.config.resolved import Experiment, Study
from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from pix2pix.files.json_csv import read_json, write_json

if TYPE_CHECKING:
    pass

GRACE = 20.0  # seconds that a stopped verb has to end in
ROOTS = ("results", "models", "logs")  # folders that packed files lie in


class OutOfTimeError(Exception):
    """The rest is for the next call."""


class Verbs:
    """The verbs, as processes of their own, within `seconds` from now."""

    def __init__(self, seconds: float = math.inf) -> None:
        self.end, self._preparing = time.monotonic() + seconds, Lock()

    def run(self, verb: str, name: str) -> None:
        """`python -m stages.<verb> <name>`; raises as `call`."""
        self.call(f"{verb} {name}", [f"stages.{verb}", name], {})

    def call(self, title: str, module: Sequence[str], environment: Mapping[str, str]) -> None:
        """A module with its arguments; what it says goes to logs/run_studies/.

        Raises:
            ValueError: it failed; what is there stays.
            OutOfTimeError: it was stopped, or not begun.
        """
        seconds = self.end - GRACE - time.monotonic()
        if seconds <= 0:
            raise OutOfTimeError
        print(title, flush=True)
        log = Path("logs/run_studies", f"{title.replace(' ', '_')}.txt")
        log.parent.mkdir(parents=True, exist_ok=True)
        command, own = [sys.executable, "-m", *module], os.environ | environment
        with log.open("ab") as said, subprocess.Popen(command, stdout=said, stderr=said, env=own) as process:
            try:
                code = process.wait(None if math.isinf(seconds) else seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(GRACE / 2)
                except subprocess.TimeoutExpired:
                    process.kill()
                raise OutOfTimeError from None
        if code:
            last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
            raise ValueError(f"{title}: {' '.join(last)} (all that it said: {log})")

    def run_if_missing(self, verb: str, name: str, last_output: Path, *, after: Path | None = None) -> None:
        """Also where the last output is older than `after`: a clone brings the results of other runs."""
        if not last_output.exists() or (after and after.stat().st_mtime_ns > last_output.stat().st_mtime_ns):
            self.run(verb, name)

    def prepare(self, dataset: str) -> None:
        with self._preparing:
            if not Path("data/pairs", dataset, "pairs.csv").exists():
                self.run_if_missing("download", dataset, Path("data/raw", dataset))
                self.run("prepare", dataset)

    def train(self, experiment: Experiment, configuration: Configuration) -> Path:
        weights = Path("models", experiment.name, "last.safetensors")  # published last
        if isinstance(experiment.init, str):
            self.train(configuration.experiment(experiment.init), configuration)
        self.prepare(experiment.dataset_name)
        self.run_if_missing("train", experiment.name, weights)
        return weights


def make_experiment(name: str, configuration: Configuration, verbs: Verbs) -> list[Path]:
    """Train, render and score an experiment, as far as that is still to do; what is worth keeping of it."""
    experiment = configuration.row(name)
    study = configuration.study(experiment.study)
    results, record = Path("results", study.name, name), Path("logs/records", f"{name}.json")
    digests = results.parent / "rendered-images" / f"{name}.txt"
    if experiment.incumbent:
        verbs.prepare(experiment.dataset_name)
        verbs.call(f"incumbent {name}", ["tools.incumbent", name], {})
        return [results, digests, record]
    weights = verbs.train(experiment, configuration)
    verbs.run_if_missing("render", name, results / "images", after=weights)
    verbs.run_if_missing("evaluate", name, results / "best_and_worst.png", after=results / "images")
    if name in study.robustness:
        test = configuration.robustness(name)
        verbs.prepare(test.canny)
        verbs.prepare(test.doodle)
        verbs.run_if_missing("robustness", name, results / "sketches.png", after=weights)
    return [results, digests, weights, weights.with_name("history.csv"), record]


def make_study(study: Study, configuration: Configuration, verbs: Verbs) -> list[Path]:
    """The FCN-scores and the table of a study whose experiments are all there; its files."""
    scores = []
    if study.fcn_scores:
        verbs.train(configuration.fcn_scoring(study.name).segmenter, configuration)  # it may belong to another study
        verbs.run("fcn_score", study.name)
        scores = [Path("results", study.name, f"fcn_scores{suffix}") for suffix in (".json", ".png")]
    verbs.run("report", study.name)
    return scores + [Path("results", f"{study.name}{suffix}") for suffix in (".md", ".png", ".html")]


def run_studies(
    names: Sequence[str],
    configuration: Configuration,
    out: Path,
    *,
    seconds: float = math.inf,
    side_by_side: int = 1,
    part_mb: float = math.inf,
) -> list[str]:
    """Make and pack, in this order, what is not packed in `out` yet; names that time did not suffice for.

    Raises:
        ValueError: no such name; or something failed, after all else was tried.
    """
    studies = [configuration.study(name.removeprefix("study:")) for name in names if name.startswith("study:")]
    experiments = dict.fromkeys(
        one
        for name in names
        for one in (configuration.study(name[6:]).experiments if name.startswith("study:") else [name])
    )
    for name in experiments:
        configuration.row(name)
    verbs, left, failed = Verbs(seconds), list[str](), list[str]()

    def attempt(name: str, study: Study | None = None) -> None:
        try:
            if (out / f"{name}.json").exists():
                if study or not Path("results", configuration.row(name).study, name).exists():
                    unpack(name, out)
            elif study and (left or failed):
                left.append(name)
            else:
                make = make_study(study, configuration, verbs) if study else make_experiment(name, configuration, verbs)
                pack(name, make, out, part_mb=part_mb)
        except OutOfTimeError:
            left.append(name)
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            failed.append(name)

    with ThreadPoolExecutor(side_by_side) as pool:
        list(pool.map(attempt, experiments))
    for study in studies:
        attempt(f"study_{study.name}", study)
    if failed:
        raise ValueError(f"failed: {', '.join(failed)}; mend it and run this command again to continue")
    return left


def pack(name: str, paths: Sequence[Path], out: Path, *, part_mb: float = math.inf) -> None:
    """Write all files of `paths` to `out`/<name>.tar.00, … of at most `part_mb` million bytes, then <name>.json.

    Names in the archive are paths from the working folder; weights are fp16.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in (file for given in paths for file in (given, *sorted(given.rglob("*")))):
            if path.is_file():
                content = _weights_as("float16", path) if path.suffix == ".safetensors" else path.read_bytes()
                member = tarfile.TarInfo(path.as_posix())
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    whole = buffer.getvalue()
    size = int(min(part_mb * 1e6, len(whole)))
    parts: dict[str, str] = {}  # sha256 of each
    for number, start in enumerate(range(0, len(whole), size)):
        part = out / f"{name}.tar.{number:02}"
        with whole_file(part) as partial:
            partial.write_bytes(whole[start : start + size])
        parts[part.name] = hashlib.sha256(whole[start : start + size]).hexdigest()
    write_json(out / f"{name}.json", parts)


def unpack(name: str, out: Path) -> None:
    """Put what `pack` wrote into its place in the working folder; weights become float32.

    Raises:
        ValueError, FileNotFoundError: a part is missing or has changed, or a file does not belong here; names it.
    """
    whole = b""
    for part, digest in read_json(out / f"{name}.json", dict[str, str]).items():
        content = (out / part).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(f"{out / part}: not the part that was packed; copy it again")
        whole += content
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        for member in archive:
            path, file = PurePosixPath(member.name), archive.extractfile(member) if member.isfile() else None
            if file is None or not path.parts or path.parts[0] not in ROOTS or ".." in path.parts:
                raise ValueError(f"{out / name}.tar: {member.name} is no file of results, models or logs")
            with whole_file(Path(path)) as partial:
                partial.write_bytes(file.read())
                if path.suffix == ".safetensors":
                    partial.write_bytes(_weights_as("float32", partial))


def _weights_as(kind: str, path: Path) -> bytes:
    """A weights file with its tensors in another format."""
    import torch
    from safetensors.torch import save

    from pix2pix.networks.weights import load_tensors

    tensors, said = load_tensors(path)
    wanted: torch.dtype = getattr(torch, kind)
    return save({key: tensor.to(wanted) for key, tensor in tensors.items()}, metadata={"metadata": json.dumps(said)})


def main() -> None:
    about, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="experiments or study:NAME, the most worthwhile first")
    parser.add_argument("--list", type=Path, help="a file of more names, one a line; # begins a comment")
    parser.add_argument("--out", type=Path, default=Path("packed"), help="folder of what is packed (default: packed)")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end within this time (default: no limit)")
    parser.add_argument("--side-by-side", type=int, default=1, help="experiments at a time on one GPU (default: 1)")
    parser.add_argument("--part-mb", type=float, default=math.inf, help="largest packed file, million bytes")
    parser.add_argument("--unpack", action="store_true", help="only put all that --out holds into its place")
    given = parser.parse_args()
    if given.unpack:
        for path in sorted(given.out.glob("*.json")):
            unpack(path.stem, given.out)
        return
    lines = given.list.read_text(encoding="utf-8").splitlines() if given.list else []
    names = given.names + [name for line in lines if (name := line.partition("#")[0].strip())]
    limits = {"seconds": given.seconds, "side_by_side": given.side_by_side, "part_mb": given.part_mb}
    left = run_studies(names, read_configuration(), given.out, **limits)
    print(f"{given.out}: left for the next call: {', '.join(left)}" if left else f"{given.out}: all is packed")


if __name__ == "__main__":
    run(main)
