"""fingerprint: what code each verb runs, as a small file that all its stages depend on.

*Reads* stages/ and pix2pix/: each verb's module and all that it imports (pix2pix/files/code_digest.py).
*Writes* fingerprints/<verb>.txt: a digest and a path a line.

So a change of the metrics never trains anything again, a comment makes nothing stale, and no dependency is forgotten.
"""

import argparse
from pathlib import Path

from pix2pix.files.code_digest import code_digests
from pix2pix.files.entry_point import run

VERBS = ("download", "prepare", "train", "render", "evaluate", "fcn_score", "robustness", "report")


def fingerprint(verb: str) -> None:
    """Write fingerprints/<verb>.txt, with Python's own library alone: any Python in PATH can."""
    path = Path("fingerprints", f"{verb}.txt")
    partial = path.with_suffix(".partial")
    path.parent.mkdir(exist_ok=True)
    partial.write_text(code_digests(f"stages.{verb}"), encoding="utf-8")
    partial.replace(path)


def main() -> None:
    argparse.ArgumentParser(description="Write what code each verb runs into fingerprints/<verb>.txt.").parse_args()
    for verb in VERBS:
        fingerprint(verb)


if __name__ == "__main__":
    run(main)
