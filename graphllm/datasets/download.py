"""Downloads that can be interrupted and are checked before they are used."""

import errno
import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from graphllm.errors import DownloadError

Progress = Callable[[int, int | None], None]

BLOCK = 1 << 16
LOGGER = logging.getLogger(__name__)


def download(
    url: str,
    path: str | Path,
    sha256: str | None = None,
    *,
    timeout_s: float = 30.0,
    num_attempts: int = 3,
    progress: Progress | None = None,
) -> Path:
    """Fetch a file.

    What has arrived is kept as ``path + ".partial"``; a later attempt or call asks
    for the rest only, and starts anew where the server cannot do that or where the
    resumed file fails its checksum. The file gets its name in one step, once it is
    complete and checked. A file that is there already, and fits, is not fetched.

    Args:
        url (str): An http or https address.
        path (str or Path): Where to put the file.
        sha256 (str, optional): Expected checksum in hexadecimal; not checked if left
            out. (default: :obj:`None`)
        timeout_s (float, optional): Longest silence of the server.
            (default: :obj:`30.0`)
        num_attempts (int, optional): Attempts when the connection breaks in the
            middle. (default: :obj:`3`)
        progress (callable, optional): Called with the bytes that are there and the
            total, if known. (default: :obj:`None`)

    Returns:
        Path: Where the file is.

    Raises:
        DownloadError: If the address does not answer, the file arrives damaged, or
            it cannot be written.
    """
    target = Path(path)
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"cannot fetch '{url}': not an http or https address")
    if target.exists() and sha256 in (None, file_sha256(target)):
        return target
    partial = target.with_name(target.name + ".partial")
    for _ in range(2):
        resumed = _attempt(url, target, partial, timeout_s, num_attempts, progress)
        found = file_sha256(partial)
        if sha256 in (None, found):
            os.replace(partial, target)
            return target
        partial.unlink()
        if not resumed:
            break
        # The half that was there before may come from another file: once more, anew.
    raise DownloadError(
        f"{url}: the checksum is {found[:16]}... where {(sha256 or '')[:16]}... is "
        "expected; the file has changed or was damaged on its way, and is deleted"
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Interrupted(Exception):
    """The connection broke after it had begun; worth another attempt."""


def _attempt(
    url: str,
    target: Path,
    partial: Path,
    timeout_s: float,
    num_attempts: int,
    progress: Progress | None,
) -> bool:
    """Complete the partial file; whether an earlier part of it was kept."""
    for attempt in range(1, num_attempts + 1):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            return _fetch(url, partial, timeout_s, progress)
        except _Interrupted as error:
            LOGGER.info("%s: %s (attempt %d)", url, error, attempt)
            reason = str(error)
        except (OSError, http.client.HTTPException) as error:
            raise _explained(error, url, target) from None
    raise DownloadError(f"{url}: {reason}; run the same again to go on from there")


def _fetch(
    url: str, partial: Path, timeout_s: float, progress: Progress | None
) -> bool:
    """Append to or rewrite the partial file; whether it was appended to."""
    start = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "graphllm"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if start and error.code == 416:  # nothing lies behind what is there
            partial.unlink()
            return _fetch(url, partial, timeout_s, progress)
        raise
    with response:
        expected = f"bytes {start}-"
        content_range = response.headers.get("Content-Range", "")
        resumed = response.status == 206 and content_range.startswith(expected)
        with partial.open("ab" if resumed else "wb") as file:
            done = start if resumed else 0
            length = response.headers.get("Content-Length")
            total = None if length is None else done + int(length)
            while block := _read(response, done, total):
                file.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
    if total is not None and done < total:
        raise _Interrupted(f"the connection broke after {done} of {total} bytes")
    return resumed


def _read(response: HTTPResponse, done: int, total: int | None) -> bytes:
    try:
        return response.read(BLOCK)
    except (TimeoutError, ConnectionError, http.client.HTTPException):
        raise _Interrupted(
            f"the connection broke after {done} of {total or 'unknown'} bytes"
        ) from None


def _explained(error: Exception, url: str, target: Path) -> DownloadError:
    if isinstance(error, urllib.error.HTTPError):
        reason = f"the server answers {error.code} {error.reason}"
        return DownloadError(f"cannot fetch {url}: {reason}")
    if getattr(error, "errno", None) == errno.ENOSPC:
        return DownloadError(f"cannot write {target}: the disk is full")
    network = urllib.error.URLError, TimeoutError, ConnectionError
    if isinstance(error, (*network, http.client.HTTPException)):
        reason = str(getattr(error, "reason", None) or error or "no answer")
        return DownloadError(
            f"cannot fetch {url}: {reason}; without a network, point --data-root or "
            "GRAPHLLM_DATA to a folder that holds the data set"
        )
    return DownloadError(f"cannot write {target}: {error}")
