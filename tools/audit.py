"""Known vulnerabilities of the pinned packages, those of this platform: `make audit`, `python -m tools.audit`

*Reads* requirements*.txt; asks the package index, through pip-audit, about each pin. Exit code 0: every pin was asked
about and none is known to be vulnerable; 1: some are, each with a line; 2: some or all could not be asked about.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REQUIREMENTS = (Path("requirements.txt"), Path("requirements-optional.txt"))


def audit(*requirements: Path, options: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Ask about every pin: the exit code, and the lines to print. `options` go to pip-audit."""
    files = [word for path in requirements for word in ("-r", str(path))]
    command = [sys.executable, "-m", "pip_audit", *files, "--no-deps", "--disable-pip", "-f", "json"]
    done = subprocess.run(
        [*command, "--progress-spinner", "off", *options], capture_output=True, text=True, check=False
    )
    if not done.stdout.strip():
        why = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return 2, [f"could not be asked about: all pins ({why})"]
    pins = json.loads(done.stdout)["dependencies"]
    asked = [pin for pin in pins if "vulns" in pin]  # pip-audit passes over the others, and says that none is known
    lines = [
        f"{pin['name']} {pin['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none yet'}"
        for pin in asked
        for found in pin["vulns"]
    ]
    if lines:
        return 1, [*lines, "refresh the pins: make pins"]
    if len(asked) < len(pins) or not pins:
        return 2, [
            f"could not be asked about: {len(pins) - len(asked)} of {len(pins)} pins; of the others none is known"
        ]
    return 0, [f"{len(asked)} pins, none known to be vulnerable"]


def main() -> None:
    code, lines = audit(*REQUIREMENTS)
    print(*lines, sep="\n", file=sys.stderr if code else sys.stdout)
    sys.exit(code)


if __name__ == "__main__":
    main()
