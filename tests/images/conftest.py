"""Pictures and data sets that tests make for themselves."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def stored(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def grey_png(value: int = 7, size: tuple[int, int] = (6, 4)) -> bytes:
    return stored(Image.new("L", size, value))


@pytest.fixture
def make_tree(tmp_path) -> Callable[..., Path]:
    """Write files below a folder: pictures where the name is one, text otherwise."""

    def make(*names: str, root: str = "pictures") -> Path:
        folder = tmp_path / root
        folder.mkdir(exist_ok=True)
        for i, name in enumerate(names):
            path = folder / name
            if name.endswith("/"):
                path.mkdir(parents=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(grey_png(i % 256) if name.endswith(".png") else b"text")
        return folder

    return make


@pytest.fixture
def make_zip(tmp_path) -> Callable[..., Path]:
    def make(*names: str, packing: int = zipfile.ZIP_STORED, file: str = "pictures.zip") -> Path:
        path = tmp_path / file
        with zipfile.ZipFile(path, "w", packing) as archive:
            for i, name in enumerate(names):
                archive.writestr(name, grey_png(i % 256) if name.endswith(".png") else b"text")
        return path

    return make


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


def noise(shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bare_png(width, height, depth, colour, rows, *extra, interlaced=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
