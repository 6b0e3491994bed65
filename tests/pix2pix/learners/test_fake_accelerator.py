"""The step on a made-up accelerator: one device, no waiting for it (docs/design.md, law 8)."""

import json
import subprocess
import sys

import pytest

from tests.support.fake_accelerator import KINDS, MISTAKES
from tests.support.repository import REPO


@pytest.fixture(scope="module")
def errors() -> dict[str, str]:
    """Of each kind of step; made in a process of its own, since an accelerator can be made up only once."""
    command = [sys.executable, "-m", "tests.support.fake_accelerator"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_stays_on_its_device_and_never_waits_for_it(errors: dict[str, str], kind: str) -> None:
    assert errors[kind] == ""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_step_that_waits_or_mixes_devices_is_noticed(errors: dict[str, str], mistake: str) -> None:
    noticed = ("DataDependentOutputException", "to the host", "from the host", "FakeTensorDeviceMismatchError")
    assert any(words in errors[f"gan {mistake}"] for words in noticed)
