"""Fonts: which installed fonts have the signs of the class names, and what to do where none has."""

from __future__ import annotations

import dataclasses
import functools
import logging
import unicodedata
from collections.abc import Iterable

logger = logging.getLogger("tellapart")

USUAL = "DejaVu Sans"
"""Matplotlib's own font, which is always there."""


@dataclasses.dataclass(frozen=True)
class FontChoice:
    """Fonts that together draw some texts.

    Attributes:
        families: in the order in which Matplotlib shall look for a sign.
        missing: the signs that no installed font has, sorted.
    """

    families: tuple[str, ...]
    missing: frozenset[str] = frozenset()

    @property
    def note(self) -> str:
        """What a person should know, "" where every sign can be drawn."""
        if not self.missing:
            return ""
        signs = " ".join(f"{sign} (U+{ord(sign):04X})" for sign in sorted(self.missing)[:5])
        more = f" and {len(self.missing) - 5} more" if len(self.missing) > 5 else ""
        return (
            f"no installed font has {signs}{more}: they stand as their codes in the figures; "
            "install one that has them, such as Debian's fonts-noto-cjk or fonts-noto"
        )

    def drawable(self, text: str) -> str:
        """Return the text with every sign that cannot be drawn as its code, so that it is still known."""
        return "".join(f"⟨{ord(sign):04X}⟩" if sign in self.missing else sign for sign in text)


def choose_fonts(texts: Iterable[str]) -> FontChoice:
    """Find installed fonts that have every sign of some texts; what no font has is logged as a warning.

    Args:
        texts: such as class names.

    Example:
        >>> choose_fonts(["cat", "dog"])
        FontChoice(families=('DejaVu Sans',), missing=frozenset())
    """
    wanted = frozenset(sign for text in texts for sign in text if _is_drawn(sign))
    choice = _choose(wanted)
    if choice.note:
        logger.warning(choice.note)
    return choice


@functools.lru_cache(maxsize=64)
def _choose(wanted: frozenset[str]) -> FontChoice:
    families: list[str] = [USUAL]
    missing = set(wanted)
    for family, path in ((USUAL, None), *_candidates()):
        if not missing:
            break
        found = {sign for sign in missing if ord(sign) in _signs(path or _usual_path())}
        if found and family not in families:
            families.append(family)
        missing -= found
    return FontChoice(tuple(families), frozenset(missing))


def _is_drawn(sign: str) -> bool:
    """Return whether a sign leaves ink: not a control sign, a space, a joiner or a direction."""
    return unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")


def _candidates() -> list[tuple[str, str]]:
    """Return (family, path) of the installed fonts, upright sans-serif ones of usual weight first."""
    from matplotlib.font_manager import fontManager

    def order(font: object) -> tuple[bool, bool, bool, bool, str]:
        name = str(getattr(font, "name", ""))
        weight = getattr(font, "weight", 400)
        return (
            getattr(font, "style", "normal") != "normal",
            weight not in (400, "normal", "regular", "medium"),
            "sans" not in name.lower(),
            "mono" in name.lower() or "serif" in name.lower(),
            name,
        )

    # Fonts of last resort have a box for every code point, and say nothing with it.
    fonts = [font for font in fontManager.ttflist if "lastresort" not in font.name.replace(" ", "").lower()]
    return [(font.name, font.fname) for font in sorted(fonts, key=order)]


def _usual_path() -> str:
    from matplotlib.font_manager import findfont

    return str(findfont(USUAL))


@functools.lru_cache(maxsize=256)
def _signs(path: str) -> frozenset[int]:
    """Return the code points that a font file has a picture for."""
    from fontTools.ttLib import TTFont, TTLibError  # type: ignore[import-untyped]

    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except (TTLibError, OSError, KeyError, AssertionError) as error:
        logger.debug("the font %s cannot be read: %s", path, error)
        return frozenset()
