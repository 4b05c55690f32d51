"""Files that are written whole or not at all, and tables that a spreadsheet can open without harm."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import RunUnwritableError

_FORMULA = "=+-@\t\r\n＝＋－＠"


def write_whole(path: Path | str, data: bytes) -> None:
    """Write a file beside its place and move it there, so that nobody ever sees half of it.

    Args:
        path: where it shall stand; folders that are missing are made.
        data: the whole content.

    Raises:
        RunUnwritableError: permissions, or a full disk.
    """
    with writing_whole(path) as beside:
        beside.write_bytes(data)


@contextlib.contextmanager
def writing_whole(path: Path | str) -> Iterator[Path]:
    """Give a place beside a file's own to write it to, and move it there at the end: for what is written in parts.

    Args:
        path: as for ``write_whole``.

    Raises:
        RunUnwritableError: permissions, or a full disk.
    """
    from ..run import whole

    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as beside:
            yield beside
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RunUnwritableError(
            f"cannot write {str(path)!r}: {reason}: choose another folder or free space"
        ) from error


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


def write_csv(path: Path | str, header: Sequence[str], *, rows: Iterable[Sequence[object]], bom: bool = False) -> None:
    """Write a table as CSV in UTF-8; text is made safe for spreadsheets, numbers stay numbers.

    Args:
        path: the file.
        header: the columns' names.
        rows: one sequence a row; floats are written with six significant digits.
        bom: put a byte order mark first, which old versions of Excel need for other scripts than Latin.

    Raises:
        RunUnwritableError: permissions, or a full disk.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([spreadsheet_safe(name) for name in header])
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    write_whole(path, text.getvalue().encode("utf-8-sig" if bom else "utf-8"))


def _cell(value: object) -> object:
    if isinstance(value, str):
        return spreadsheet_safe(value)
    return f"{value:.6g}" if isinstance(value, float) else value
