"""Ask for every external link of the documentation, and name those that do not answer: `make links`.

*Reads* CITATION.cff and the *.md of the root, of docs/ and of benchmarks/. Links within the repository are a test's.
"""

import argparse
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pix2pix.files.entry_point import run

PAGES = ("*.md", "CITATION.cff", "docs/*.md", "benchmarks/*.md")
SIDE_BY_SIDE = 8
TIMEOUT = (10.0, 30.0)  # seconds to connect, seconds without a byte
REFUSED = (401, 403, 429)  # hosts that answer browsers alone


def external_links(root: Path) -> dict[str, list[str]]:
    """Address -> the pages that link to it, ordered by address."""
    found: dict[str, list[str]] = {}
    for page in sorted(path for pattern in PAGES for path in root.glob(pattern)):
        for address in dict.fromkeys(re.findall(r"https?://[^\s)>\]\"'`|]+", page.read_text(encoding="utf-8"))):
            found.setdefault(address.partition("#")[0], []).append(page.relative_to(root).as_posix())
    return dict(sorted(found.items()))


def what_is_wrong(address: str) -> str:
    """Why an address gives no page; empty where it does, or where its host refuses programs."""
    import requests

    try:
        with requests.get(address, stream=True, timeout=TIMEOUT) as answer:
            return "" if answer.ok or answer.status_code in REFUSED else f"HTTP {answer.status_code}"
    except requests.RequestException as error:
        return type(error).__name__


def main() -> None:
    argparse.ArgumentParser(description="Ask for every external link of the documentation.").parse_args()
    links = external_links(Path())
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        answers = dict(zip(links, pool.map(what_is_wrong, links), strict=True))
    dead = {address: why for address, why in answers.items() if why}
    for address, why in dead.items():
        print(f"{address}: {why} ({', '.join(links[address])})")
    print(f"{len(links)} external links, {len(dead)} of them dead")
    sys.exit(bool(dead))


if __name__ == "__main__":
    run(main)
