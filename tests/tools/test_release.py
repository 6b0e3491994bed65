"""Laws of a release: its files, without anybody's photos, whose sums are right; and what is said of it elsewhere."""

import json
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
from ruamel.yaml import YAML

from tests.support.repository import REPO
from tools.release import OUT, release


def test_networks_and_tables_are_packed_and_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    networks = ["site/models/a.onnx", "site/models/a.json", "site/models/a.png"]
    results = ["results/s.md", "results/s.png", "results/s/e/metrics.json", "results/s/e/per_image.csv"]
    for name in (*networks, *results, "results/s/e/grid.png", "records/e.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name, encoding="utf-8")
    assert [file.name for file in release(OUT)] == ["SHA256SUMS", "a.json", "a.onnx", "results.zip"]
    with ZipFile(OUT / "results.zip") as archive:
        tables = ["records/e.json", *(file for file in results if not file.endswith(".png"))]
        assert sorted(archive.namelist()) == tables and archive.read("results/s.md") == b"results/s.md"
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=OUT, check=True)
    before = (OUT / "SHA256SUMS").read_bytes()
    release(OUT)
    assert (OUT / "SHA256SUMS").read_bytes() == before
    Path("site/models/a.onnx").unlink()
    Path("site/models/a.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"^site/models: nothing to release$"):
        release(OUT)


def test_the_archive_of_a_doi_says_what_the_citation_says() -> None:
    zenodo = json.loads((REPO / ".zenodo.json").read_bytes())
    citation = YAML(typ="safe").load(REPO / "CITATION.cff")
    assert (zenodo["title"], zenodo["license"]) == (citation["title"], citation["license"])
    assert zenodo["upload_type"] == citation["type"]
    assert [creator["name"] for creator in zenodo["creators"]] == [author["name"] for author in citation["authors"]]


@pytest.mark.parametrize("name", ["site", "release"])
def test_the_workflows_run_targets_that_exist(name: str) -> None:
    flow = YAML(typ="safe").load(REPO / f".github/workflows/{name}.yaml")
    commands = [step["run"] for job in flow["jobs"].values() for step in job["steps"] if "run" in step]
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    targets = [command.split()[1] for command in commands if command.startswith("make ")]
    assert targets and all(f"\n{target}:" in makefile for target in targets)
