"""How a result was made: what a record says beside the numbers, so that a long run stays attributable."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from pix2pix.files.atomic import whole_file


def write_record(
    path: Path, *, command: str, seconds: float, images: int, hardware: dict[str, str | int], code: tuple[str, ...]
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
    """The commit, with "+" where a tracked file of `code` differs from it; "unknown" outside a repository."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no", "--", *code) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.strip()
