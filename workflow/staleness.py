"""Which jobs Snakemake runs: those whose stages DVC finds stale, those that were forced, and what depends on them.

Snakemake's own answer rests on the times of files and on its records of the jobs that it ran itself: after `dvc repro`
it would not see a changed parameter, and in a fresh clone it would run everything.
"""

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import dvc.dependency.param
from dvc.exceptions import DvcException
from dvc.utils.serialize import YAMLError, load_path
from snakemake.api import Workflow
from snakemake.dag import DAG
from snakemake.exceptions import WorkflowError
from snakemake.jobs import Job
from snakemake.persistence import PersistenceBase
from snakemake.settings.types import RerunTrigger

from pix2pix.files.code_digest import code_digests

BY_DVC = "DVC says what is stale, see `dvc status`"


def read_lock(graph: Any) -> dict[str, Any]:
    """The content of the dvc.lock beside `graph`, a DVC ProjectFile, read while no other DVC is writing it.

    Raises:
        WorkflowError: it is not as DVC writes it, as after a conflict of git.
    """
    with graph.repo.lock:
        try:
            return dict(graph.lockfile_contents)
        except YAMLError:
            raise WorkflowError(
                "dvc.lock cannot be read, as after a conflict of git: `git checkout --theirs dvc.lock`, then "
                "`git add dvc.lock` and this command again (docs/troubleshooting.md)"
            ) from None


class Staleness:
    """What DVC finds stale among `stages`, by the names of their rules; each file and folder is looked at once."""

    def __init__(self, stages: dict[str, Any]) -> None:
        self._stages = stages
        self._changes: dict[tuple[str, ...], dict[str, Any]] = {}
        self.reason = cache(self._reason)

    def _reason(self, rule: str) -> str:
        """Why the stage would run: its first change, such as "data/raw/houses: modified"; empty if it would not."""
        stage = self._stages.get(rule)
        if stage is None:  # `all`
            return ""
        if stage.cmd_changed:
            return "another command"
        if not any(out.hash_info for out in stage.outs):
            return "not in dvc.lock"
        for item in (*stage.deps, *stage.outs):
            for path, change in self._status(item).items():
                keys = [f"{key} {how}" for key, how in change.items()] if isinstance(change, dict) else [change]
                return f"{path}: {keys[0]}"
            if self._has_other_code(item):
                return f"{item}: the code has changed"
        return ""

    def _status(self, item: Any) -> dict[str, Any]:
        """DVC's status of a dependency or an output: what has changed, by path; empty if nothing has."""
        key = item.fs_path, str(item.hash_info), str(item.use_cache), str(getattr(item, "params", ""))
        if key not in self._changes:
            try:
                self._changes[key] = item.status()
            except (OSError, DvcException) as error:  # such as of a file that another process is writing
                self._changes[key] = {str(item): str(error)}
        return self._changes[key]

    def _has_other_code(self, item: Any) -> bool:
        """Whether the stage `fingerprint` is about to write another digest of the code than `item` was when it ran."""
        path = Path(str(item))
        if not item.IS_DEPENDENCY or path.parent != Path("fingerprints") or not self.reason("fingerprint"):
            return False
        code = code_digests(f"stages.{path.stem}", root=Path.cwd()).encode()
        return bool(hashlib.md5(code, usedforsecurity=False).hexdigest() != item.hash_info.value)


def run_what_is_stale(staleness: Staleness) -> None:
    """Let Snakemake run what is stale or forced, and what depends on it, whatever its own records and the times say.

    The rules that were forced stand in PIX2PIX_FORCED for their jobs, on a cluster, too.
    """
    update_needrun = DAG.update_needrun

    async def update(dag: Any, **kwargs: Any) -> None:
        refuse_what_is_ignored(dag.workflow)
        forced = [
            job.rule.name for job in dag.jobs if job.rule in dag.forcerules or not dag.forcefiles.isdisjoint(job.output)
        ]
        os.environ["PIX2PIX_FORCED"] = " ".join(forced)
        for job in dag.jobs:
            if reason := staleness.reason(job.rule.name):
                dag.reason(job).updated_input.add(reason)
            else:  # another digest of code that it does not run is no reason, either
                for file in job.input:
                    file.flags["ancient"] = file.startswith("fingerprints/")
        await update_needrun(dag, **kwargs)

    async def none(_: Any) -> None: ...

    async def refuse(*_: Any, **__: Any) -> None:
        raise WorkflowError(f"--list-changes would show nothing: {BY_DVC}")

    for owner, name, replacement in (
        (dvc.dependency.param, "load_path", cache(load_path)),  # else a file of parameters is read for each stage
        (DAG, "update_needrun", update),
        (DAG, "get_outputs_with_changes", refuse),
        (Job, "output_mintime", property(none)),
        (PersistenceBase, "has_metadata", lambda *_: False),
        (Workflow, "log_missing_metadata_info", lambda _: None),
    ):
        assert hasattr(owner, name), f"another Snakemake or DVC than was tried: no {name}"
        setattr(owner, name, replacement)


def refuse_what_is_ignored(workflow: Any) -> None:
    """Raises WorkflowError for an option of Snakemake that would change nothing here; it says what does."""
    settings, rules = workflow.dag_settings, workflow.workflow_settings
    for option, given, instead in (
        ("--config, --configfile", workflow.config_settings.overwrite_config, "change params.yaml or config/"),
        ("--rerun-triggers", set(settings.rerun_triggers) != set(RerunTrigger.all()), BY_DVC),
        ("--consider-ancient", rules.consider_ancient, BY_DVC),
        ("--force without a stage", settings.forcetargets and not settings.targets, "name one, or use --forceall"),
        ("--touch", workflow.touch, "`dvc commit STAGE` records outputs as they are"),
        ("--use-conda, --use-apptainer", workflow.deployment_settings.deployment_method, "see containers/"),
        ("--cache", rules.cache, "DVC has its own cache"),
    ):
        if given:
            raise WorkflowError(f"{option} would change nothing here: {instead}")
