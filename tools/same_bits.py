"""After a change of code that moves no bit of any output, record the results in dvc.lock as made by today's code.

    make same-bits BASE=<commit>
    python -m tools.same_bits <commit> --stale evaluate report

Makes the tiny twin of every kind of experiment (tests/support/twins.py) with the code of the commit and with today's,
and compares all their files. If they are equal, every stage that dvc.lock records with the commit's fingerprint gets
today's, and the fingerprint stage is recorded anew. The outputs of the stages need not be here. Of the verbs that
--stale names the outputs are not compared and the stages stay stale: they are meant to change.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from ruamel.yaml import YAML
from safetensors.numpy import load_file

from pix2pix.files.atomic import whole_file
from pix2pix.files.entry_point import run
from stages.fingerprint import VERBS

LOCK = Path("dvc.lock")
TWIN = "from tests.support.twins import *; write_repo(Path()); make_everything()"


def same_bits(base: str, *, stale: Sequence[str] = ()) -> int:
    """Bring the fingerprints in dvc.lock from those of commit `base` to today's, but for the verbs that stay `stale`.

    Returns:
        how many there are.

    Raises:
        ValueError: no such commit, dvc.lock records nothing with its code, a twin could not be made, or the twins
            differ; dvc.lock is then as it was.
    """
    with tempfile.TemporaryDirectory() as name:
        before, now, twins = Path(name, "code"), Path.cwd(), (Path(name, "twin"), Path(name, "twin_now"))
        archive = Path(name, "code.zip")
        _call("no code", ["git", "archive", "--output", str(archive), base], now)
        shutil.unpack_archive(archive, before)
        text, count = LOCK.read_text(encoding="utf-8"), 0
        old, new = _fingerprints(before), _fingerprints(now)
        for verb in (verb for verb in VERBS if verb not in stale):
            entry = (
                rf"(- path: fingerprints/{verb}\.txt\n +hash: md5\n +md5: ){old[verb][0]}(\n +size: ){old[verb][1]}\b"
            )
            text, found = re.subn(entry, rf"\g<1>{new[verb][0]}\g<2>{new[verb][1]}", text)
            count += found
        if not count:
            raise ValueError(f"{LOCK} records nothing with the code of {base}")
        with ThreadPoolExecutor() as both:
            list(both.map(make_twin, (before, now), twins))
        if different := difference(*twins, but_for=[pattern for verb in stale for pattern in outputs(verb)]):
            raise ValueError(f"{different} differs from that of {base}; {LOCK} is left as it is")
    with whole_file(LOCK) as partial:
        partial.write_text(text, encoding="utf-8")
    _call("not recorded", [sys.executable, "-m", "dvc", "commit", "--quiet", "--force", "fingerprint"], now)
    return count


def make_twin(code: Path, folder: Path) -> None:
    """Run every verb of the checkout `code` on the tiny configuration, in the new folder `folder`."""
    folder.mkdir()
    machine = {"PIX2PIX_DEVICE": "cpu", "PIX2PIX_THREADS": "1", "PYTHONPATH": str(code)}
    _call(f"no twin with the code of {code}", [sys.executable, "-c", TWIN], folder, **machine)


def difference(one: Path, other: Path, *, but_for: Sequence[str] = ()) -> str | None:
    """The first file of data/, models/ or results/, `but_for` these patterns, that is not equal in both folders.

    Of weights the tensors are compared, and of a card what was rendered: names in their metadata may change.
    """
    roots = [root / part for root in (one, other) for part in ("data", "models", "results")]
    files = {file.relative_to(root.parent) for root in roots for file in root.rglob("*") if file.is_file()}
    for file in sorted(file for file in files if file.suffix != ".html"):  # pages say when and where they were made
        if any(fnmatch(file.as_posix(), pattern) for pattern in but_for):
            continue
        if not ((one / file).is_file() and (other / file).is_file() and _equal(one / file, other / file)):
            return str(file)
    return None


def outputs(verb: str) -> list[str]:
    """Patterns of what the stages of a verb write, as dvc.yaml declares it."""
    declared = YAML(typ="safe").load(Path("dvc.yaml"))["stages"][verb]["do"]
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in declared.get(kind, [])]
    paths = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    return [re.sub(r"\$\{.*?\}", "*", path) + "*" * path.endswith("/") for path in paths]


def _equal(one: Path, other: Path) -> bool:
    if one.name == "card.json":
        card, other_card = (json.loads(path.read_bytes()) for path in (one, other))
        return all(card.get(key) == other_card.get(key) for key in ("split", "n", "shown", "epoch", "step"))
    if one.suffix == ".safetensors":
        tensors, others = (
            {name: (tensor.dtype, tensor.shape, tensor.tobytes()) for name, tensor in load_file(path).items()}
            for path in (one, other)
        )
        return tensors == others
    return one.read_bytes() == other.read_bytes()


def _fingerprints(code: Path) -> dict[str, tuple[str, int]]:
    """The MD5 and size by which dvc.lock knows each verb's fingerprint; writes them into `code`."""
    _call("no fingerprints", [sys.executable, "-m", "stages.fingerprint"], code, PYTHONPATH=str(code))
    files = {verb: (code / f"fingerprints/{verb}.txt").read_bytes() for verb in VERBS}
    return {verb: (hashlib.md5(file).hexdigest(), len(file)) for verb, file in files.items()}


def _call(otherwise: str, command: list[str], folder: Path, **environment: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ValueError(f"{otherwise}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Record results as made by today's code, if it moves no bit.")
    parser.add_argument("base", metavar="commit", help="whose code made the results in dvc.lock")
    parser.add_argument("--stale", nargs="*", choices=VERBS, default=[], help="verbs whose outputs are meant to change")
    options = parser.parse_args()
    count = same_bits(options.base, stale=options.stale)
    print(f"{LOCK}: {count} fingerprints of {options.base} are now today's; every file compared is equal in both twins")


if __name__ == "__main__":
    run(main)
