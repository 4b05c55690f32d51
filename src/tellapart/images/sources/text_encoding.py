"""The encoding of text that does not say its own: UTF-8, GB 18030, Shift-JIS or a Western code page."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable
from typing import BinaryIO

from ...errors import SourceError

NAMED = {"gb18030": "GB 18030", "shift_jis": "Shift-JIS", "cp1252": "Windows-1252"}
"""Encodings of tables that are not in Unicode, as people know them."""

SOME_WORDS = 10_000
"""Words that are looked at, at most, to guess one of these."""


def encoding_of(file: BinaryIO, *, name: str) -> str:
    """Return the encoding of a table: UTF-8 with or without a byte order mark, Excel's UTF-16, or one of ``NAMED``.

    Args:
        file: opened; it is read several times from its beginning, where it stands afterwards.
        name: for the message.

    Raises:
        OSError: the file cannot be read.
        SourceError: it is text in none of them.

    Example:
        >>> import io
        >>> encoding_of(io.BytesIO("id,label\\n1,汉字\\n".encode("gbk")), name="t.csv")
        'gb18030'
    """
    start = file.read(2)
    file.seek(0)
    if start in (b"\xff\xfe", b"\xfe\xff"):  # Excel's "Unicode text"
        return "utf-16"
    if _is_text(file, "utf-8-sig"):
        return "utf-8-sig"
    guessed = guess_encoding(_words(file), western="cp1252")
    if _is_text(file, guessed):
        return guessed
    raise SourceError(f"{name!r} is no text in UTF-8, {', '.join(NAMED.values())}: save the table as UTF-8")


def text_of(data: bytes, *, name: str) -> str:
    """Return the text of a table's bytes; raises SourceError as ``encoding_of``, UnicodeDecodeError where they are cut.

    Example:
        >>> text_of("id,label".encode("utf-16"), name="t.csv")
        'id,label'
    """
    return data.decode(encoding_of(io.BytesIO(data), name=name))


def separator_of(line: str, *, among: str) -> str:
    """Return what stands between the cells of a table's first line: the sign that it has most often outside of quotes.

    Example:
        >>> separator_of('id;label;"a, b, c, d"', among=",;|")
        ';'
    """
    return max(among, key=re.sub('"[^"]*"', "", line).count)


def _is_text(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while part := file.read(2**20):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True


def _words(file: BinaryIO) -> set[bytes]:
    """Return some words that are not ASCII, cut at signs that are a part of no other sign in any encoding."""
    words: set[bytes] = set()
    for line in file:
        if not line.isascii():
            words.update(word for word in re.split(rb"[\s,;\"/]+", line) if not word.isascii())
        if len(words) > SOME_WORDS:
            break
    file.seek(0)
    return words


def guess_encoding(names: Iterable[bytes], *, western: str = "cp437") -> str:
    """Return the encoding in which all names are text, and the likeliest text where several are.

    The zip format means code page 437 where nothing is said, but Chinese and Japanese systems write their own.

    Args:
        names: names or words with bytes above 127.
        western: the code page of Western Europe that is meant, and returned where nothing fits.

    Example:
        >>> guess_encoding(["汉字".encode("gbk")]), guess_encoding(["ネコ".encode("shift_jis")])
        ('gb18030', 'shift_jis')
        >>> guess_encoding(["Zürich".encode("cp437")]), guess_encoding(["Zürich".encode()]), guess_encoding([])
        ('cp437', 'utf-8', 'utf-8')
        >>> guess_encoding(["Löwe".encode("cp1252")], western="cp1252")
        'cp1252'
    """
    # One name alone may be cut inside a character by a backslash in it, so each is tried whole.
    together = list(names)
    if all(_decoded(name, "utf-8") is not None for name in together):
        return "utf-8"
    best, best_score = western, -1.0
    for encoding, weight in (("gb18030", 1.0), ("shift_jis", 1.0), (western, 0.6)):
        texts = [_decoded(name, encoding) for name in together]
        if None in texts:
            continue
        scores = [score for text in texts if text for score in _likelihoods(text, encoding)]
        score = weight * sum(scores) / max(1, len(scores))
        if score > best_score:
            best, best_score = encoding, score
    return best


def _likelihoods(text: str, encoding: str) -> list[bool]:
    """Return, for each letter outside ASCII, whether it is what people write."""
    # A Latin name read as Chinese or Japanese has one odd character among small letters: "Z】ich" for "Zürich".
    alone = encoding in ("gb18030", "shift_jis")
    padded = f" {text} "
    return [
        _is_common(letter, encoding) and not (alone and (_small(padded[i]) or _small(padded[i + 2])))
        for i, letter in enumerate(text)
        if not letter.isascii()
    ]


def _small(letter: str) -> bool:
    return "a" <= letter <= "z"


def _decoded(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_common(letter: str, encoding: str) -> bool:
    """Return whether a letter belongs to what people write in that encoding, not to its rare corners."""
    if encoding == "gb18030":
        stored = letter.encode("gb18030")
        return len(stored) == 2 and 0xA1 <= stored[0] <= 0xF7 and stored[1] >= 0xA1  # GB 2312, the characters in use
    if encoding != "shift_jis":
        return letter.isalpha() and letter < "\u0250"
    stored = letter.encode("shift_jis")
    if len(stored) == 1:  # half-width katakana: what Chinese text looks like when it is read as Japanese
        return False
    return stored[0] in (0x82, 0x83) or 0x88 <= stored[0] <= 0x97  # kana, and the first level of kanji
