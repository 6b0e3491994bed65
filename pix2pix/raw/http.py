"""Download a file: from a mirror where there is one, else from the official host; whole or not at all.

A download that broke off or was killed continues where it stopped (Range), as long as the server says that the file is
still the same one (If-Range, with its ETag or Last-Modified); otherwise it starts over. A downloaded file stays in the
cache folder, and nobody is asked for it again.
"""

import hashlib
import re
import sys
import time
from pathlib import Path

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError, ProtocolError

from pix2pix.files.lock import locked
from pix2pix.raw import kaggle
from pix2pix.raw.kaggle import UnavailableError

RETRIES = 3  # of a request that failed or broke off, and came no further than before
PAUSE = 0.5  # seconds before a retry, doubling
BUSY = (429, 500, 502, 503, 504)
TIMEOUT = (10.0, 60.0)  # seconds to connect, seconds without a byte
CHUNK = 2**16  # bytes


def fetch(name: str, *, official: str, mirror: str | None, cache: Path, sha256: str | None = None) -> Path:
    """The local path of a file such as `carvana/train.zip`: in the mirror's folder, or downloaded into `cache`.

    `mirror` is a folder or an http(s) address that may have the file under that `name`; `official` is the http(s)
    address of the file itself, or `kaggle:<competition>/<file>`. The caller only reads the file.

    Raises:
        FileNotFoundError: neither of them gave the file; one line with what was tried, why it failed, and what to do.
        ValueError: the file's digest is not `sha256`; the cache does not keep it.
    """
    failures = []
    for address in [f"{mirror.rstrip('/')}/{name}", official] if mirror else [official]:
        try:
            path = _get(address, cache)
        except UnavailableError as error:
            failures.append(_without_password(f"{address}: {error}"))
            continue
        if sha256 is not None and (digest := _sha256(path)) != sha256:
            remove_from_cache(path, cache=cache)
            place = _without_password(address)
            raise ValueError(f"{place}: sha256 is {digest}, {sha256} expected; replace the file or correct the digest")
        return path
    raise FileNotFoundError(
        f"{name}: could not be downloaded ({'; '.join(failures)}); "
        f"check the network, or set DATA_MIRROR to a folder or an address that has {name}"
    )


def remove_from_cache(path: Path, *, cache: Path) -> bool:
    """Remove a downloaded file, so that the next run downloads it again; False for a file of a mirror, which stays."""
    if not path.is_relative_to(cache):
        return False
    path.unlink(missing_ok=True)
    return True


def _get(address: str, cache: Path) -> Path:
    if not address.startswith(("http://", "https://", "kaggle:")):
        path = Path(address).expanduser()
        if not path.is_file():
            raise UnavailableError("no such file")
        return path
    place, _, file = _without_password(address).partition(":")[2].lstrip("/").rpartition("/")
    folder = cache / re.sub(r"[^A-Za-z0-9.-]+", "_", place)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file
    with locked(path.with_name(f"{file}.lock"), timeout=-1):  # two data sets of one archive may ask at once
        if not path.exists():
            if address.startswith("kaggle:"):
                kaggle.fetch(place, path)
            else:
                _download(address, path)
    return path


def _download(address: str, path: Path) -> None:
    partial = path.with_name(f"{path.name}.partial")
    version = path.with_name(f"{path.name}.version")  # the server's name for the file that `partial` is a part of
    longest = failures = 0
    while True:
        try:
            _receive(address, partial, version)
            break
        except (requests.RequestException, HTTPError) as error:
            if _size(partial) > longest:
                longest, failures = _size(partial), 0
            failures += 1
            if failures > RETRIES:
                where = f"broke off at {longest} bytes: " if longest else ""
                raise UnavailableError(f"{where}{_reason(error)}") from None
            time.sleep(PAUSE * 2 ** (failures - 1))
    partial.replace(path)
    version.unlink()


def _receive(address: str, partial: Path, version: Path) -> None:
    """One request: append to `partial` what is missing, or write it anew if the server has another file by now."""
    start = _size(partial)
    known = version.read_text(encoding="utf-8") if version.exists() else ""
    headers = {"Accept-Encoding": "identity"}
    if start and known:
        headers |= {"Range": f"bytes={start}-", "If-Range": known}

    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as response:
        status, extent = response.status_code, response.headers.get("Content-Range", "")
        continues = status == 206 and extent.startswith(f"bytes {start}-") and _version(response) == known
        if status in (206, 416) and not continues:
            partial.unlink(missing_ok=True)
            raise ProtocolError("the file changed on the server")
        if status in BUSY:
            raise ProtocolError(f"HTTP {status} {response.reason}")
        if status not in (200, 206):
            raise UnavailableError(f"HTTP {status} {response.reason}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise UnavailableError("a web page came instead of the file; does this network want a login?")

        if not continues:
            start = 0
            partial.unlink(missing_ok=True)  # first: after a kill, old bytes must not lie beside a new version
            version.write_text(_version(response), encoding="utf-8")
        pause = 0.1 if sys.stderr.isatty() else 30.0  # seconds between updates; a log wants few
        total = start + (response.raw.length_remaining or 0) or None
        bar = tqdm(desc=partial.stem, initial=start, total=total, unit="B", unit_scale=True, mininterval=pause)
        with partial.open("ab") as file, bar:
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                file.write(chunk)
                bar.update(len(chunk))


def _version(response: requests.Response) -> str:
    """What changes whenever the file changes; empty if the server has no such thing."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _reason(error: BaseException) -> str:
    """The deepest cause in a few words: the libraries wrap "Connection refused" four times."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str((isinstance(error, OSError) and error.strerror) or error)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)
