# One rule per stage of dvc.yaml, run by DVC itself: whatever Snakemake runs is recorded in dvc.lock and comes from DVC's
# cache where it can. DVC says what is stale. Snakemake adds what DVC lacks: parallel jobs, GPUs, clusters, reports.
import os
import sys
from collections import defaultdict
from pathlib import Path

from dvc.dependency import ParamsDependency
from dvc.dvcfile import ProjectFile
from dvc.exceptions import DvcException
from dvc.parsing import ResolveError
from dvc.repo import Repo
from snakemake.exceptions import WorkflowError
from snakemake.jobs import Job

sys.path.insert(0, workflow.basedir)
from pix2pix.config.reader import read_configuration
from workflow.gpu_lock import lent_gpus
from workflow.staleness import Staleness, read_lock, run_what_is_stale

# jobs find dvc and python beside this snakemake, also without an activated environment
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", os.defpath)


report: "captions/pages.rst"  # what `snakemake --report` opens on


async def remove_logs(job):
    """Replaces Snakemake's removal of a job's outputs: DVC removes them itself, while it holds its lock."""
    for log in job.log:
        await log.remove()


assert hasattr(Job, "remove_existing_output"), "this Snakemake removes outputs elsewhere"
Job.remove_existing_output = remove_logs

try:
    GRAPH = ProjectFile(Repo(_wait_for_lock=True), "dvc.yaml")
    # a cluster's job does not read dvc.lock: it needs nothing of it, and another job may be writing it
    GRAPH.lockfile_contents = read_lock(GRAPH) if workflow.is_main_process else {}
except (OSError, DvcException) as error:
    raise WorkflowError(str(error)) from None
STAGES = {}
for name in GRAPH.stages:
    try:
        STAGES[name] = GRAPH.stages[name]
    except ResolveError as error:  # an entry of the configuration lacks a key that dvc.yaml asks for
        print(f"warning: {name} is left out: {' '.join(str(error).split())}", file=sys.stderr)


def warn():
    """Name mistakes in the configuration. Whoever needs that entry stops at it; others need not."""
    listed = {Path(file) for file in GRAPH.contents["vars"] if isinstance(file, str)}
    unlisted = {*Path("config/studies").glob("*.yaml")} - listed
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
    run_what_is_stale(Staleness({name.replace("@", "_"): stage for name, stage in STAGES.items()}))


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
    """The deps of a stage; of a folder in which stages write, their outputs in it."""
    for dep in stage.deps:
        if not isinstance(dep, ParamsDependency):
            yield from OUTPUTS_IN.get(relative(dep), [relative(dep)])


def outputs(stage):
    """The outs of a stage: folders as such, and small results with their place in `snakemake --report`."""
    verb, _, name = stage.addressing.partition("@")
    verb = {"refine": "train"}.get(verb, verb.removesuffix("_refined"))
    page = Path("results", f"{name}.html")  # says when and where it was made, so DVC does not record it
    for path in [*map(relative, stage.outs), *([str(page)] if verb == "report" and page.exists() else [])]:
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
            page=f"[ -e results/{name[7:]}.html ] || {stage.cmd}" if name.startswith("report@") else "",
            launcher="python -m workflow.gpu_lock" if "gpu" in stage.meta["resources"] else "",
        threads: stage.meta["threads"]
        resources:
            **stage.meta["resources"],
        log:
            f"logs/{name.replace('@', '_')}.log",
        shell:
            # a second name for the log of each SLURM job: Snakemake removes the first before it retries
            ": > {log}; [ -z \"${{SLURM_JOB_ID:-}}\" ] || ln -f {log} {log}.$SLURM_JOB_ID || true; "
            "case \" ${{PIX2PIX_FORCED:-}} \" in *\" {rule} \"*) force=--force;; *) force=;; esac; "
            "{params.launcher} dvc --wait-for-lock repro --single-item $force {params.stage} > {log} 2>&1; "
            "{params.page}"
