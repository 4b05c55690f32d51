"""Thumbnails: small encoded copies of the pictures that the report shows, in one file of the run folder."""

from __future__ import annotations

import base64
import io
import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from ..errors import DataError, RunCorruptError
from ..files import ARRAY_DAMAGE
from ..machine import usable_processors
from ..run import Run

MAX_SIDE = 96
"""Pixels of the longer side at most."""

LOSSLESS_SIDE = 40
"""Pictures up to this size keep every pixel."""


def save_thumbnails(
    run: Run, pictures: Iterable[tuple[str, NDArray[np.uint8]]], *, external: str | None = None
) -> None:
    """Keep small copies of pictures in the run folder, for the report.

    Few pictures are in memory at a time: they may be large, and as many as ``wanted_pictures`` names.

    Args:
        run: the folder.
        pictures: ids with uint8 (H, W, 1 or 3) or (H, W); those that ``wanted_pictures`` names. Each is taken when
            there is room for it.
        external: the external set that the ids belong to; the run's own data set where None.

    Raises:
        DataError: a picture is not of that kind.
        UnwritableError: permissions, or a full disk.

    Example:
        >>> import tempfile, numpy as np
        >>> from tellapart.recipe import Recipe
        >>> run = Run.create(f"{tempfile.mkdtemp()}/first", Recipe.make())
        >>> save_thumbnails(run, [("a.png", np.zeros((200, 100, 1), dtype=np.uint8))])
        >>> run.has("thumbnails.npz")
        True
    """
    encoded = dict(_encoded_in_turn(pictures))
    arrays: dict[str, Any] = {
        "ids": np.frombuffer(json.dumps(list(encoded)).encode("ascii"), dtype=np.uint8),
        "ends": np.cumsum([len(one) for one in encoded.values()], dtype=np.int64),
        "data": np.frombuffer(b"".join(encoded.values()), dtype=np.uint8),
    }
    memory = io.BytesIO()
    np.savez(memory, **arrays)
    run.write(_file(external), lambda path: path.write_bytes(memory.getvalue()))


def load_thumbnails(run: Run, *, external: str | None = None) -> dict[str, str]:
    """Return ``data:`` addresses by id; none where none were kept.

    Raises:
        RunCorruptError: the file is damaged.
    """
    if not run.has(_file(external)):
        return {}
    try:
        # Opened here: NumPy leaves a file open that turns out to be no archive.
        with (run.path / _file(external)).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            ids = json.loads(file["ids"].tobytes())
            data, ends = file["data"].tobytes(), file["ends"].tolist()
            starts = [0, *ends][: len(ends)]
            return {str(id): data_address(data[a:b]) for id, a, b in zip(ids, starts, ends, strict=True)}
    except ARRAY_DAMAGE as error:
        raise RunCorruptError(f"{run.path / _file(external)} is damaged ({error}): make the report again") from error


def _encoded_in_turn(pictures: Iterable[tuple[str, NDArray[np.uint8]]]) -> Iterator[tuple[str, bytes]]:
    """Encode pictures on all processors, two waiting for each."""
    waiting: deque[tuple[str, Future[bytes]]] = deque()
    threads = usable_processors()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for name, pixels in pictures:
            waiting.append((name, pool.submit(encode_thumbnail, pixels)))
            if len(waiting) > 2 * threads:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()


def encode_thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture as WebP or PNG, whichever is smaller, its longer side at most ``MAX_SIDE`` pixels.

    Small pictures are kept exactly, as each of their pixels can be seen.
    """
    image = _image(pixels)
    if max(image.size) > MAX_SIDE:
        image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    png = _encoded(image, format="PNG", compress_level=6)
    if max(image.size) <= LOSSLESS_SIDE:
        return png
    if features.check("webp"):
        lossy = _encoded(image, format="WEBP", quality=72, method=2)
    else:
        lossy = _encoded(image, format="JPEG", quality=80)
    return min(png, lossy, key=len)


def data_address(encoded: bytes) -> str:
    """Return the ``data:`` address of an encoded picture."""
    kinds = {b"\x89PNG": "png", b"RIFF": "webp"}
    return f"data:image/{kinds.get(encoded[:4], 'jpeg')};base64,{base64.b64encode(encoded).decode('ascii')}"


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    array = np.asarray(pixels)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not fits or not array.size:
        raise DataError(f"a picture must be uint8 (H, W, 1 or 3), got {array.dtype} {np.shape(pixels)}")
    return Image.fromarray(np.ascontiguousarray(array))


def _encoded(image: Image.Image, **options: Any) -> bytes:
    memory = io.BytesIO()
    image.save(memory, **options)
    return memory.getvalue()


def _file(external: str | None) -> str:
    return "thumbnails.npz" if external is None else f"thumbnails/{external}.npz"
