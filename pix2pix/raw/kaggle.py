"""Files of a Kaggle competition, through Kaggle's own client; one line says what a person has to do first."""

import contextlib
import io
import warnings
from pathlib import Path

import requests


class UnavailableError(Exception):
    """One place did not give a file; the message says why, and what a person can do about it there."""


def fetch(competition: str, path: Path) -> None:
    """Download the file `path.name` of a competition to `path`; the client resumes, retries and shows the progress.

    Raises:
        UnavailableError: no client of Kaggle's, no token, rules not accepted, no such file, or no network.
    """
    page = f"https://www.kaggle.com/c/{competition}"
    token = (
        "make a token at https://www.kaggle.com/settings/api and put it into ~/.kaggle/access_token or the variable "
        f"KAGGLE_API_TOKEN, and accept the rules at {page}/rules"
    )
    unfinished = path.parent / "partial"  # the client gives a part of the file the name of the whole
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            import kaggle  # noqa: PLC0415  importing it already looks for a token and may ask Kaggle about it

            kaggle.api.authenticate()
        kaggle.api.competition_download_file(competition, path.name, path=str(unfinished), quiet=False)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"Kaggle's client needs {error.name}, which is not installed: make kaggle") from None
    except SystemExit:
        raise UnavailableError(f"Kaggle knows no valid token on this machine: {token}") from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "?"
        raise UnavailableError(f"Kaggle answered HTTP {status}: {token}") from None
    except requests.RequestException as error:
        raise UnavailableError(f"Kaggle could not be reached ({type(error).__name__})") from None
    if not (unfinished / path.name).is_file():
        raise UnavailableError(f"Kaggle's client left no {path.name}; download it by hand from {page}/data")
    (unfinished / path.name).replace(path)
