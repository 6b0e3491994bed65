"""One request to a web host that may be slow, lost or hostile: bounded in seconds, redirects and bytes.

The library's own limits are for one byte each: a host that sends one now and then would hold it for ever.
"""

import time
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Never
from urllib.parse import urljoin, urlsplit

import requests
from tqdm import tqdm
from urllib3.exceptions import ProtocolError

from pix2pix.raw.kaggle import UnavailableError

TIMEOUT = (10.0, 60.0)  # seconds to connect, seconds without a byte
ANSWER = 120.0  # seconds until an answer's header is here
PATIENCE = 120.0  # seconds within which STRIDE bytes have to come
STRIDE = 2**20
MAX_BYTES = 200 * 10**9  # of one file
REDIRECTS = 10


class Session(requests.Session):
    """Follows no redirect by itself: the library would read the redirect's whole body into memory."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def ask(session: Session, address: str, headers: dict[str, str]) -> requests.Response:
    """The answer to a GET behind all redirects, its body not yet read. Redirects lead to http(s) only.

    Raises:
        UnavailableError: redirects without end or to what is no web address.
        requests.RequestException: no address, no connection, or no answer within ANSWER seconds.
    """
    headers = headers.copy()
    for _ in range(REDIRECTS + 1):
        response = _get(session, address, headers)
        place = response.headers.get("Location")
        if place is None or not response.is_redirect:
            return response
        response.close()
        try:
            target = urljoin(address, place)
            here, there = urlsplit(address), urlsplit(target)
            stays = (here.scheme, here.hostname, here.port) == (there.scheme, there.hostname, there.port)
        except ValueError:
            target, there, stays = place, urlsplit(""), False
        if there.scheme not in ("http", "https"):
            raise UnavailableError(f"redirects to {place!r}, which is no web address")
        password = response.request.headers.get("Authorization")  # of the address; for nobody but its host
        headers.pop("Authorization", None)
        if password and stays:
            headers["Authorization"] = password
        address = target
    raise UnavailableError(f"more than {REDIRECTS} redirects")


def _get(session: Session, address: str, headers: dict[str, str]) -> requests.Response:
    box: SimpleQueue[requests.Response | Exception] = SimpleQueue()

    def get() -> None:
        try:
            box.put(session.get(address, headers=headers, stream=True, timeout=TIMEOUT))
        except Exception as error:
            box.put(error)

    Thread(target=get, daemon=True).start()  # a read cannot be ended from outside; one left behind ends with the verb
    try:
        answer = box.get(timeout=ANSWER)
    except Empty:
        raise requests.Timeout(f"no answer within {ANSWER:g} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def copy(response: requests.Response, file: IO[bytes], bar: "tqdm[Never]") -> None:
    """Append the body to `file`, the bytes as they lie on the server.

    Raises:
        urllib3.exceptions.HTTPError: it broke off, or came slower than STRIDE bytes in PATIENCE seconds.
        UnavailableError: the file is longer than MAX_BYTES.
    """
    since, mark = time.monotonic(), file.tell()
    while chunk := response.raw.read1(2**16, decode_content=False):
        file.write(chunk)
        bar.update(len(chunk))
        if file.tell() > MAX_BYTES:
            raise UnavailableError(f"more than {MAX_BYTES} bytes")
        if (now := time.monotonic()) - since > PATIENCE:
            if file.tell() - mark < STRIDE:
                raise ProtocolError(f"fewer than {STRIDE} bytes in {PATIENCE:g} seconds")
            since, mark = now, file.tell()
