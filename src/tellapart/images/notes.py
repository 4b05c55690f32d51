"""Notes: what decoding did to pictures that a person should know."""

from __future__ import annotations

from collections.abc import Iterable

from ..wording import without_numbers

FIRST_OF = "first of "
"""How the note of a file begins whose other pages or frames are left out."""

DARK = "so it is dark"
"""How that of a file ends that uses a small part of its 16 bits."""

NOTED = 1000
"""Pictures that are kept of those to which decoding did the same, but for the numbers in it."""


def loses_much(note: str) -> bool:
    """Return whether a note says that much of a file is lost.

    Example:
        >>> loses_much("first of 2 frames"), loses_much("transposed")
        (True, False)
    """
    return note.startswith(FIRST_OF) or note.endswith(DARK)


class Notes:
    """Sentences with the positions of their pictures; of those that differ in numbers alone the first pictures.

    Example:
        >>> notes = Notes()
        >>> notes.add([(3, "transposed"), (1, "transposed"), (2, "first of 2 frames")])
        >>> notes.by_sentence()
        {'transposed': [1, 3], 'first of 2 frames': [2]}
    """

    def __init__(self) -> None:
        self._by_words: dict[str, list[tuple[int, str]]] = {}

    def add(self, found: Iterable[tuple[int, str]]) -> None:
        """Take positions with sentences, in any order."""
        for index, sentence in found:
            alike = self._by_words.setdefault(without_numbers(sentence), [])
            alike.append((index, sentence))
            if len(alike) > 2 * NOTED:
                alike[:] = _first(alike)

    def by_sentence(self) -> dict[str, list[int]]:
        """Return the positions of each sentence, rising."""
        out: dict[str, list[int]] = {}
        for index, sentence in sorted(one for alike in self._by_words.values() for one in _first(alike)):
            out.setdefault(sentence, []).append(index)
        return out


def _first(alike: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the first pictures, and the first with another sentence where they all have one."""
    alike = sorted(alike)
    first = alike[:NOTED]
    if len({sentence for _, sentence in first}) == 1:
        first += next(([one] for one in alike[NOTED:] if one[1] != first[0][1]), [])
    return first
