"""The encoding of a zip's names that do not say theirs: UTF-8, GBK, Shift-JIS or code page 437."""

from __future__ import annotations

from collections.abc import Iterable


def guess_encoding(names: Iterable[bytes]) -> str:
    """Return the encoding in which all names are text, and the likeliest text where several are.

    The zip format means code page 437 where nothing is said, but Chinese and Japanese systems write their own.

    Args:
        names: names with bytes above 127.

    Example:
        >>> guess_encoding(["汉字".encode("gbk")]), guess_encoding(["ネコ".encode("shift_jis")])
        ('gbk', 'shift_jis')
        >>> guess_encoding(["Zürich".encode("cp437")]), guess_encoding(["Zürich".encode()]), guess_encoding([])
        ('cp437', 'utf-8', 'utf-8')
    """
    # One name alone may be cut inside a character by a backslash in it, so each is tried whole.
    together = list(names)
    if all(_decoded(name, "utf-8") is not None for name in together):
        return "utf-8"
    best, best_score = "cp437", -1.0
    for encoding in ("gbk", "shift_jis", "cp437"):
        texts = [_decoded(name, encoding) for name in together]
        if None in texts:
            continue
        letters = [letter for text in texts if text for letter in text if not letter.isascii()]
        score = sum(_is_common(letter, encoding) for letter in letters) / max(1, len(letters))
        if score > best_score:
            best, best_score = encoding, score
    return best


def _decoded(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_common(letter: str, encoding: str) -> bool:
    """Return whether a letter belongs to what people write in that encoding, not to its rare corners."""
    if encoding == "cp437":
        return letter.isalpha() and letter < "\u0250"
    if encoding == "gbk":
        stored = letter.encode("gbk")
        return 0xA1 <= stored[0] <= 0xF7 and stored[1] >= 0xA1  # GB 2312, the characters in use
    stored = letter.encode("shift_jis")
    if len(stored) == 1:  # half-width katakana: what Chinese text looks like when it is read as Japanese
        return False
    return stored[0] in (0x81, 0x82, 0x83) or 0x88 <= stored[0] <= 0x97  # kana, and the first level of kanji
