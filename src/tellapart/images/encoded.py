"""Pictures that lie encoded on disk: one file each, members of an archive, or bitmaps in one long file.

Each class holds NumPy arrays and no Python object a picture, opens files when a picture is asked for, in whichever
process asks, and is small to pickle.
"""

from __future__ import annotations

import copy
import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableImageError
from .dataset import strings
from .decode import MAX_PIXELS, check_size, decode_image
from .picture import Picture
from .pixels import Colour
from .sniff import SUFFIXES
from .stored import MAX_BYTES, FileRanges, folder_fingerprint, read_whole
from .zip_directory import DEFLATED, LOCAL_BYTES, Entry, entry_at

WRAP = 2**32
"""Bytes beyond which a zip's plain fields cannot count."""

RANGE = np.dtype([("offset", "i8"), ("size", "i8"), ("suffix", "u1")])
"""A picture that lies in a file as it stands, ``suffix`` by its ``SUFFIX_NUMBER``: 17 bytes."""

SUFFIX_NUMBER = {suffix: number for number, suffix in enumerate(SUFFIXES)}

ENTRY = np.dtype([("entry", "i8")])
"""Where a zip's member has its entry in the central directory, which tells everything else: 8 bytes."""

ENTRY_ROOM = 256
"""Bytes of an entry that are read at once: a longer one, with a long name, is read again."""

EXTRA_ROOM = 64
"""Bytes that a local header's extra field takes at most in most zips; where it takes more, a member is read twice."""

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
        data = read_whole(os.path.join(self.root, path))  # noqa: PTH118 (5 µs less a picture)
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


class _Placed:
    """Pictures that lie inside files.

    Args:
        files: where they lie.
        table: (N,) rows that tell where each lies.
        background: what lies under transparency.
        max_pixels: pictures with more are unreadable.
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

    def select(self, indices: NDArray[np.int64]) -> Self:
        """Return those pictures."""
        return self._with(table=self.table[indices])

    def with_background(self, background: Colour) -> Self:
        """Return the same pictures over another background."""
        return self._with(background=background)

    def _with(self, **changes: Any) -> Self:
        other = copy.copy(self)
        other.__dict__.update(changes)
        return other

    def fingerprint(self) -> str:
        """Return a hash of the files' sizes and times and of the pictures' places."""
        digest = hashlib.blake2b(self.files.fingerprint().encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.table).view(np.uint8).data)
        digest.update(f"{self.background}-{self.max_pixels}".encode())
        return digest.hexdigest()


class RangeImages(_Placed):
    """Pictures that lie in files as they stand, such as the members of an uncompressed tar.

    Args:
        files: one file.
        table: (N,) rows of RANGE.
        background: what lies under transparency.
        max_pixels: pictures with more are unreadable.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "two.bin"
        >>> _ = path.write_bytes(b"P5 2 1 255 ab")
        >>> table = np.array([(0, 13, SUFFIX_NUMBER[".pgm"])], dtype=RANGE)
        >>> RangeImages(FileRanges([path]), table).load(0).pixels.tolist()
        [[[97], [98]]]
    """

    def load(self, index: int) -> Picture:
        """Read and decode one picture."""
        offset, size, suffix = self.table[index].item()
        if size > MAX_BYTES:
            raise UnreadableImageError(f"{size:,} bytes are more than the {MAX_BYTES:,} allowed")
        data = self.files.read(0, offset, size)
        return decode_image(data, background=self.background, max_pixels=self.max_pixels, name=SUFFIXES[suffix])


class ZipImages(_Placed):
    """Pictures that are members of a zip, read in place.

    Args:
        files: the zip.
        table: (N,) rows of ENTRY.
        shift: bytes that stand in the file before the archive.
        background: what lies under transparency.
        max_pixels: pictures with more are unreadable.

    Example:
        >>> import tempfile, zipfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "a.zip"
        >>> with zipfile.ZipFile(path, "w") as archive:
        ...     archive.writestr("a.pgm", b"P5 2 1 255 ab")
        >>> at = path.read_bytes().index(b"PK\\1\\2")
        >>> ZipImages(FileRanges([path]), np.array([(at,)], dtype=ENTRY)).load(0).pixels.tolist()
        [[[97], [98]]]
    """

    def __init__(
        self,
        files: FileRanges,
        table: NDArray[np.void],
        *,
        shift: int = 0,
        background: Colour = 255,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        super().__init__(files, table, background=background, max_pixels=max_pixels)
        self.shift = shift

    def load(self, index: int) -> Picture:
        """Read, unpack, check and decode one member."""
        entry = self._entry(self.table[index].item()[0])
        if max(entry.length, entry.size) > MAX_BYTES:
            raise UnreadableImageError(f"unpacks to more than the {MAX_BYTES:,} bytes allowed")
        data = _unpacked(self._member(entry), entry)
        name = entry.unicode_name or entry.name.decode("latin-1")
        return decode_image(data, background=self.background, max_pixels=self.max_pixels, name=name)

    def _entry(self, at: int) -> Entry:
        block = self.files.read(0, at, ENTRY_ROOM, short=True)
        entry = entry_at(block, 0)
        if entry is not None and entry.room > len(block):
            entry = entry_at(self.files.read(0, at, entry.room, short=True), 0)
        if entry is None:
            raise UnreadableImageError("damaged zip: the member has no entry where the zip had one")
        return entry

    def _member(self, entry: Entry) -> bytes:
        """Return a member's stored bytes; the local header's own lengths count (section 4.3.7)."""
        size, places = entry.size, self._places(entry)
        for offset in places:
            block = self.files.read(0, offset, LOCAL_BYTES + len(entry.name) + EXTRA_ROOM + size, short=True)
            named = len(places) == 1 or block[LOCAL_BYTES : LOCAL_BYTES + len(entry.name)] == entry.name
            if block[:4] == b"PK\3\4" and named:
                break
        else:
            raise UnreadableImageError("damaged zip: the member does not begin where the zip's table says")
        start = LOCAL_BYTES + int.from_bytes(block[26:28], "little") + int.from_bytes(block[28:30], "little")
        if len(block) < start + size:
            return self.files.read(0, offset + start, size)
        return block[start : start + size]

    def _places(self, entry: Entry) -> Sequence[int]:
        """Return where a member may begin: one place, but in a zip of 4 GiB and more without zip64 (macOS's Finder),
        whose places are those modulo 4 GiB; its table then seems to stand so much too far behind.
        """
        if self.shift and self.shift % WRAP == 0:
            return range(entry.offset, entry.offset + self.shift + 1, WRAP)
        return [entry.offset + self.shift]


class BitmapImages(_Placed):
    """Pictures that are bare 8-bit grey bitmaps inside files, such as CASIA's ``.gnt``.

    Args:
        files: where they lie.
        table: (N,) rows of BITMAP.
        background: of no effect, as they have no transparency.
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

    def load(self, index: int) -> Picture:
        """Read one bitmap."""
        offset, file, width, height = self.table[index].item()
        check_size(width, height, self.max_pixels)
        data = self.files.read(file, offset, width * height)
        person = b"%dx%d" % (height, width)
        digest = hashlib.blake2b(data, digest_size=16, person=person).digest()
        pixels = np.frombuffer(data, dtype=np.uint8).reshape(height, width, 1)
        return Picture(pixels, mode="L", digest=digest)

    def with_background(self, background: Colour) -> Self:
        """Return the same bitmaps: they have no transparency."""
        return self


def _unpacked(stored: bytes, entry: Entry) -> bytes:
    if entry.method == DEFLATED:
        try:
            # One byte more than promised is enough to catch a member that unpacks to more than its entry says.
            stored = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, entry.length + 1)
        except zlib.error as error:
            raise UnreadableImageError("damaged zip: the member cannot be unpacked") from error
    if len(stored) != entry.length:
        raise UnreadableImageError("damaged zip: the member does not unpack to the size that the zip's table says")
    if zlib.crc32(stored) != entry.crc:
        raise UnreadableImageError("damaged zip: the member's checksum (CRC-32) is wrong")
    return stored
