"""Laws of Kaggle's answers: each says in one line what a person can do. A stand-in for the client gives them."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from pix2pix.raw.kaggle import UnavailableError, fetch


def refusal(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


def client(*, at_once: BaseException | None = None, later: BaseException | None = None, whole: bool = True) -> object:
    """What `import kaggle` gives: it refuses a missing token at once, the rest when it is asked for a file."""

    def authenticate() -> None:
        print("noise")
        if at_once:
            raise at_once

    def download(competition: str, file: str, *, path: str, quiet: bool) -> None:
        Path(path).mkdir(exist_ok=True)
        if whole:
            Path(path, file).write_text(competition)
        if later:
            raise later

    return SimpleNamespace(api=SimpleNamespace(authenticate=authenticate, competition_download_file=download))


@pytest.mark.parametrize(
    ("kaggle", "says"),
    [
        (None, "client needs kaggle, which is not installed: make kaggle$"),
        (client(at_once=SystemExit(1)), "no valid token on this machine: make a token .*c/cars/rules$"),
        (client(later=refusal(403)), "answered HTTP 403: make a token at .*KAGGLE_API_TOKEN, .* accept the rules at"),
        (client(later=requests.Timeout("x" * 999)), r"could not be reached \(Timeout\)$"),
        (client(whole=False), "client left no train.zip; download it by hand from .*/c/cars/data$"),
    ],
)
def test_refusal_is_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kaggle: object, says: str
) -> None:
    monkeypatch.setitem(sys.modules, "kaggle", kaggle)
    with pytest.raises(UnavailableError, match=rf"^Kaggle('s)?[^\n]* {says}"):
        fetch("cars", tmp_path / "train.zip")
    assert not (tmp_path / "train.zip").exists()  # nor a part of it


def test_file_appears_and_the_client_is_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kaggle", client())
    fetch("cars", tmp_path / "train.zip")
    assert (tmp_path / "train.zip").read_text() == "cars"
    assert capsys.readouterr().out == ""
