"""How a result was made: what a record says beside the numbers, so that a long run stays attributable."""

import json
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pix2pix.files.atomic import whole_file


def write_record(
    path: Path, *, command: str, seconds: float, images: int, hardware: Mapping[str, object], code: tuple[str, ...]
) -> None:
    """Write one JSON record: command, commit, finish (UTC), wall seconds over all resumptions, images/s, hardware."""
    record = {
        "command": command,
        "commit": commit(code),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "images_per_second": round(images / seconds, 1) if seconds and images else None,
        **hardware,
    }
    with whole_file(path) as partial:
        partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def commit(code: tuple[str, ...]) -> str:
    """The commit, with "+" where a tracked file of `code` differs; "unknown" unless its repository tracks this code."""
    try:
        _git("ls-files", "--error-unmatch", __file__)
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no", "--", *code) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    elsewhere = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # as a hook of another repository sets them
    here = {name: value for name, value in os.environ.items() if name not in elsewhere}
    return subprocess.run(["git", *words], env=here, check=True, capture_output=True, text=True).stdout.strip()
