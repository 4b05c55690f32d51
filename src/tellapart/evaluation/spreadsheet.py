"""Tables that a spreadsheet can open without harm."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from ..errors import SourceError, SourceNotFoundError, TargetExistsError
from ..files import check_writable, expanded, is_file, write_errors, write_whole
from ..images.sources.text_encoding import separator_of, text_of

LINE = 4096
"""Bytes that are looked at of the first line of a table that would be replaced."""

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


def check_replaceable(path: Path, header: Sequence[str | Collection[str]]) -> None:
    """Say at once where a table could not be written later, or would replace what is none.

    Args:
        path: of the table.
        header: what its first line begins with: the names of its first columns, or those that each may have.

    Raises:
        TargetExistsError: what stands there has another first line.
        UnwritableError: permissions, a full disk, or a folder of that name.
    """
    check_writable(path)
    there = expanded(path)
    if not is_file(there):
        return
    with write_errors(path, advice="name another file"), there.open("rb") as file:
        first = file.readline(LINE).decode("utf-8-sig", errors="replace")
    if first and not _begins(first, header):
        names = ",".join(name if isinstance(name, str) else next(iter(name)) for name in header)
        raise TargetExistsError(
            f"{str(path)!r} exists, and is no table that this command has written, which would begin with "
            f"{names!r}: name another file, or remove it"
        )


def _begins(line: str, header: Sequence[str | Collection[str]]) -> bool:
    """Return whether a table's first line has those columns first; an apostrophe may keep one from being a formula."""
    try:
        cells = next(csv.reader([line]), [])
    except csv.Error:  # no table at all
        return False
    wanted = [{name} if isinstance(name, str) else set(name) for name in header]
    return len(cells) >= len(wanted) and all(
        spreadsheet_plain(cell) in names for cell, names in zip(cells, wanted, strict=False)
    )


def csv_bytes(text: str) -> bytes:
    """Return a table's text as UTF-8, with a byte order mark where Excel would else take it for its own code page.

    What no encoding has, from a file name that is not UTF-8, becomes an escape.
    """
    return text.encode("utf-8" if text.isascii() else "utf-8-sig", errors="backslashreplace")


def _cell(value: object) -> object:
    if isinstance(value, str):
        return spreadsheet_safe(value)
    return f"{value:.6g}" if isinstance(value, float) else value
