"""The whole graph as jobs of a real SLURM, of which one is killed: `make test-slurm` brings one up (slurm.sh)."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.clones import call, clone, said, start
from tests.support.tiny import ONE, TINY

pytestmark = pytest.mark.skipif("SLURM_OF_ONE_NODE" not in os.environ, reason="make test-slurm brings up a SLURM")
PROFILE = ("snakemake", "--profile", "workflow/profiles/slurm")
IN_A_HURRY = ("--slurm-init-seconds-before-status-checks", "3")  # then after 13 more, and 23 more
ON_GPUS = {"train_first", "render_first"}


@pytest.fixture(scope="module")
def by_slurm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone after `report_tiny` as jobs; the training was killed with all its processes, some way into it."""
    recipes = {"quick": TINY["recipes"]["quick"] | {"epochs": 40}}
    folder = clone(tmp_path_factory.mktemp("slurm") / "clone", ONE | {"recipes": recipes})
    _save_often(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PIX2PIX_DEVICE")  # jobs take the GPU that SLURM gives them
        engine = start(folder, *PROFILE, *IN_A_HURRY, "report_tiny")
    _wait(lambda: engine.poll() is not None or list(folder.glob("scratch/train/first/*/state.safetensors")))
    killed = [job for job, (rule, state, _) in jobs().items() if (rule, state) == ("train_first", "RUNNING")]
    assert len(killed) == 1, said(folder)
    subprocess.run(["scancel", "--full", "--signal=KILL", *killed], check=True)
    assert engine.wait(timeout=600) == 0, said(folder)
    return folder


def jobs() -> dict[str, tuple[str, str, str]]:
    """The rule, state and GPUs of every job that SLURM remembers."""
    shown = subprocess.run(["scontrol", "--oneliner", "show", "job"], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in shown.splitlines():
        fields = dict(re.findall(r"(\w+)=(\S*)", line))
        found[fields["JobId"]] = (
            fields["Comment"].removeprefix("rule_"),
            fields["JobState"],
            fields.get("TresPerJob", ""),
        )
    return found


def test_every_stage_was_a_job_and_each_gpu_was_asked_for(by_slurm: Path) -> None:
    stages = {stage.replace("@", "_") for stage in YAML(typ="safe").load(by_slurm / "dvc.lock")["stages"]}
    assert len(stages) == 7
    assert {rule for rule, state, _ in jobs().values() if state == "COMPLETED"} == stages
    for rule, _, gpus in jobs().values():
        assert gpus == ("gres:gpu:1" if rule in ON_GPUS else ""), rule
        log = (by_slurm / f"logs/{rule}.log").read_text(encoding="utf-8")
        assert bool(re.search(r"^on GPU [01]$", log, re.MULTILINE)) == (rule in ON_GPUS), rule


def test_a_killed_job_went_on_where_it_was(by_slurm: Path) -> None:
    states = [state for rule, state, _ in jobs().values() if rule == "train_first"]
    assert len(states) == 2
    assert states.count("COMPLETED") == 1
    log = (by_slurm / "logs/train_first.log").read_text(encoding="utf-8")
    step = re.search(r"continuing first at step (\d+)", log)
    assert step is not None and int(step[1]) > 0, log


def test_the_log_of_each_attempt_is_kept(by_slurm: Path) -> None:
    for job, (rule, state, _) in jobs().items():
        log = (by_slurm / f"logs/{rule}.log.{job}").read_text(encoding="utf-8")
        assert "Running stage" in log
        assert ("Updating lock file" in log) == (state == "COMPLETED"), log
        assert (by_slurm / f"logs/slurm/rule_{rule}/{job}.log").stat().st_size


def test_neither_engine_has_anything_left_to_do(by_slurm: Path) -> None:
    assert "up to date" in call(by_slurm, "dvc", "status")
    assert "Nothing to be done" in call(by_slurm, *PROFILE, "report_tiny")


def _save_often(folder: Path) -> None:
    path = folder / "pix2pix/training/resume.py"
    text = path.read_text(encoding="utf-8")
    assert "SAVE_SECONDS = 5.0" in text
    path.write_text(text.replace("SAVE_SECONDS = 5.0", "SAVE_SECONDS = 0.1"), encoding="utf-8")


def _wait(until: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)
