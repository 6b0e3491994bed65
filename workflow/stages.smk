# One rule per stage of dvc.yaml, run by DVC itself: whatever Snakemake runs is recorded in dvc.lock and comes from DVC's
# cache where it can. Snakemake adds what DVC lacks: parallel jobs, GPUs, clusters, reports.
import os
import sys
from collections import defaultdict
from functools import cache, reduce
from operator import getitem
from pathlib import Path

from dvc.dependency import ParamsDependency
from dvc.dvcfile import ProjectFile
from dvc.parsing import ResolveError
from dvc.repo import Repo
from dvc.utils.serialize import load_yaml
from snakemake.exceptions import WorkflowError
from snakemake.jobs import Job

sys.path.insert(0, workflow.basedir)
from pix2pix.config.reader import read_configuration
from workflow.gpu_lock import lent_gpus

# jobs find dvc and python beside this snakemake, also without an activated environment
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", os.defpath)


report: "captions/pages.rst"  # what `snakemake --report` opens on


async def keep_outputs(job):
    """Replaces Snakemake's removal of a job's outputs: DVC removes them itself, while it holds its lock."""
    for log in job.log:
        await log.remove()


assert hasattr(Job, "remove_existing_output"), "this version of Snakemake removes outputs elsewhere"
Job.remove_existing_output = keep_outputs


@cache
def read_yaml(path):
    return load_yaml(path)


def warn():
    """Name mistakes in the configuration. Whoever needs that entry stops at it; others need not."""
    unlisted = {*Path("config/studies").glob("*.yaml")} - {Path(file) for file in read_yaml("dvc.yaml")["vars"]}
    lines = [f"{file} is not in the graph: list it under vars: in dvc.yaml" for file in sorted(unlisted)]
    configuration = read_configuration()  # which warns of files that it cannot read
    lines += [line for line in configuration.problems() if line not in configuration.unreadable]
    for line in lines[:8] + [f"and {len(lines) - 8} more"] * (len(lines) > 8):
        print(f"warning: {line}", file=sys.stderr)


if workflow.is_main_process:
    try:
        warn()
    except OSError as error:
        raise WorkflowError(error) from None


GRAPH = ProjectFile(Repo(), "dvc.yaml")
GRAPH.lockfile_contents = {}  # dvc.lock is not read: nothing here needs it, and a running job may be writing it
STAGES = {}
for name in GRAPH.stages:
    try:
        STAGES[name] = GRAPH.stages[name]
    except ResolveError as error:  # an entry of the configuration lacks a key that dvc.yaml asks for
        print(f"warning: {name} is left out: {' '.join(str(error).split())}", file=sys.stderr)


def relative(item):
    return os.path.relpath(item.fs_path)


OUTPUTS = [relative(out) for stage in STAGES.values() for out in stage.outs]
OUTPUTS_IN = defaultdict(list)  # folder -> the outputs of all stages in it, at any depth
for output in OUTPUTS:
    for folder in Path(output).parents:
        OUTPUTS_IN[str(folder)].append(output)
# experiment -> study, by results/<study>/<experiment>/...
STUDIES = {Path(path).parts[2]: Path(path).parts[1] for path in OUTPUTS if path.startswith("results/") and path.count("/") > 2}


def inputs(stage):
    """The deps of a stage. A folder becomes the outputs in it, or the files in it where git versions it."""
    for path in (relative(dep) for dep in stage.deps if not isinstance(dep, ParamsDependency)):
        if path in OUTPUTS or not Path(path).is_dir():
            yield from OUTPUTS_IN.get(path, [path])
        else:
            files = (file for file in Path(path).rglob("*") if file.is_file() and "__pycache__" not in file.parts)
            yield from OUTPUTS_IN.get(path) or sorted(map(str, files))


def outputs(stage):
    """The outs of a stage: folders as such, and small results with their place in `snakemake --report`."""
    verb, _, name = stage.addressing.partition("@")
    for path in filter(None, [*map(relative, stage.outs), page(stage)]):
        if not Path(path).suffix:
            yield directory(path)
        elif path.endswith((".html", ".md", ".png", ".csv", ".json")):
            yield report(
                path,
                caption=f"captions/{verb}.rst",
                category=STUDIES.get(name, name),
                subcategory="all experiments" if verb == "report" else name,
                labels={"step": verb, "file": Path(path).name},
            )
        else:
            yield path


def page(stage):
    """The page of a report, which report writes but DVC does not record, because it says when and where it was made."""
    verb, _, name = stage.addressing.partition("@")
    return f"results/{name}.html" if verb == "report" else ""


def values(stage):
    """The parameters of a stage, so that a changed one makes it stale here as it does in DVC."""
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            for key in dep.params or [""]:  # "": the whole file
                yield f"{key}: {reduce(getitem, key.split('.') if key else [], read_yaml(relative(dep)))}"


# jobs on GPUs at a time: what the profile or --resources says, else the number of GPUs, or 1 without any
if workflow.is_main_process and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", len(lent_gpus()) or 1)


REPORTS = [relative(out) for name, stage in STAGES.items() if name.startswith("report@") for out in stage.outs]


for name, stage in STAGES.items():

    rule:
        name:
            name.replace("@", "_")
        input:
            list(inputs(stage)),
        output:
            list(outputs(stage)),
        params:
            stage=name,
            values=list(values(stage)),
            page=f"[ -e {page(stage)} ] || {stage.cmd}" if page(stage) else "",
            launcher="python -m workflow.gpu_lock" if "gpu" in stage.meta["resources"] else "",
        threads: stage.meta["threads"]
        resources:
            **stage.meta["resources"],
        log:
            f"logs/{name.replace('@', '_')}.log",
        shell:
            # a second name for the log of each SLURM job: Snakemake removes the first before it retries
            ": > {log}; [ -z \"${{SLURM_JOB_ID:-}}\" ] || ln -f {log} {log}.$SLURM_JOB_ID || true; "
            # outputs that DVC has not recorded are removed, unless another process is writing them
            "{params.launcher} dvc --wait-for-lock repro --single-item {params.stage} > {log} 2>&1 || "
            "{{ grep -qE 'is busy|another process' {log} || rm -rf {output}; false; }}; "
            "{params.page}"
