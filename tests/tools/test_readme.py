"""Laws of the README's results: they repeat reports and records word for word, and touch nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from pix2pix.config.configuration import Configuration
from tests.support.tiny import TINY, write_configuration
from tools.readme import BEGIN, END, copy_records, main, replace_block, results_block

REPORT = (
    "### Tiny\n\n![Tiny](tiny.png)\n\n| experiment | SSIM |\n|---|---|\n| first | 0.2345 ± 0.0567 [0.2000, 0.3000] |\n"
)
RECORD: dict[str, Any] = {
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


@pytest.mark.parametrize("text", ["", END + BEGIN, BEGIN + END + END])
def test_a_page_without_both_markers_is_refused(tmp_path: Path, text: str) -> None:
    page = tmp_path / "README.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"README\.md: .* must both be there, once"):
        replace_block(page, "new")
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
    block = results_block(configuration)
    cells = [cell.strip() for cell in block.splitlines()[-3].strip("|").split("|")]
    versions = "torch 2.15.0, Python 3.11.4"
    command = f"`{RECORD['command']}`"
    assert cells == ["first", "2026-01-01", duration, rate, hardware, command, versions, RECORD["commit"]]
    assert "stranger" not in block
    assert block.endswith(f"Training of this study together: {duration}.")


def test_a_score_of_several_studies_is_defined_once(repo: Path) -> None:
    studies = {name: TINY["studies"]["tiny"] for name in ("tiny", "other")}
    for name, more in (("tiny", ""), ("other", "- LSD: of spectra\n")):
        Path(f"results/{name}.md").write_text(f"{REPORT}\n- SSIM: of structure\n{more}", encoding="utf-8")
    experiments = TINY["experiments"] | {"row": TINY["experiments"]["first"] | {"study": "other"}}
    block = results_block(Configuration(TINY | {"studies": studies, "experiments": experiments}))
    assert [line for line in block.splitlines() if line.startswith("- ")] == [
        "- SSIM: of structure",
        "- LSD: of spectra",
    ]
    assert block.count("### Tiny") == 2


def test_only_records_of_studies_in_results_are_copied(repo: Path, configuration: Configuration) -> None:
    save_record("logs/records")
    save_record("logs/records", "stranger")
    copy_records(configuration)
    assert [path.name for path in Path("records").iterdir()] == ["first.json"]
    assert json.loads(Path("records/first.json").read_text(encoding="utf-8")) == RECORD
    Path("results/tiny.md").unlink()
    save_record("logs/records", seconds=1.0)
    copy_records(configuration)
    assert json.loads(Path("records/first.json").read_text(encoding="utf-8")) == RECORD


def test_the_command_writes_studies_and_records_into_the_readme(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["readme"])
    save_record("logs/records")
    Path("README.md").write_text(f"# Title\n\n{BEGIN}\n{END}\n\n## Licence\n", encoding="utf-8")
    main()
    text = Path("README.md").read_text(encoding="utf-8")
    report = REPORT.strip().replace("](tiny.png)", "](results/tiny.png)")
    assert text.startswith(f"# Title\n\n{BEGIN}\n\n{report}\n")
    assert text.endswith(f"\n\n{END}\n\n## Licence\n")
    assert "66.7 min" in text
    main()
    assert Path("README.md").read_text(encoding="utf-8") == text
