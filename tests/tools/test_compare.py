"""Laws of comparing two rows: their seeds are found, and the numbers are those of the results."""

import json
from pathlib import Path

import pytest

from pix2pix.config.configuration import Configuration
from tests.support.results import FOLDER, THREE, evaluated_for_all, evaluated_for_one, tables  # noqa: F401
from tests.support.tiny import TINY, write_configuration
from tools.compare import main, read_seeds

ROWS = THREE.sections["experiments"] | {"first_mean": TINY["experiments"]["first_mean"]}


def test_two_rows_are_compared_with_the_seeds_that_both_have(
    evaluated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = TINY | {"experiments": ROWS}
    seeds = {name: read_seeds(Configuration(content), name) for name in ("first_seed1", "first_mean")}
    assert [result.name for result in seeds["first_seed1"]] == ["first_seed1", "first"]
    assert [result.name for result in seeds["first_mean"]] == ["first_mean"]
    write_configuration(content)
    monkeypatch.setattr("sys.argv", ["compare", "first_seed1", "first_mean"])
    main()
    [[line]] = tables(capsys.readouterr().out)
    assert (line["difference"], line["interval over"]) == ("first_seed1 − first_mean, seed 0", "groups")
    lsd = [json.loads((FOLDER / name / "metrics.json").read_text("utf-8"))["lsd"] for name in ("first", "first_mean")]
    assert line["LSD"].startswith(f"{lsd[0] - lsd[1]:+.3f} [")
