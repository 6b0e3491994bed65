"""Getting an archive's file: from a mirror if there is one, else from the official host; resumed, retried, not spliced.

A mirror is a folder or an http(s) address. Transferred files are kept below a cache folder and transferred again only
if the server says that they changed. An unfinished file is continued only under the server's own word (ETag or
Last-Modified, and the length) that it is still the same file; without such a word the transfer starts over.
"""

import hashlib
import os
import re
import sys
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Never

import requests
from filelock import FileLock
from tqdm import tqdm
from urllib3.exceptions import HTTPError, ProtocolError

from pix2pix.raw import http_request as answers
from pix2pix.raw import kaggle as competitions
from pix2pix.raw.kaggle import UnavailableError

RETRIES = 3  # of a request that failed, since the transfer last came STRIDE bytes further
PAUSE = 0.5  # seconds before a retry, doubling
LONGEST_PAUSE = 60.0  # for a busy server that says when to come back
BUSY = (429, 500, 502, 503, 504)
VERSION = re.compile(r'(?P<validator>"[!-~]*"|[ -~]+)\n(?P<total>[0-9]{1,18})\n')


def fetch(name: str, *, official: str, mirror: str | None, cache: Path, sha256: str | None = None) -> Path:
    """The local path of a file such as `carvana/train.zip`: in the mirror's folder, or transferred into `cache`.

    `mirror` is a folder or base address that may have it by that `name`; `official` the http(s) address of the file
    itself, or `kaggle:<competition>/<file>`. The path is to be read, not changed.

    Raises:
        FileNotFoundError: nobody gave the file; one line with what was tried, why it failed, and what to do.
        ValueError: its digest is not `sha256`; the cache does not keep it.
    """
    addresses = [f"{mirror.rstrip('/')}/{name}"] if mirror else []
    failures = [] if mirror else ["DATA_MIRROR is not set"]
    for address in [*addresses, official]:
        try:
            path = _get(address, cache)
        except UnavailableError as failure:
            failures.append(f"{_without_password(address)}: {failure}")
            continue
        if sha256 is not None and (digest := _sha256(path)) != sha256:
            forget(path, cache=cache)
            raise ValueError(f"{_without_password(address)}: sha256 is {digest}, {sha256} expected")
        return path
    advice = f"set DATA_MIRROR to a folder or address that has {name}, or check the network"
    raise FileNotFoundError(f"{name} could not be had: {'; '.join(failures)}; {advice}")


def forget(path: Path, *, cache: Path) -> None:
    """Remove a transferred file that turned out to be bad, so that it is transferred anew; a mirror's own stays."""
    if path.is_relative_to(cache):
        path.unlink(missing_ok=True)


def _get(address: str, cache: Path) -> Path:
    if not address.startswith(("http://", "https://", "kaggle:")):
        path = Path(address).expanduser()
        if not path.is_file():
            raise UnavailableError("no such file")
        return path
    place, _, file = re.sub(r"^[a-z]+:/*([^/@]*@)?", "", address).rpartition("/")
    folder = cache / re.sub(r"[^A-Za-z0-9.-]+", "_", place)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{file}.lock"):  # two data sets of one archive may ask at once
        if address.startswith("kaggle:"):
            competitions.fetch(place, file, folder=folder)
        else:
            _transfer(address, folder / file)
    return folder / file


def _transfer(address: str, path: Path) -> None:
    partial = path.with_name(f"{path.name}.partial")
    reached, failures = _size(partial), 0
    with answers.Session() as session:
        while True:
            try:
                _attempt(session, address, path, partial)
                return
            except (requests.RequestException, HTTPError) as error:
                if _size(partial) >= reached + answers.STRIDE:  # further than ever
                    reached, failures = _size(partial), 0
                failures += 1
                reason = _without_password(_reason(error))
                if _passes(error) and failures <= RETRIES:
                    time.sleep(max(PAUSE * 2 ** (failures - 1), _wished_pause(error)))
                elif _passes(error) and path.exists():  # whole, from an earlier transfer
                    print(f"{path}: used as it is, since its server cannot be asked ({reason})")
                    return
                elif isinstance(error, HTTPError):
                    raise UnavailableError(
                        f"broke off {failures} times, at {_size(partial)} bytes ({reason})"
                    ) from None
                else:
                    raise UnavailableError(reason) from None


def _attempt(session: answers.Session, address: str, path: Path, partial: Path) -> None:
    """One request, for the whole file, for its rest, or whether it changed; on return `path` is the server's file."""
    note = path.with_name(f"{path.name}.version")  # of `path` or of `partial`: the server's validator and the length
    version = note.read_text(encoding="ascii", errors="replace") if note.exists() else ""
    known = VERSION.fullmatch(version)
    if known and not path.exists() and _size(partial) == int(known["total"]):
        partial.replace(path)  # stopped between the last byte and this
    headers = {"Accept-Encoding": "identity"}
    if known and path.exists():
        validator = known["validator"]
        headers["If-None-Match" if validator.startswith('"') else "If-Modified-Since"] = validator
    elif known and partial.exists():
        headers |= {"Range": f"bytes={partial.stat().st_size}-", "If-Range": known["validator"]}

    with answers.ask(session, address, headers) as response:
        if response.status_code == 304 and path.exists():
            return
        start, total = 0, response.headers.get("Content-Length")
        if response.status_code in (206, 416):
            extent = re.fullmatch(r"bytes (\d{1,18})-\d+/(\d+)", response.headers.get("Content-Range", ""))
            start, total = (int(extent[1]), extent[2]) if extent else (-1, None)
            if "Range" not in headers or start != _size(partial) or _version(response, total) != version:
                note.unlink(missing_ok=True)
                raise ProtocolError("the file changed on the server")  # so the next attempt starts over
        response.raise_for_status()
        if response.status_code not in (200, 206):
            raise UnavailableError(f"HTTP {response.status_code} {response.reason}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise UnavailableError("a web page came instead of the file; does this network want a login?")
        length = int(total) if total is not None and re.fullmatch(r"\d{1,18}", total) else None
        if length is None and not response.raw.chunked:
            raise UnavailableError(
                "does not say how long the file is; a broken transfer could not be told from a whole one"
            )
        path.unlink(missing_ok=True)
        if not start:
            partial.unlink(missing_ok=True)  # before the note: a kill must not leave old bytes under a new note
        note.write_text(_version(response, total), encoding="ascii")
        with partial.open("ab" if start else "wb") as file, _progress(path.name, start, length) as bar:
            answers.copy(response, file, bar)
            file.flush()
            os.fsync(file.fileno())
    if length is not None and _size(partial) != length:
        if _size(partial) > length:
            note.unlink()
        raise ProtocolError(f"{_size(partial)} bytes came, {length} were announced")
    partial.replace(path)


def _passes(error: Exception) -> bool:
    """Whether the same request may do better in a while."""
    if isinstance(error, requests.HTTPError):
        return error.response is not None and error.response.status_code in BUSY
    return isinstance(error, (requests.ConnectionError, requests.Timeout, HTTPError))


def _wished_pause(error: Exception) -> float:
    """Seconds that a busy server asks for, at most LONGEST_PAUSE."""
    wish = error.response.headers.get("Retry-After", "") if isinstance(error, requests.HTTPError) else ""
    try:
        seconds = float(wish) if wish.isdigit() else parsedate_to_datetime(wish).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_PAUSE)


def _version(response: requests.Response, total: str | None) -> str:
    """What proves that two answers are about the same bytes; empty when the server gives no strong proof."""
    etag = response.headers.get("ETag", "")
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
    version = f"{validator}\n{total}\n"
    return version if VERSION.fullmatch(version) else ""


def _progress(name: str, start: int, total: int | None) -> "tqdm[Never]":
    # seconds between updates; a log wants few, and none of a short transfer
    pause = 0.1 if sys.stderr.isatty() else 30.0
    return tqdm(desc=name, initial=start, total=total, unit="B", unit_scale=True, mininterval=pause, delay=pause)


def _reason(error: BaseException) -> str:
    """The deepest cause in a few words: libraries wrap "Connection refused" four times."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return str(error)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_password(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)
