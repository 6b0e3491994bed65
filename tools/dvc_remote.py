"""Outputs of stages to, or from, others through a DVC remote: `make publish`, `make fetch`.

    python -m tools.dvc_remote publish report@facades --to FOLDER_OR_URL

A report stands for every stage that it was made from; any other stage, or the path of an output, for that stage; no
name for all stages that dvc.lock records. The remote is remembered in .dvc/config.local. For what was fetched together
with all that it was made from, neither engine has anything to do.
"""

import argparse
import os
import subprocess
import sys

from dvc.output import Output
from dvc.repo import Repo

from pix2pix.files.entry_point import run

REMOTE = "published"


def publish(what: list[str]) -> None:
    """Push the outputs of the stages that `what` names.

    Raises:
        ValueError: an unknown name, or a stage is not up to date or not whole in the cache (DVC would only warn).
    """
    repo = Repo()
    stages = _stages(repo, what)
    if stale := sorted(stages & repo.status(targets=sorted(stages)).keys()):
        raise ValueError(
            f"{stale[0]} ({len(stale)} of {len(stages)} stages): not up to date here or not in the cache; "
            "run `dvc repro`, or name others in WHAT"
        )
    _call("dvc", "push", "-r", REMOTE, *sorted(stages))
    small = _ignored(repo, stages)
    for out in small:
        out.commit()  # into DVC's cache
    repo.cloud.push([out.hash_info for out in small], remote=REMOTE)


def fetch(what: list[str]) -> None:
    """Pull what was published of the stages that `what` names; where nothing was, what lies here stays.

    Raises:
        ValueError: an unknown name, or some stages were not published; the others are then here.
    """
    repo = Repo()
    stages = _stages(repo, what)
    command = [sys.executable, "-m", "dvc", "fetch", "-r", REMOTE, *sorted(stages)]
    subprocess.run(command, check=False)  # it names what the remote lacks
    outs = [out for out in repo.index.outs if out.stage.addressing in stages and out.use_cache]
    lacking = sorted({out.stage.addressing for out in outs if out.changed_cache()})
    here = sorted(stages - {*lacking})
    _call("dvc", "checkout", *here)
    small = _ignored(repo, {*here})
    repo.cloud.pull([out.hash_info for out in small], remote=REMOTE)
    for out in small:
        if not out.changed_cache():
            out.checkout(force=True)
    repo = Repo()
    stale = repo.status().keys()
    done = [name for name in here if not stale & _with_deps(repo, name)]
    print(f"{len(done)} of {len(repo.index.stages)} stages are up to date, for both engines")
    if lacking:
        raise ValueError(
            f"{lacking[0]} ({len(lacking)} of {len(stages)} stages): not published; the others are here. "
            "To fetch less, name it, such as WHAT=report@facades"
        )


def _stages(repo: Repo, what: list[str]) -> set[str]:
    """Addresses of the stages that `what` names, and of the fingerprints, which all stages depend on."""
    stages = {stage.addressing: all(out.hash_info for out in stage.outs) for stage in repo.index.stages}
    owners = {os.path.relpath(out.fs_path): out.stage.addressing for out in repo.index.outs}
    found = {"fingerprint"} | {name for name, recorded in stages.items() if recorded and not what}
    for word in what:
        name = owners.get(os.path.normpath(word), word)
        if name not in stages:
            raise ValueError(f"{word}: no stage and no output of one; `dvc stage list` names the stages")
        found |= _with_deps(repo, name) if name.startswith("report@") else {name}
    return found


def _ignored(repo: Repo, stages: set[str]) -> list[Output]:
    """The small results of the stages that git ignores, the demo's: neither git nor DVC's own push carries them."""
    outs = [out for out in repo.index.outs if out.stage.addressing in stages and not out.use_cache and out.hash_info]
    outs = [out for out in outs if repo.scm.is_ignored(out.fs_path)]
    for out in outs:
        out.use_cache = True  # of this object alone; commit and checkout pass over it else
    return outs


def _with_deps(repo: Repo, name: str) -> set[str]:
    """A stage and all that its outputs were made from."""
    return {stage.addressing for stage in repo.stage.collect(name, with_deps=True)}


def _call(*command: str) -> None:
    """Run an engine of this environment, whichever PATH has.

    Raises:
        ValueError: it failed.
    """
    if subprocess.run([sys.executable, "-m", *command], check=False).returncode:
        raise ValueError(f"`{' '.join(command[:2])}` failed; mend it, then the same command continues")


def main() -> None:
    parser = argparse.ArgumentParser(description="Outputs of stages to, or from, others through a DVC remote.")
    parser.add_argument("verb", choices=["publish", "fetch"])
    parser.add_argument("what", nargs="*", help="stages or paths (default: all that dvc.lock records)")
    parser.add_argument("--to", "--from", dest="url", help="folder or URL of the remote; kept for next time")
    given = parser.parse_intermixed_args()
    if given.url:
        _call("dvc", "remote", "add", "-q", "--local", "--force", REMOTE, given.url)
    elif REMOTE not in Repo().config["remote"]:
        raise ValueError(f"say where: make {given.verb} REMOTE=FOLDER_OR_URL")
    (publish if given.verb == "publish" else fetch)(given.what)


if __name__ == "__main__":
    run(main)
