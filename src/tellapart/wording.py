"""Numbers with their nouns, and tables of text, as every room says them."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
"""In a sentence."""


def without_numbers(sentence: str) -> str:
    """Return a sentence with a sign in place of each number: those that differ in numbers alone become the same.

    Example:
        >>> without_numbers("first of 12 frames"), without_numbers("stretched from -1.5 to 3")
        ('first of # frames', 'stretched from # to #')
    """
    return NUMBER.sub("#", sentence)


COMMANDING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Signs that command a terminal or turn its text round, and those that no encoding has."""


def printable(text: str) -> str:
    """Return text that may be shown on a terminal, whatever a file's name has in it: such signs become escapes.

    Example:
        >>> print(printable("猫.png"), printable("a" + chr(27) + "[2J.png"))
        猫.png a\\x1b[2J.png
    """
    return COMMANDING.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode(), text)


def first_line(error: BaseException) -> str:
    """Return what an error says, of several lines the first; its kind where it says nothing.

    Example:
        >>> first_line(ValueError("too long\\nat 3")), first_line(MemoryError())
        ('too long', 'MemoryError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def quoted(text: object) -> str:
    """Return an argument as a person types it in a command: quoted where a shell would else take it apart.

    Example:
        >>> print(quoted("runs/photos"), quoted("runs/my photos"))
        runs/photos 'runs/my photos'
    """
    if os.name != "nt":
        return shlex.quote(str(text))
    return str(text) if re.fullmatch(r"[\w.:/\\-]+", str(text)) else f'"{text}"'  # cmd knows no other quotes


def counted(number: int, noun: str, *, plural: str | None = None) -> str:
    """Return a number with its noun, and its verb where that bends too.

    Example:
        >>> counted(1, "picture"), counted(7677, "picture")
        ('1 picture', '7,677 pictures')
        >>> counted(1, "picture stands", plural="pictures stand")
        '1 picture stands'
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Iterable[str], *, most: int = 5) -> str:
    """Return names in quotes, of many the first alone; "none" where there are none.

    Example:
        >>> listed("abc", most=2), listed([])
        ("'a', 'b' and 1 more", 'none')
    """
    every = [repr(name) for name in names]
    shown = ", ".join(every[:most]) or "none"
    return f"{shown} and {len(every) - most:,} more" if len(every) > most else shown


def percent(value: float) -> str:
    """Return a share as per cent, with a decimal where it has one.

    Example:
        >>> percent(0.5), percent(0.925), percent(0.9999), percent(0.9999999)
        ('50%', '92.5%', '99.99%', '99.99999%')
    """
    return decimal_percent(value).removesuffix("%").rstrip("0").rstrip(".") + "%"


def decimal_percent(value: float, *, digits: int = 1) -> str:
    """Return a share as per cent with so many decimals, or as many as tell it from none and from all.

    Example:
        >>> decimal_percent(0.5), decimal_percent(0.9996), decimal_percent(1.0), decimal_percent(0.98765, digits=2)
        ('50.0%', '99.96%', '100.0%', '98.77%')
    """
    while digits < 10 and value not in (0.0, 1.0) and round(100 * value, digits) in (0.0, 100.0):
        digits += 1
    return f"{100 * value:.{digits}f}%"


def told_apart(*shares: float) -> list[str]:
    """Return different shares as per cent, with as many decimals, one or more, as tell them apart.

    Example:
        >>> told_apart(0.0231, 0.0234), told_apart(0.1, 0.2)
        (['2.31%', '2.34%'], ['10.0%', '20.0%'])
    """
    digits = 1
    while digits < 10 and len({f"{share:.{digits}%}" for share in shares}) < len(set(shares)):
        digits += 1
    return [f"{share:.{digits}%}" for share in shares]


def sureness(share: float) -> str:
    """Return a probability as per cent with one decimal; what is not certain is not 100%.

    Example:
        >>> sureness(1.0), sureness(0.99962), sureness(0.9526), sureness(0.0004)
        ('100.0%', '99.9%', '95.3%', '0.0%')
    """
    return f"{100 * share if share >= 1 else min(100 * share, 99.9):.1f}%"


def bytes_text(count: int) -> str:
    """Return a number of bytes, in decimal units.

    Example:
        >>> bytes_text(220), bytes_text(353_500), bytes_text(999_999), bytes_text(8_300_000_000)
        ('220 B', '353.5 kB', '1.0 MB', '8.3 GB')
    """
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 999.95:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table for a terminal: the first column to the left, the others to the right; wide scripts align too.

    Example:
        >>> print(text_table(["class", "recall"], [["猫", "50.0%"], ["dog", "100.0%"]]))
        class  recall
        猫      50.0%
        dog    100.0%
    """
    table = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(_width(row[column]) for row in table) for column in range(len(header))]
    lines = []
    for row in table:
        cells = [_pad(row[0], widths[0], left=True)]
        cells += [_pad(cell, width, left=False) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


WITHOUT_COLUMN = ("Mn", "Me", "Cf")
"""Categories of signs that stand on others, or are not seen."""


def _width(text: str) -> int:
    """Return the columns that a terminal gives to a text."""
    return sum(
        0 if unicodedata.category(sign) in WITHOUT_COLUMN else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def _pad(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - _width(text))
    return text + space if left else space + text
