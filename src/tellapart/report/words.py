"""Words: numbers, counts and names as a person reads them; every name from outside is escaped here."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ..evaluation import Figure


def name(text: str) -> Markup:
    """Return a class name in quotation marks; its own direction of writing is kept apart from the sentence's.

    Example:
        >>> str(name("<b>"))
        '<bdi class="name">&lt;b&gt;</bdi>'
    """
    return Markup('<bdi class="name">{}</bdi>').format(text)


def names(texts: Sequence[str], *, most: int = 6) -> Markup:
    """Return several names as a list in a sentence."""
    shown = [name(text) for text in texts[:most]]
    if len(texts) > most:
        return Markup("{} and {} more").format(Markup(", ").join(shown), len(texts) - most)
    return joined(shown)


def joined(parts: Sequence[Markup | str]) -> Markup:
    """Return parts as ``a, b and c``.

    Example:
        >>> str(joined(["a", "b", "c"]))
        'a, b and c'
    """
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup("{} and {}").format(Markup(", ").join(parts[:-1]), parts[-1])


def measured(figure: Figure) -> Markup:
    """Return a figure with its interval: ``90.1% (95% interval 89.4 to 90.7)``.

    Example:
        >>> str(measured(Figure(0.5, 0.4, 0.6, 100, "accuracy", "%")))
        '<strong>50.0%</strong> (95% interval 40.0 to 60.0)'
    """
    if not figure.interval():
        return Markup("<strong>{}</strong>").format(figure.short())
    return Markup("<strong>{}</strong> ({}% interval {})").format(
        figure.short(), f"{100 * figure.level:g}", figure.interval()
    )


def as_asked(share: float) -> str:
    """Return a share as it is typed, with all its digits.

    Example:
        >>> as_asked(0.01), as_asked(0.0125)
        ('1%', '1.25%')
    """
    return f"{100 * share:.10g}%"


def duration(seconds: float) -> str:
    """Return a length of time.

    Example:
        >>> duration(4.2), duration(75), duration(7320)
        ('4.2 seconds', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} seconds"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
