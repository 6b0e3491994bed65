# One rule per stage of dvc.yaml, run by DVC itself: whatever Snakemake runs is recorded in dvc.lock, comes from DVC's cache
# where it can, and `dvc status` is clean afterwards. Snakemake adds what DVC lacks: parallel jobs, GPUs, clusters, reports.
import os
import sys
from collections import defaultdict
from functools import cache, reduce
from operator import getitem
from pathlib import Path

from dvc.dependency import ParamsDependency
from dvc.dvcfile import ProjectFile
from dvc.repo import Repo
from dvc.utils.serialize import load_yaml
from snakemake.exceptions import WorkflowError
from snakemake.jobs import Job

sys.path.insert(0, workflow.basedir)
from pix2pix.config.reader import read_configuration
from workflow.gpus import lent_gpus

# jobs find dvc and python where this snakemake is, also without an activated environment
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]


async def leave_outputs(job):
    """In place of Snakemake's removal of a job's outputs: DVC removes them itself, and beneath its lock alone."""
    for log in job.log:
        await log.remove()


assert hasattr(Job, "remove_existing_output"), "this Snakemake removes outputs elsewhere; see workflow/stages.smk"
Job.remove_existing_output = leave_outputs


def relative(path):
    return os.path.relpath(path.fs_path)


try:
    for problem in read_configuration().problems():
        print(f"warning: {problem}", file=sys.stderr)  # whoever needs this entry stops at it
except OSError as error:
    raise WorkflowError(error) from None


GRAPH = ProjectFile(Repo(), "dvc.yaml")
GRAPH.lockfile_contents = {}  # not read: nothing of it is asked here, and another DVC may be writing it
STAGES = {stage.addressing: stage for stage in GRAPH.stages.values()}
OUTS = {relative(out): None for stage in STAGES.values() for out in stage.outs}  # in order
BELOW = defaultdict(list)  # folder -> outs of any stage in it, at any depth
for out in OUTS:
    for folder in Path(out).parents:
        BELOW[str(folder)].append(out)


def inputs(stage):
    """Its deps. A folder that holds the outs of other stages stands for these outs, one in git for its files."""
    for path in (relative(dep) for dep in stage.deps if not isinstance(dep, ParamsDependency)):
        below = BELOW.get(path, [])
        if not below and path not in OUTS and Path(path).is_dir():
            below = sorted(str(file) for file in Path(path).rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        yield from below or [path]


# which study an experiment belongs to, by where its results lie
STUDIES = {Path(out).parts[2]: Path(out).parts[1] for out in OUTS if out.startswith("results/") and out.count("/") > 2}


def outputs(stage):
    """Its outs: folders as such, small results marked for `snakemake --report`: a category a report, the table first."""
    verb, _, name = stage.addressing.partition("@")
    for path in map(relative, stage.outs):
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


@cache
def content(file):
    return load_yaml(file)


def values(stage):
    """What its `params:` name, so that a changed parameter triggers here as it does in DVC."""
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            for key in dep.params or [None]:  # None: the whole file
                yield f"{key}: {reduce(getitem, key.split('.') if key else [], content(relative(dep)))}"


# GPU jobs at a time: what the profile or --resources says, else one a GPU, and one where there is none
if workflow.is_main_process and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", len(lent_gpus()) or 1)


REPORTS = [relative(out) for address, stage in STAGES.items() if address.startswith("report@") for out in stage.outs]


for address, stage in STAGES.items():

    rule:
        name:
            address.replace("@", "_")
        input:
            list(inputs(stage)),
        output:
            list(outputs(stage)),
        params:
            stage=address,
            values=list(values(stage)),
            launcher="python -m workflow.gpus" if "gpu" in stage.meta["resources"] else "",
        threads: stage.meta["threads"]
        resources:
            **stage.meta["resources"],
        log:
            f"logs/{address.replace('@', '_')}.log",
        shell:
            # a second name for the log of each job of a cluster: Snakemake removes the first before it retries
            ": > {log}; [ -z \"${{SLURM_JOB_ID:-}}\" ] || ln -f {log} {log}.$SLURM_JOB_ID || true; "
            # what DVC has not recorded is no output, unless another process is at work on it
            "{params.launcher} dvc --wait-for-lock repro --single-item {params.stage} > {log} 2>&1 || "
            "{{ grep -qE 'is busy|another process' {log} || rm -rf {output}; false; }}"
