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
from pathlib import Path
from typing import Never

import requests
from filelock import FileLock
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.util import Retry

from stages.pix2pix import competitions
from stages.pix2pix.competitions import UnavailableError

TIMEOUT = (10.0, 60.0)  # seconds to connect, seconds without a byte
RETRIES = 3  # of a request; of a broken transfer since the last STRIDE bytes
PAUSE = 0.5  # seconds before a retry, doubling
STRIDE = 2**20


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
    retry = Retry(total=RETRIES, backoff_factor=PAUSE, status_forcelist=(429, 500, 502, 503, 504), retry_after_max=30)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retry))
        session.mount("https://", HTTPAdapter(max_retries=retry))
        failures = 0
        while True:
            held = _size(partial)
            try:
                _attempt(session, address, path, partial)
                return
            except requests.ConnectionError as error:
                if path.exists():  # whole, from an earlier transfer
                    print(f"{path}: used as it is, since its server cannot be asked ({_reason(error)})")
                    return
                raise UnavailableError(_reason(error)) from None
            except requests.RequestException as error:  # the adapter has retried already
                raise UnavailableError(_reason(error)) from None
            except HTTPError as error:  # broke off in the middle
                failures = 1 if _size(partial) >= held + STRIDE else failures + 1
                if failures > RETRIES:
                    why = f"broke off {failures} times, at {_size(partial)} bytes ({_reason(error)})"
                    raise UnavailableError(why) from None
                time.sleep(PAUSE * 2**failures)


def _attempt(session: requests.Session, address: str, path: Path, partial: Path) -> None:
    """One request, for the whole file, for its rest, or whether it changed; on return `path` is the server's file."""
    note = path.with_name(f"{path.name}.version")  # of `path` or of `partial`: the server's validator and the length
    version = note.read_text(encoding="utf-8") if note.exists() else ""
    headers = {"Accept-Encoding": "identity"}
    if version and path.exists():
        validator = version.splitlines()[0]
        headers["If-None-Match" if validator.startswith('"') else "If-Modified-Since"] = validator
    elif version and partial.exists():
        headers |= {"Range": f"bytes={partial.stat().st_size}-", "If-Range": version.splitlines()[0]}

    with session.get(address, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == 304 and path.exists():
            return
        start, total = 0, response.headers.get("Content-Length")
        if response.status_code in (206, 416):
            extent = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
            start, total = (int(extent[1]), extent[2]) if extent else (-1, None)
            if "Range" not in headers or start != _size(partial) or _version(response, total) != version:
                note.unlink(missing_ok=True)
                raise ProtocolError("the file changed on the server")  # so the next attempt starts over
        response.raise_for_status()
        if response.status_code not in (200, 206):
            raise UnavailableError(f"HTTP {response.status_code} {response.reason}")
        path.unlink(missing_ok=True)
        if not start:
            partial.unlink(missing_ok=True)  # before the note: a kill must not leave old bytes under a new note
        note.write_text(_version(response, total), encoding="utf-8")
        length = int(total) if total is not None else None
        with partial.open("ab" if start else "wb") as file, _progress(path.name, start, length) as bar:
            for chunk in response.raw.stream(2**16, decode_content=False):  # the bytes as they lie on the server
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if length is not None and _size(partial) != length:
        note.unlink()
        raise ProtocolError(f"{_size(partial)} bytes came, {length} were announced")
    partial.replace(path)


def _version(response: requests.Response, total: str | None) -> str:
    """What proves that two answers are about the same bytes; empty when the server gives no strong proof."""
    etag = response.headers.get("ETag", "")
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
    return f"{validator}\n{total}\n" if validator and total else ""


def _progress(name: str, start: int, total: int | None) -> "tqdm[Never]":
    pause = (
        0.1 if sys.stderr.isatty() else 30.0
    )  # seconds between updates; a log wants few, and none of a short transfer
    return tqdm(
        desc=name,
        initial=start,
        total=total,
        unit="B",
        unit_scale=True,
        mininterval=pause,
        delay=pause,
    )


def _reason(error: BaseException) -> str:
    """The deepest cause in a few words: libraries wrap "Connection refused" four times."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        inner = error.__cause__ or error.__context__
    return str(error)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_password(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)
