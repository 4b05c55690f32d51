"""Pictures that lie encoded on disk: one file each, members of an archive, or bitmaps in one long file.

Each class holds NumPy arrays and no Python object a picture, opens files when a picture is asked for, in whichever
process asks, and is small to pickle.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableImageError
from .dataset import strings
from .decode import MAX_PIXELS, check_size, decode_image
from .picture import Picture
from .pixels import Colour
from .sniff import SUFFIXES
from .stored import FileRanges, folder_fingerprint, read_whole

MAX_BYTES = 2**29
"""A picture's file or member above this, 512 MiB, is not read."""

RANGE = np.dtype(
    [
        ("offset", "i8"),  # where the member begins in its file: of a zip, its local header
        ("size", "u4"),  # bytes stored, at most LARGEST
        ("length", "u4"),  # bytes when unpacked, likewise
        ("crc", "u4"),  # CRC-32 of the unpacked bytes, of a zip's member
        ("file", "i4"),  # which of the files
        ("lead", "u2"),  # of a zip: bytes of the local header with its name, and room for its extra field
        ("method", "u1"),  # RAW, ZIP_STORED or ZIP_DEFLATED
        ("suffix", "u1"),  # position in SUFFIXES
    ]
)
"""One member of an archive, 28 bytes."""

LARGEST = 2**32 - 1
"""What stands for a size of 4 GiB and more, far above ``MAX_BYTES``."""

RAW, ZIP_STORED, ZIP_DEFLATED = 255, 0, 8
"""How a member is packed: as it stands (tar), or a zip's methods 0 and 8 (APPNOTE 6.3.10, section 4.4.5)."""

BITMAP = np.dtype([("offset", "i8"), ("file", "i4"), ("width", "u2"), ("height", "u2")])
"""One 8-bit grey bitmap inside a file."""


class FileImages:
    """Pictures that are files below one folder.

    Args:
        root: the folder.
        paths: (N,) strings: each file's path below it, with ``/``.
        background: what lies under transparency: a grey value or (red, green, blue).
        max_pixels: pictures with more are unreadable.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> Image.new("L", (6, 4), 7).save(folder / "a.png")
        >>> images = FileImages(folder, ["a.png"])
        >>> images.load(0).pixels.shape
        (4, 6, 1)
    """

    def __init__(
        self,
        root: Path | str,
        paths: NDArray[Any] | Sequence[str],
        *,
        background: Colour = 255,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.root = str(root)
        self.paths = strings(paths)
        self.background = background
        self.max_pixels = max_pixels

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, index: int) -> Picture:
        """Read and decode one file."""
        path = self.paths[index]
        data = read_whole(os.path.join(self.root, path), limit=MAX_BYTES)  # noqa: PTH118 (5 µs less a picture)
        return decode_image(data, background=self.background, max_pixels=self.max_pixels, name=path)

    def select(self, indices: NDArray[np.int64]) -> FileImages:
        """Return those files."""
        return FileImages(self.root, self.paths[indices], background=self.background, max_pixels=self.max_pixels)

    def with_background(self, background: Colour) -> FileImages:
        """Return the same files over another background."""
        return FileImages(self.root, self.paths, background=background, max_pixels=self.max_pixels)

    def fingerprint(self) -> str:
        """Return a hash of each file's path, size, time of modification and time of change."""
        return folder_fingerprint(self.root, self.paths, also=f"{self.background}-{self.max_pixels}")

    def __getstate__(self) -> dict[str, Any]:
        packed = zlib.compress("\0".join(self.paths.tolist()).encode(), 1)
        return {**self.__dict__, "paths": packed, "count": len(self.paths)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        packed, count = state.pop("paths"), state.pop("count")
        self.__dict__.update(state)
        self.paths = strings(zlib.decompress(packed).decode().split("\0") if count else np.array([], dtype=str))


class RangeImages:
    """Pictures that are members of a zip or an uncompressed tar, read in place.

    Args:
        files: the archives.
        table: (N,) rows of RANGE.
        background: what lies under transparency.
        max_pixels: pictures with more are unreadable.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "two.bin"
        >>> _ = path.write_bytes(b"P5 2 1 255 ab")
        >>> table = np.array([(0, 13, 13, 0, 0, 0, RAW, 0)], dtype=RANGE)
        >>> RangeImages(FileRanges([path]), table).load(0).pixels.tolist()
        [[[97], [98]]]
    """

    def __init__(
        self, files: FileRanges, table: NDArray[np.void], *, background: Colour = 255, max_pixels: int = MAX_PIXELS
    ) -> None:
        self.files = files
        self.table = table
        self.background = background
        self.max_pixels = max_pixels

    def __len__(self) -> int:
        return len(self.table)

    def load(self, index: int) -> Picture:
        """Read, unpack, check and decode one member."""
        offset, size, length, crc, file, lead, method, suffix = self.table[index].item()
        if length > MAX_BYTES or size > MAX_BYTES:
            raise UnreadableImageError(f"unpacks to more than the {MAX_BYTES:,} bytes allowed")
        if method == RAW:
            data = self.files.read(file, offset, size)
        else:
            data = _unpacked(self._member(file, offset, size, lead), method, length=length, crc=crc)
        name = SUFFIXES[suffix]
        return decode_image(data, background=self.background, max_pixels=self.max_pixels, name=name)

    def _member(self, file: int, offset: int, size: int, lead: int) -> bytes:
        """Return a zip member's stored bytes; the local header's own lengths count (APPNOTE, section 4.3.7)."""
        block = self.files.read(file, offset, lead + size, short=True)
        if block[:4] != b"PK\3\4":
            raise UnreadableImageError("damaged zip: the member does not begin where the zip's table says")
        start = 30 + int.from_bytes(block[26:28], "little") + int.from_bytes(block[28:30], "little")
        if len(block) < start + size:
            return self.files.read(file, offset + start, size)
        return block[start : start + size]

    def select(self, indices: NDArray[np.int64]) -> RangeImages:
        """Return those members."""
        return self._with(table=self.table[indices])

    def with_background(self, background: Colour) -> RangeImages:
        """Return the same members over another background."""
        return self._with(background=background)

    def _with(self, **changes: Any) -> RangeImages:
        kept = {"table": self.table, "background": self.background, "max_pixels": self.max_pixels}
        return RangeImages(self.files, **{**kept, **changes})

    def fingerprint(self) -> str:
        """Return a hash of the archives' sizes and times and of the members' places."""
        return _fingerprint(self.files, self.table, f"{self.background}-{self.max_pixels}")


class BitmapImages:
    """Pictures that are bare 8-bit grey bitmaps inside files, such as CASIA's ``.gnt``.

    Args:
        files: where they lie.
        table: (N,) rows of BITMAP.
        max_pixels: pictures with more are unreadable.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "bitmaps"
        >>> _ = path.write_bytes(bytes(range(6)))
        >>> table = np.array([(0, 0, 3, 2)], dtype=BITMAP)
        >>> BitmapImages(FileRanges([path]), table).load(0).pixels[..., 0].tolist()
        [[0, 1, 2], [3, 4, 5]]
    """

    def __init__(self, files: FileRanges, table: NDArray[np.void], *, max_pixels: int = MAX_PIXELS) -> None:
        self.files = files
        self.table = table
        self.max_pixels = max_pixels

    def __len__(self) -> int:
        return len(self.table)

    def load(self, index: int) -> Picture:
        """Read one bitmap."""
        offset, file, width, height = self.table[index].item()
        check_size(width, height, self.max_pixels)
        data = self.files.read(file, offset, width * height)
        person = b"%dx%d" % (height, width)
        digest = hashlib.blake2b(data, digest_size=16, person=person).digest()
        pixels = np.frombuffer(data, dtype=np.uint8).reshape(height, width, 1)
        return Picture(pixels, mode="L", digest=digest)

    def select(self, indices: NDArray[np.int64]) -> BitmapImages:
        """Return those bitmaps."""
        return BitmapImages(self.files, self.table[indices], max_pixels=self.max_pixels)

    def with_background(self, background: Colour) -> BitmapImages:
        """Return the same bitmaps: they have no transparency."""
        return self

    def fingerprint(self) -> str:
        """Return a hash of the files' sizes and times and of the bitmaps' places."""
        return _fingerprint(self.files, self.table, str(self.max_pixels))


def _unpacked(stored: bytes, method: int, *, length: int, crc: int) -> bytes:
    if method == ZIP_DEFLATED:
        try:
            # One byte more than promised is enough to catch a member that unpacks to more than its header says.
            stored = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, length + 1)
        except zlib.error as error:
            raise UnreadableImageError("damaged zip: the member cannot be unpacked") from error
    if len(stored) != length:
        raise UnreadableImageError("damaged zip: the member does not unpack to the size that the zip's table says")
    if zlib.crc32(stored) != crc:
        raise UnreadableImageError("damaged zip: the member's checksum (CRC-32) is wrong")
    return stored


def _fingerprint(files: FileRanges, table: NDArray[np.void], also: str) -> str:
    digest = hashlib.blake2b(files.fingerprint().encode(), digest_size=16)
    digest.update(np.ascontiguousarray(table).view(np.uint8).data)
    digest.update(also.encode())
    return digest.hexdigest()
