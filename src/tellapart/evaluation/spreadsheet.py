"""Tables that a spreadsheet can open without harm."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import SourceError, SourceNotFoundError
from ..files import expanded, write_whole
from ..images.sources.text_encoding import separator_of, text_of

_FORMULA = "=+-@\t\r\n＝＋－＠"


def spreadsheet_safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: an apostrophe stands before ``=``, ``+``, ``-`` and ``@``.

    ``spreadsheet_plain`` gives the text back exactly.

    Source: OWASP, "CSV injection".

    Example:
        >>> spreadsheet_safe("=1+1"), spreadsheet_safe("cat")
        ("'=1+1", 'cat')
    """
    return f"'{text}" if text.lstrip("'")[:1] in tuple(_FORMULA) else text


def spreadsheet_plain(text: str) -> str:
    """Return what ``spreadsheet_safe`` was given.

    Example:
        >>> spreadsheet_plain("'=1+1"), spreadsheet_plain("'tis")
        ('=1+1', "'tis")
    """
    return text[1:] if text.startswith("'") and text.lstrip("'")[:1] in tuple(_FORMULA) else text


def write_csv(path: Path | str, header: Sequence[str], *, rows: Iterable[Sequence[object]]) -> None:
    """Write a table as CSV in UTF-8; text is made safe for spreadsheets, numbers stay numbers.

    Where not all of it is ASCII, a byte order mark stands first: Excel would else take it for its own code page.

    Args:
        path: the file.
        header: the columns' names.
        rows: one sequence per row; floats are written with six significant digits.

    Raises:
        UnwritableError: permissions, or a full disk.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([spreadsheet_safe(name) for name in header])
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    write_whole(path, csv_bytes(text.getvalue()))


def read_csv(path: Path | str, *, what: str, absent: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read a table with commas, semicolons or tabs between the cells, in any of the encodings that are guessed.

    Args:
        path: the file.
        what: it is called in messages: "table".
        absent: what to do where there is none.

    Returns:
        the header, and each further row that is not empty, with its number as a spreadsheet counts them, from 1.

    Raises:
        SourceNotFoundError: there is no such file.
        SourceError: it cannot be read, is no text, or is damaged.
    """
    named = f"the {what} {str(path)!r}"
    try:
        text = text_of(expanded(path).read_bytes(), name=str(path))
    except FileNotFoundError:
        raise SourceNotFoundError(f"there is no {what} at {str(path)!r}: {absent}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{named} cannot be read: {error}: it must be CSV, best in UTF-8") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = separator_of(first, among=",;\t")
    try:
        rows = enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), start=1)
        (_, header), *others = [(number, row) for number, row in rows if any(cell.strip() for cell in row)] or [(1, [])]
    except csv.Error as error:
        raise SourceError(f"{named} is damaged: {error}: look for a quote too many") from None
    return [spreadsheet_plain(cell.strip()) for cell in header], others


def csv_bytes(text: str) -> bytes:
    """Return a table's text as UTF-8, with a byte order mark where Excel would else take it for its own code page.

    What no encoding has, from a file name that is not UTF-8, becomes an escape.
    """
    return text.encode("utf-8" if text.isascii() else "utf-8-sig", errors="backslashreplace")


def _cell(value: object) -> object:
    if isinstance(value, str):
        return spreadsheet_safe(value)
    return f"{value:.6g}" if isinstance(value, float) else value
