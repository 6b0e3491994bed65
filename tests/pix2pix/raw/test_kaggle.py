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


def client(*, at_once: BaseException | None = None, later: BaseException | None = None, leaves: bool = True) -> object:
    """What `import kaggle` gives: it refuses a missing token at once, the rest when it is asked for a file."""

    def authenticate() -> None:
        print("noise")
        if at_once:
            raise at_once

    def download(competition: str, file: str, *, path: str, quiet: bool) -> None:
        if later:
            raise later
        if leaves:
            Path(path, file).write_text(competition)

    return SimpleNamespace(api=SimpleNamespace(authenticate=authenticate, competition_download_file=download))


@pytest.mark.parametrize(
    ("kaggle", "says"),
    [
        (client(at_once=SystemExit(1)), "no valid token on this machine: make a token .*c/cars/rules$"),
        (client(later=refusal(401)), "refused the token: make a token at .*KAGGLE_API_TOKEN, and accept the rules at"),
        (client(later=refusal(403)), r"refused \(403\): log in and accept the rules at .*/c/cars/rules$"),
        (client(later=refusal(404)), "answered HTTP 404; see .*/c/cars/data$"),
        (client(later=requests.HTTPError()), "answered HTTP None; see"),
        (client(later=requests.ConnectionError("x" * 999)), r"could not be reached \(ConnectionError\)$"),
        (client(later=requests.Timeout()), r"could not be reached \(Timeout\)$"),
        (client(leaves=False), "client left no train.zip; fetch it by hand from .*/c/cars/data$"),
    ],
)
def test_what_kaggle_refuses_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kaggle: object, says: str
) -> None:
    monkeypatch.setitem(sys.modules, "kaggle", kaggle)
    with pytest.raises(UnavailableError, match=rf"^Kaggle[^\n]* {says}|^Kaggle's {says}"):
        fetch("cars", "train.zip", folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_kaggle_gives_lies_in_the_folder_and_its_chatter_is_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kaggle", client())
    fetch("cars", "train.zip", folder=tmp_path)
    assert (tmp_path / "train.zip").read_text() == "cars"
    assert capsys.readouterr().out == ""
