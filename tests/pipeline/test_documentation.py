"""The documentation holds: its links lead somewhere, and its commands exist."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pix2pix.config.reader import read_configuration
from tests.support.repository import REPO
from tools.readme import anchor

PAGES = sorted([*REPO.glob("*.md"), *(REPO / "docs").glob("*.md"), REPO / "benchmarks/RESULTS.md"])
PAGES_OF_TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("http"):
            continue
        path, _, name = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if name:
            headings = re.findall(r"^#+ .*$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert name in map(anchor, headings), link


def test_the_readme_is_short_and_every_page_is_two_clicks_away() -> None:
    assert len((REPO / "README.md").read_text(encoding="utf-8").splitlines()) <= 200
    seen = {REPO / "README.md"}
    for _ in range(2):
        pages = [page for page in seen if page.suffix == ".md"]
        links = [
            (page, link) for page in pages for link in re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
        ]
        seen |= {(page.parent / link).resolve() for page, link in links if not link.startswith("http")}
    assert seen >= set(PAGES)


@pytest.mark.parametrize("page", PAGES_OF_TODAY, ids=lambda page: str(page.relative_to(REPO)))
def test_commands_of_the_documentation_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z][a-z0-9-]*)", text, re.MULTILINE):
        assert re.search(rf"^(?:.* )?{target}(?: .*)?:", makefile, re.MULTILINE), f"make {target}"
    assert not re.search(r"\.venv/bin/(dvc|snakemake)", text), "a stage runs the python in PATH"
    for module in re.findall(r"python -m ((?:stages|tools|benchmarks|app|workflow)\.\w+)", text):
        assert find_spec(module), module
    configuration, stages = read_configuration(REPO), YAML(typ="safe").load(REPO / "dvc.yaml")["stages"]
    for verb, name in re.findall(r"\b([a-z_]+)@([a-z][a-z0-9_]*[a-z0-9])", text):
        assert verb in stages, f"{verb}@{name}"
        kinds = {"download": "datasets", "prepare": "datasets", "report": "studies", "fcn_score": "studies"}
        known = configuration.names(kinds.get(verb, "experiments"))
        assert name in known or name in ("mine", "my_pairs"), f"{verb}@{name}"
