"""Synthetic pictures: small PNG in a zip of class folders, as many as wanted, the same every time."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = 10
SIDE = 16
WAVES = 6
"""Cosines across and down: a picture is a mixture of 36 patterns, its class one mean mixture, and noise on top."""

BLOCK = 10_000
DATE = (2026, 1, 1, 0, 0, 0)


def make_zip(path: Path, *, pictures: int, seed: int = 0) -> None:
    """Write a zip of ``pictures`` grey PNG of 16×16 pixels in ten class folders, where it does not stand already.

    The pictures of one class look alike, and none is a copy of another. Each block of 10,000 pictures has its own
    seed, so that the first 1,000 of a million are those of a thousand.
    """
    if path.exists():
        return
    print(f"making {pictures:,} pictures in {path}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        for start in range(0, pictures, BLOCK):
            pixels, labels = block(start // BLOCK, seed=seed)
            for row in range(min(BLOCK, pictures - start)):
                name = f"class-{labels[row]}/{start + row:07}.png"
                archive.writestr(zipfile.ZipInfo(name, DATE), png(pixels[row]))
    beside.rename(path)


def block(number: int, *, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return one block of pictures, uint8 (10,000, 16, 16), and their classes, int64 (10,000,)."""
    means = np.random.default_rng([seed, 0]).normal(0, 12, (CLASSES, WAVES * WAVES))
    rng = np.random.default_rng([seed, 1, number])
    labels = rng.integers(0, CLASSES, BLOCK)
    mixtures = means[labels] + rng.normal(0, 9, (BLOCK, WAVES * WAVES))
    angles = np.pi * (np.arange(SIDE)[:, None] + 0.5) * np.arange(WAVES) / SIDE
    waves = np.cos(angles)
    patterns = np.einsum("ya,xb->abyx", waves, waves).reshape(WAVES * WAVES, SIDE * SIDE)
    tones = 128 + mixtures @ patterns + rng.normal(0, 4, (BLOCK, SIDE * SIDE))
    return np.clip(tones, 0, 255).astype(np.uint8).reshape(BLOCK, SIDE, SIDE), labels


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return an 8-bit grey PNG (RFC 2083)."""
    height, width = pixels.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # each row begins with its filter, 0: none
    rows[:, 1:] = pixels
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
