"""Fetch one file over HTTPS: checked, resumed where it broke off, and there whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from pathlib import Path
from typing import IO

from ...errors import ModelFileError
from ...files import replace_patiently
from ...progress import TO_LOG, Progress

ATTEMPTS = 5
"""How often a broken connection is taken up again before giving up; what has arrived is kept."""

LONGEST_WAIT = 60.0
"""Seconds that a server may ask to wait for; one that asks for more is asked again after these."""

_CHUNK = 1 << 18
_LATER = (408, 429)  # what a server says that is asked too much; it answers later
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)  # some network file systems have none
_BROKEN = (http.client.HTTPException, ConnectionError, TimeoutError, urllib.error.URLError)


def download(
    url: str,
    target: Path,
    *,
    sha256: str = "",
    progress: Progress = TO_LOG,
    timeout: float = 30.0,
    pause: float = 0.5,
) -> Path:
    """Fetch ``url`` into the file ``target``.

    What has arrived lies beside the target as ``<name>.part``; a later call asks the server for the rest alone. The
    target itself appears by renaming, when its length and checksum are right. Of several processes that want one file,
    one fetches it and the others wait.

    Args:
        url: https, or http on this machine.
        target: the file to make; its folder is made too. Nothing is fetched where it is there already.
        sha256: the first hexadecimal digits that the file's SHA-256 must have; "" where the server alone knows it
            (Hugging Face says it in ``X-Linked-ETag``) or nobody does.
        progress: is told of the bytes.
        timeout: seconds without a byte after which a connection counts as broken.
        pause: seconds before the second attempt, doubled before each further one.

    Returns:
        the target.

    Raises:
        ModelFileError: not https, not there, broken off again and again, another checksum, or a full disk.
    """
    if not _is_safe(url):
        raise ModelFileError(f"weights are fetched over https only, got {url!r}: give an https address, or a file")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, progress=progress):
            if target.is_file():  # another process was faster
                return target
            expected = _fetch_all(url, part, progress=progress, timeout=timeout, pause=pause)
            _check(part, url=url, sha256=sha256 or expected)
            replace_patiently(part, target)
            _tag(part).unlink(missing_ok=True)
    except OSError as error:
        raise ModelFileError(
            f"the weights cannot be kept in {str(target.parent)!r}: {error.strerror or error}: free some space or set "
            "TELLAPART_CACHE to another folder"
        ) from error
    return target


@contextmanager
def _alone(target: Path, *, progress: Progress) -> Iterator[None]:
    """Span what one process at a time may do to make a file; a process that is killed leaves the way free."""
    from filelock import FileLock, Timeout

    place = target.with_name(target.name + ".lock")
    lock = FileLock(place)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.say(f"another process is fetching {target.name}: waiting for it")
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            place.unlink()  # while it is held: who waits for it sees that it is gone, and makes another
        lock.release()


def _fetch_all(url: str, part: Path, *, progress: Progress, timeout: float, pause: float) -> str:
    """Fill ``part``, taking it up again where it breaks off; return the checksum that the server named, or ""."""
    for attempt in range(ATTEMPTS):
        wait = pause * 2**attempt
        before = part.stat().st_size if part.exists() else 0
        try:
            return _fetch(url, part, progress=progress, timeout=timeout)
        except urllib.error.HTTPError as error:
            if error.code == 416 and before:
                # The part is longer than the file, or belongs to another one: begin anew.
                _discard(part)
            elif (error.code < 500 and error.code not in _LATER) or attempt == ATTEMPTS - 1:
                raise ModelFileError(_refusal(url, error.code)) from error
            asked = error.headers.get("Retry-After") or ""
            wait = max(wait, min(float(asked), LONGEST_WAIT)) if asked.isdecimal() else wait
        except (UnicodeError, http.client.InvalidURL) as error:
            reason = f"{url!r} is no address that can be asked ({error}): look for what is mistyped"
            raise ModelFileError(reason) from None
        except _BROKEN as error:
            if attempt == ATTEMPTS - 1:
                raise ModelFileError(_breakage(url, part, error)) from error
        time.sleep(wait)
    raise ModelFileError(_breakage(url, part, None))


def _fetch(url: str, part: Path, *, progress: Progress, timeout: float) -> str:
    """Fetch what is missing of ``part`` over one connection; raises where the connection breaks off."""
    request = urllib.request.Request(url, headers={"User-Agent": "tellapart", "Accept-Encoding": "identity"})
    have, tag = part.stat().st_size if part.exists() else 0, _tag(part)
    if have and tag.exists():
        request.add_header("Range", f"bytes={have}-")
        # Without a match the server sends the whole new file, not the rest of another one.
        request.add_header("If-Range", tag.read_text(encoding="utf-8"))
    with _open(request, timeout=timeout) as (reply, checksum):
        if reply.status == 206 and not _starts_at(reply.headers, have):
            _discard(part)
            raise ConnectionError("the server sent another part than it was asked for")
        have = have if reply.status == 206 else 0
        name = reply.headers.get("ETag") or reply.headers.get("Last-Modified") or ""
        tag.write_text(name, encoding="utf-8") if name and not name.startswith("W/") else tag.unlink(missing_ok=True)
        length = reply.headers.get("Content-Length")
        total = have + int(length) if length is not None else 0
        task = progress.task(f"fetching {part.stem}", total=total, unit="bytes")
        with part.open("ab" if have else "wb") as file, task:
            progress.advance(have)
            while chunk := _read(reply):
                file.write(chunk)
                progress.advance(len(chunk))
    if part.stat().st_size < total:
        raise http.client.IncompleteRead(b"", total - part.stat().st_size)
    return checksum


def _read(reply: IO[bytes]) -> bytes:
    """Return some more bytes; whatever the network's trouble, it is a broken connection, and no full disk."""
    try:
        return reply.read(_CHUNK)
    except OSError as error:
        raise ConnectionError(str(error)) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to https alone, and remembers the checksum that Hugging Face names on the way."""

    def __init__(self) -> None:
        self.checksum = ""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        """Return the request to follow with, its headers kept."""
        if not _is_safe(newurl) or (_is_local(newurl) and not _is_local(req.full_url)):
            raise ModelFileError(
                f"{req.full_url} leads to {newurl!r}, which is not https, or on this machine: nothing was fetched"
            )
        named = str(headers.get("X-Linked-ETag", "")).strip('"')
        self.checksum = named if len(named) == 64 else self.checksum
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


@contextmanager
def _open(request: urllib.request.Request, *, timeout: float) -> Iterator[tuple[http.client.HTTPResponse, str]]:
    redirects = _Redirects()
    with urllib.request.build_opener(redirects).open(request, timeout=timeout) as reply:
        yield reply, redirects.checksum


def _check(part: Path, *, url: str, sha256: str) -> None:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(sha256):
        _discard(part)
        raise ModelFileError(
            f"{url} is not the file that it should be: its SHA-256 begins with {found[: max(8, len(sha256))]}, not "
            f"with {sha256}: nothing was kept; try again, and if it stays so, give another file by its path"
        )


def _refusal(url: str, code: int) -> str:
    meaning = {401: "it wants a login", 403: "it is forbidden", 404: "it does not exist"}
    what = meaning.get(code, http.client.responses.get(code, "it failed"))
    return f"{url} cannot be fetched: {what} (HTTP {code}): check the address, or give a file by its path"


def _breakage(url: str, part: Path, error: Exception | None) -> str:
    arrived = part.stat().st_size if part.exists() else 0
    host = urllib.parse.urlsplit(url).netloc
    if not arrived:
        reason = getattr(error, "reason", error)
        return f"{host} cannot be reached ({reason}): check the connection, or give a weight file by its path"
    return (
        f"the download of {url} was cut off {ATTEMPTS} times, after {arrived:,} bytes: run it again to go on from "
        "there, or give a weight file by its path"
    )


def _starts_at(headers: Message, offset: int) -> bool:
    return str(headers.get("Content-Range", "")).startswith(f"bytes {offset}-")


def _is_safe(url: str) -> bool:
    scheme = urllib.parse.urlsplit(url).scheme
    return scheme == "https" or (scheme == "http" and _is_local(url))


def _is_local(url: str) -> bool:
    return urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)
