"""Outputs of stages to, or from, others through a DVC remote: `make publish`, `make fetch`.

    python -m tools.remote publish report@facades --to FOLDER_OR_URL
    python -m tools.remote fetch

The remote stays known to this clone alone (.dvc/config.local). A report stands for everything that it was made of, any
other stage or path for itself, no name for all that dvc.lock records. What is not up to date here is not published.
What was fetched whole is marked as such for Snakemake too, which goes by times: after a report, or all, neither engine
has anything to do. Where less was published than `fetch` without a name asks for, what there is comes all the same.
"""

import argparse
import importlib.util
import os
import subprocess
from collections.abc import Collection, Iterable
from typing import Any

from dvc.repo import Repo

from pix2pix.files.command_line import run

REMOTE = "published"


def publish(what: list[str]) -> None:
    """Push what `what` names; it must be up to date and whole here, for DVC would only warn of what is missing.

    Raises:
        ValueError: a name is no stage and no output, a stage is stale or its data is not here, or DVC failed.
    """
    repo = Repo()
    chosen = _chosen(repo, what)
    if stale := chosen & repo.status(targets=sorted(chosen) if what else None).keys():
        raise ValueError(
            f"{_first(stale)}, of {len(chosen)}: not up to date here or not in the cache; "
            "run `dvc repro`, or name others in WHAT"
        )
    _transfer("push", what)


def fetch(what: list[str]) -> None:
    """Pull what `what` names, then have Snakemake take for done what DVC finds up to date.

    Raises:
        ValueError: a name is no stage and no output, DVC or Snakemake failed, or, without `what`, not all could be had;
            the rest is then here.
    """
    chosen = _chosen(Repo(), what)
    lacking = set() if what else _fetch_all(chosen)
    if what:
        _transfer("pull", what)
    repo = Repo()
    changed = set(repo.status(targets=sorted(_beneath(repo, chosen)) if what else None))
    done = [stage for stage in sorted(chosen) if not changed & _beneath(repo, [stage])]
    if done:
        rules = [stage.replace("@", "_") for stage in done]
        _call(["snakemake", "--cores", "1", "--quiet", "all", "--touch", *rules])
    print(f"{len(done)} of {len(repo.index.stages)} stages are up to date, for both engines")
    if lacking:
        raise ValueError(
            f"{_first(lacking)}, of {len(chosen)}: could not be had, as DVC says above; the others are here. "
            "If no more was published, say what was, such as WHAT=report@facades"
        )


def _fetch_all(chosen: set[str]) -> set[str]:
    """Bring what the remote has of these stages into the workspace; the stages of which it lacks something.

    `dvc pull` would leave all of them out, and `dvc checkout` would remove what lies where such a stage writes.
    """
    subprocess.run(["dvc", "fetch", "-r", REMOTE], check=False)  # what is not there it names, and fetches the others
    stages = [stage for stage in Repo().index.stages if stage.addressing in chosen]
    lacking = {stage.addressing for stage in stages for out in stage.outs if out.use_cache and out.changed_cache()}
    if lacking != chosen:
        _call(["dvc", "checkout", *sorted(chosen - lacking)])
    return lacking


def _first(stages: set[str]) -> str:
    first, *others = sorted(stages)
    return f"{first} and {len(others)} more" if others else first


def check_remote(url: str, verb: str) -> None:
    """Refuse what DVC would answer with a traceback's worth of lines.

    Raises:
        ValueError: no remote is named, now or before, or the one that is wants a plug-in that is not installed.
    """
    if not url:
        raise ValueError(f"say where: make {verb} REMOTE=FOLDER_OR_URL")
    if url.startswith("s3://") and importlib.util.find_spec("dvc_s3") is None:
        raise ValueError(f"{url}: S3 wants DVC's plug-in; install it: make s3")


def _chosen(repo: Repo, what: Iterable[str]) -> set[str]:
    """Addresses of the stages that `what` names."""
    stages = {stage.addressing: stage for stage in repo.index.stages}
    outs = {os.path.relpath(out.fs_path): out.stage.addressing for out in repo.index.outs}
    if not what:  # all that dvc.lock records
        return {name for name, stage in stages.items() if all(out.hash_info for out in stage.outs)}
    found = {"fingerprint"} & stages.keys()
    for word in what:
        path = os.path.normpath(word)
        owners = {stage for out, stage in outs.items() if path == out or path.startswith(out + os.sep)}
        if word not in stages and not owners:
            raise ValueError(f"{word}: no stage and no output of one; `dvc stage list` names the stages")
        found |= (_beneath(repo, [word]) if _deep(word) else {word}) if word in stages else owners
    return found


def _deep(word: str) -> bool:
    return word.startswith("report@")


def _beneath(repo: Repo, names: Collection[str]) -> set[str]:
    """These stages, and those whose outputs they read, to the last."""
    graph = repo.index.graph  # an edge leads from a stage to one that it depends on
    found, left = set(), [stage for stage in graph if stage.addressing in names]
    while left:
        stage = left.pop()
        if stage not in found:
            found.add(stage)
            left += graph.successors(stage)
    return {stage.addressing for stage in found}


def _transfer(verb: str, what: list[str]) -> None:
    deep, plain = [w for w in what if _deep(w)], [w for w in what if not _deep(w)]
    if deep:
        _call(["dvc", verb, "-r", REMOTE, "--with-deps", *deep])
    if plain:
        _call(["dvc", verb, "-r", REMOTE, "fingerprint", *plain])
    if not what:
        _call(["dvc", verb, "-r", REMOTE])


def _call(command: list[str]) -> None:
    if subprocess.run(command, check=False).returncode:
        raise ValueError(f"`{' '.join(command[:2])}` failed; mend it, then the same command continues")


def _known() -> str:
    remotes: dict[str, Any] = Repo().config["remote"]
    return str(remotes.get(REMOTE, {}).get("url", ""))


def main() -> None:
    parser = argparse.ArgumentParser(description="Outputs of stages to, or from, others through a DVC remote.")
    parser.add_argument("verb", choices=["publish", "fetch"])
    parser.add_argument("what", nargs="*", help="stages or paths (default: all that dvc.lock records)")
    parser.add_argument(
        "--to", "--from", dest="url", default="", help="folder or URL of the remote; kept for next time"
    )
    given = parser.parse_args()
    check_remote(given.url or _known(), given.verb)
    if given.url:
        _call(["dvc", "remote", "add", "-q", "--local", "--force", REMOTE, given.url])
    (publish if given.verb == "publish" else fetch)(given.what)


if __name__ == "__main__":
    run(main)
