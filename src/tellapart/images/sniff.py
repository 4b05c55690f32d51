"""What a file is, by its first bytes, whatever its name says."""

from __future__ import annotations

PICTURE_SUFFIXES = {
    ".png": "PNG", ".apng": "PNG",
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".gif": "GIF", ".bmp": "BMP", ".dib": "BMP", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP",
    ".ppm": "PPM", ".pgm": "PPM", ".pbm": "PPM", ".pnm": "PPM",
    ".jp2": "JPEG2000", ".j2k": "JPEG2000", ".jpf": "JPEG2000", ".jpx": "JPEG2000",
    ".avif": "AVIF", ".heic": "HEIC", ".heif": "HEIC",
}  # fmt: skip
"""The suffixes, in small letters, of files that count as pictures, with the format that each claims."""

SUFFIXES = ("", *PICTURE_SUFFIXES)
"""The same in a fixed order, so that a byte says which."""

_MAGIC = {
    b"\x89PN": (b"\x89PNG\r\n\x1a\n", "PNG"),
    b"\xff\xd8\xff": (b"\xff\xd8\xff", "JPEG"),
    b"GIF": (b"GIF8", "GIF"),
    b"II*": (b"II*\0", "TIFF"),
    b"II+": (b"II+\0", "TIFF"),
    b"MM\0": (b"MM\0", "TIFF"),
    b"\0\0\0": (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    b"\xff\x4f\xff": (b"\xff\x4f\xff\x51", "JPEG2000"),
}

_OTHERS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive or an Office document",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\xd0\xcf\x11\xe0": "an Office document",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"{\\rtf": "an RTF document",
    b"8BPS": "a Photoshop file: save it as PNG",
    b"\0\0\1\0": "an icon: save it as PNG",
    b"version https://git-lfs": "a Git LFS pointer: fetch the real file with 'git lfs pull'",
    b"\0\5\x16\7": "a macOS resource fork (AppleDouble), not the picture itself",
    b"ID3": "a sound file",
    b"\x1aE\xdf\xa3": "a video (Matroska)",
}


def picture_format(data: bytes) -> str | None:
    """Return the format that the first bytes tell: ``"PNG"``, ``"JPEG"``, ...; None where it is none that is read.

    Example:
        >>> picture_format(b"GIF89a..."), picture_format(b"hello")
        ('GIF', None)
    """
    known = _MAGIC.get(data[:3])
    if known is not None and data.startswith(known[0]):
        return known[1]
    if data[:2] == b"BM" and len(data) > 14:
        return "BMP"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return "PPM"
    if data[4:8] == b"ftyp" and _brands(data) & {b"avif", b"avis"}:
        return "AVIF"
    return None


def _brands(data: bytes) -> set[bytes]:
    """Return the brands of an ISO media file: its own, and those that it is compatible with (ISO/IEC 14496-12)."""
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}


def looks_like(data: bytes) -> str:
    """Return why bytes are no picture, as the reason of an UnreadableImageError.

    Example:
        >>> looks_like(b"%PDF-1.7"), looks_like(b"")
        ('not a picture: it looks like a PDF document', 'empty file (0 bytes)')
    """
    if not data:
        return "empty file (0 bytes)"
    if not data.strip(b"\0"):
        return f"not a picture: all its {len(data):,} bytes are zero"
    return f"not a picture: it looks like {_what(data)}"


def _what(data: bytes) -> str:
    for magic, name in _OTHERS.items():
        if data.startswith(magic):
            return name
    if data[4:8] == b"ftyp":
        heic = data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc")
        return "a HEIC picture, which is not read: save it as JPEG" if heic else "a video (MP4)"
    if data[:4] == b"RIFF":
        return "a sound or video file (RIFF)"
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<script")) or b"<html" in start:
        return "a web page (HTML)"
    if b"<svg" in start:
        return "an SVG drawing, which is not read: save it as PNG"
    if start.startswith(b"<?xml"):
        return "an XML document"
    if start[:1] in (b"{", b"[") and _is_text(data):
        return "JSON text"
    if _is_text(data):
        return "text"
    return f"no format that is known (it begins with the bytes {data[:4].hex(' ')})"


def _is_text(data: bytes) -> bool:
    try:
        text = data[:1024].decode("utf-8", "strict" if len(data) <= 1024 else "ignore")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t\f" for letter in text)


def wrong_suffix(format_: str, name: str) -> tuple[str, ...]:
    """Return the note about a suffix that claims another format, or nothing.

    Example:
        >>> wrong_suffix("PNG", "cat.jpg")
        ('a PNG named .jpg',)
    """
    dot = name.rfind(".")
    if dot < 0:
        return ()
    suffix = name[dot:].lower()
    claimed = PICTURE_SUFFIXES.get(suffix, format_)
    return () if claimed == format_ else (f"a {format_} named {suffix}",)
