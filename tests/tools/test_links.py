"""Laws of `make links`: a dead link is named with its pages, and one such fails the command."""

import sys
from pathlib import Path

import pytest

from tests.support.faulty_http_server import good, says, serving
from tools.links import external_links, main


def test_dead_links_are_named_with_their_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["links"])
    Path("docs").mkdir()
    with serving(b"a page") as host:
        Path("README.md").write_text(f"[a]({host.address}/page#part) and [b](docs/data.md)\n", encoding="utf-8")
        Path("docs/data.md").write_text(f"<{host.address}/page>\n", encoding="utf-8")
        assert external_links(Path()) == {f"{host.address}/page": ["README.md", "docs/data.md"]}
        for answer, why in (
            (good, ""),
            (says("403 Forbidden"), ""),
            (says("404 Not Found"), "HTTP 404"),
            (lambda *_: None, "ConnectionError"),
        ):
            host.script = [answer]
            with pytest.raises(SystemExit) as ended:
                main()
            said = f"{host.address}/page: {why} (README.md, docs/data.md)\n" if why else ""
            assert capsys.readouterr().out == f"{said}1 external links, {int(bool(why))} of them dead\n"
            assert ended.value.code == bool(why)
