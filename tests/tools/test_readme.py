"""Laws of the README's results: they repeat reports and records word for word, and touch nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from pix2pix.config.configuration import Configuration
from tests.support.tiny import TINY, write_configuration
from tools.readme import anchor, copy_demo, copy_records, main, markers, replace_block, results_block, studies_table

REPORT = (
    "### Tiny\n\n![Tiny](tiny.png)\n\n| experiment | SSIM |\n|---|---|\n| first | 0.2345 ± 0.0567 [0.2000, 0.3000] |\n"
)
WEIGHTS = {"first": "0" * 32, "stranger": "0" * 32}
RECORD: dict[str, Any] = {
    "weights": "0" * 32,
    "command": "python -m stages.train first",
    "commit": "0123456789ab",
    "finished": "2026-01-01T00:00:00+00:00",
    "seconds": 4000.0,
    "images_per_second": 51.5,
    "device": "a machine, 2 cores",
    "threads": 2,
    "precision": "bf16",
    "python": "3.11.4",
    "torch": "2.15.0",
}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_configuration(TINY)
    for folder in ("results", "records", "logs/records"):
        Path(folder).mkdir(parents=True)
    Path("results/tiny.md").write_text(REPORT, encoding="utf-8")
    return tmp_path


def save_record(folder: str, name: str = "first", **values: Any) -> None:
    Path(folder, f"{name}.json").write_text(json.dumps(RECORD | values), encoding="utf-8")


BEGIN, END = markers("results")


@pytest.mark.parametrize("text", ["", END + BEGIN, BEGIN + END + END])
def test_a_page_without_both_markers_is_refused(tmp_path: Path, text: str) -> None:
    page = tmp_path / "README.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"README\.md: .* must both be there, once"):
        replace_block(page, "results", "new")
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("values", "hardware", "duration", "rate"),
    [
        ({}, "a machine, 2 cores, bf16, 2 threads", "66.7 min", "51.5"),
        ({"device": "a GPU", "processes": 4, "seconds": 120}, "4 × a GPU, bf16", "2.0 min", "51.5"),
        ({"threads": 1, "seconds": 0.4, "images_per_second": None}, "a machine, 2 cores, bf16, 1 thread", "0 s", "–"),
    ],
)
def test_a_record_is_a_line_that_says_how_it_was_made(
    repo: Path, configuration: Configuration, values: dict[str, Any], hardware: str, duration: str, rate: str
) -> None:
    save_record("records", **values)
    save_record("records", "stranger")
    block = results_block(configuration, WEIGHTS)
    cells = [cell.strip() for cell in block.splitlines()[-3].strip("|").split("|")]
    versions = "torch 2.15.0, Python 3.11.4"
    command = f"`{RECORD['command']}`"
    assert cells == ["first", "2026-01-01", duration, rate, hardware, command, versions, RECORD["commit"]]
    assert "stranger" not in block
    assert block.endswith(f"Training of this study together: {duration}.")
    save_record("records", **values, code=["a", "b"])
    assert f"| {RECORD['commit']}, begun by other code |" in results_block(configuration, WEIGHTS)
    assert RECORD["commit"] not in results_block(configuration, {"first": "1" * 32}), "of other weights"


def test_a_score_of_several_studies_is_defined_once(repo: Path) -> None:
    studies = {name: TINY["studies"]["tiny"] for name in ("tiny", "other")}
    for name, more in (("tiny", ""), ("other", "- LSD: of spectra\n")):
        Path(f"results/{name}.md").write_text(f"{REPORT}\n- SSIM: of structure\n{more}", encoding="utf-8")
    experiments = TINY["experiments"] | {"row": TINY["experiments"]["first"] | {"study": "other"}}
    block = results_block(Configuration(TINY | {"studies": studies, "experiments": experiments}), WEIGHTS)
    assert [line for line in block.splitlines() if line.startswith("- ")] == [
        "- SSIM: of structure",
        "- LSD: of spectra",
    ]
    assert block.count("### Tiny") == 2


def test_only_records_of_studies_in_results_are_copied(repo: Path, configuration: Configuration) -> None:
    save_record("logs/records")
    save_record("logs/records", "stranger")
    copy_records(configuration, WEIGHTS)
    assert [path.name for path in Path("records").iterdir()] == ["first.json"]
    assert json.loads(Path("records/first.json").read_text(encoding="utf-8")) == RECORD
    save_record("logs/records", seconds=1.0, weights="1" * 32)
    copy_records(configuration, WEIGHTS)
    Path("results/tiny.md").unlink()
    save_record("logs/records", seconds=1.0)
    copy_records(configuration, WEIGHTS)
    assert json.loads(Path("records/first.json").read_text(encoding="utf-8")) == RECORD


def test_the_page_shows_the_copy_of_the_demo_that_git_keeps(repo: Path) -> None:
    """What another machine makes there is not under git, and a clone without a demo has none."""
    experiments = {"first": TINY["experiments"]["first"] | {"study": "demo"}}
    demo = Configuration(TINY | {"studies": {"demo": TINY["studies"]["tiny"]}, "experiments": experiments})
    Path("docs").mkdir()
    for name in ("demo.md", "demo.png"):
        Path("results", name).write_text(REPORT.replace("tiny.png", "demo.png"), encoding="utf-8")
    assert "demo.png" not in results_block(demo, WEIGHTS)
    copy_demo()
    for name in ("demo.md", "demo.png"):
        Path("results", name).unlink()
        copy_demo()
        assert Path("docs", name).exists()
    assert "![Tiny](../docs/demo.png)" in results_block(demo, WEIGHTS)
    assert "docs/results.md#tiny" in studies_table(demo, WEIGHTS)


def test_the_command_writes_the_table_of_studies_and_the_page_of_results(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["readme"])
    save_record("logs/records")
    md5 = "  - path: models/first/last.safetensors\n      hash: md5\n      md5: "
    Path("dvc.lock").write_text(md5 + RECORD["weights"], encoding="utf-8")
    Path("docs").mkdir()
    begin, end = markers("studies")
    Path("README.md").write_text(f"# Title\n\n{begin}\n{end}\n\n## Licence\n", encoding="utf-8")
    Path("docs/results.md").write_text(f"# Results\n\n{BEGIN}\n{END}\n", encoding="utf-8")
    main()
    pages = [Path(name).read_text(encoding="utf-8") for name in ("README.md", "docs/results.md")]
    assert pages[0].startswith(f"# Title\n\n{begin}\n\n| study")
    assert pages[0].endswith(f"\n\n{end}\n\n## Licence\n")
    report = REPORT.strip().replace("](tiny.png)", "](../results/tiny.png)")
    assert pages[1].startswith(f"# Results\n\n{BEGIN}\n\n{report}\n")
    assert all("66.7 min" in page for page in pages)
    main()
    assert pages == [Path(name).read_text(encoding="utf-8") for name in ("README.md", "docs/results.md")]
    Path("dvc.lock").write_text(md5 + "1" * 32, encoding="utf-8")
    main()
    assert "66.7 min" not in Path("docs/results.md").read_text(encoding="utf-8"), "a record of other weights"


@pytest.mark.parametrize(
    ("second", "shows"), [("![picture](tiny.png)", "–"), ("LSD: 0.1 against 2.0.", "LSD: 0.1 against 2.0.")]
)
def test_a_line_of_the_table_of_studies(repo: Path, configuration: Configuration, second: str, shows: str) -> None:
    Path("results/tiny.md").write_text(f"### Tiny: a study, 64 px\n\n{second}\n\n| x |\n", encoding="utf-8")
    line = studies_table(configuration, WEIGHTS).splitlines()[2]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == ["[Tiny: a study, 64 px](docs/results.md#tiny-a-study-64-px)", shows, "–"]


def test_an_anchor_is_that_of_code_hosts() -> None:
    assert anchor("### FCN-score: the paper's, 128 px") == "fcn-score-the-papers-128-px"
