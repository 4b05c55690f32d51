"""Charts: inline SVG that a browser draws crisply in both themes; colours come from the style sheet's classes.

Everything that is text goes through MarkupSafe, so that no name can become markup.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from ..wording import percent

WIDTH, HEIGHT = 440, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 40


@dataclasses.dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: for the legend.
        kind: class of the style sheet: ``"first"`` or ``"second"``.
        points: (x, y) in the chart's units.
    """

    name: str
    kind: str
    points: Sequence[tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Frame:
    """Where the units of a chart lie on the paper."""

    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the position on the paper."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 2),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 2),
        )


def line_chart(
    lines: Sequence[Line], *, title: str, description: str, x_label: str, y_format: Callable[[float], str],
    x_format: Callable[[float], str] = lambda x: f"{x:.0f}", x_ticks: Sequence[float] | None = None,
    best: tuple[float, str] | None = None, best_at_top: bool = False, y_top: float | None = None,
) -> Markup:  # fmt: skip
    """Draw curves over epochs, or over something else.

    Args:
        lines: at least one, with at least one point each.
        title: of the chart.
        description: what a listener should know.
        x_label: below the axis, and in the points' own titles.
        y_format: of the ticks and the points' own titles.
        x_format: likewise.
        x_ticks: whole numbers where None.
        best: (x, name) of a mark.
        best_at_top: whether its name stands at the top, where falling curves leave room.
        y_top: the highest value that the axis may have.
    """
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    low, high = min(ys), max(ys)
    if y_top is not None and low == high > 0:  # a line along the top, not along the bottom
        low = max(0.0, high - 0.1)
    ticks = nice_ticks(low, high)
    if y_top is not None:
        ticks = [tick for tick in ticks if tick <= y_top + 1e-9] or [y_top]
    alone = min(xs) == max(xs)
    across = (min(xs) - 0.5, max(xs) + 0.5) if alone else (min(xs), max(xs))
    frame = Frame(across, (min(ticks[0], low), max(ticks[-1], high)))
    parts = [
        _y_axis(frame, ticks, text=y_format),
        _x_axis(frame, x_ticks or ([xs[0]] if alone else whole_ticks(*across)), label=x_label, text=x_format),
    ]
    if best is not None:
        parts.append(_mark(frame, best, at_top=best_at_top))
    for line in lines:
        parts.append(_curve(frame, line, x_label=x_label, x_format=x_format, y_format=y_format))
    return _figure(parts, title=title, description=description)


def reliability_chart(bins: Sequence[dict[str, float | None]], *, title: str, description: str) -> Markup:
    """Draw the accuracy by confidence, with intervals; the diagonal is perfect.

    Args:
        bins: as ``Reliability.to_dict`` gives them.
        title: of the chart.
        description: what a listener should know.
    """
    frame = Frame((0.0, 1.0), (0.0, 1.0))
    fifths = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    (x0, y0), (x1, y1) = frame.at(0, 0), frame.at(1, 1)
    parts = [
        _y_axis(frame, fifths, text=percent),
        _x_axis(frame, fifths, label="confidence", text=percent),
        Markup('<line class="perfect" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(x0, y0, x1, y1),
    ]
    most = max((int(one["count"] or 0) for one in bins), default=1) or 1
    for one in bins:
        if not one["count"] or one["confidence"] is None or one["accuracy"] is None:
            continue
        x, y = frame.at(one["confidence"], one["accuracy"])
        _, low = frame.at(0, one["low"] or 0.0)
        _, high = frame.at(0, one["high"] or 0.0)
        said = f"{percent(one['confidence'])} sure, right {percent(one['accuracy'])} of {int(one['count']):,} pictures"
        parts.append(
            Markup(
                '<g><title>{}</title><line class="whisker" x1="{}" y1="{}" x2="{}" y2="{}"/>'
                '<circle class="point" cx="{}" cy="{}" r="{}"/></g>'
            ).format(said, x, low, x, high, x, y, round(3 + 4 * math.sqrt(one["count"] / most), 1))
        )
    return _figure(parts, title=title, description=description)


def histogram_chart(
    counts: Sequence[int], *, edges: Sequence[float], kind: str, title: str, description: str, x_label: str,
    x_format: Callable[[float], str],
) -> Markup:  # fmt: skip
    """Draw a histogram.

    Args:
        counts: one a bin.
        edges: one more than the bins.
        kind: class of the style sheet: ``"right"``, ``"wrong"`` or ``"plain"``.
        title: of the chart.
        description: what a listener should know.
        x_label: below the axis.
        x_format: of the ticks.
    """
    top = max(*counts, 1)
    ticks = [tick for tick in nice_ticks(0, top) if tick == int(tick)]
    frame = Frame((edges[0], edges[-1]), (0.0, max(ticks[-1], top)))
    parts = [
        _y_axis(frame, ticks, text=lambda v: f"{v:,.0f}"),
        _x_axis(frame, _quarters(edges), label=x_label, text=x_format),
    ]
    names = tick_labels(edges, x_format)
    for number, (count, left, right) in enumerate(zip(counts, edges[:-1], edges[1:], strict=True)):
        (x0, y), (x1, base) = frame.at(left, count), frame.at(right, 0)
        said = f"{names[number]} to {names[number + 1]}: {count:,} pictures"
        if count:
            parts.append(
                Markup('<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                    kind, round(x0 + 0.5, 2), y, round(max(x1 - x0 - 1, 0.5), 2), round(base - y, 2), said
                )
            )
    return _figure(parts, title=title, description=description)


def nice_ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """Return round numbers from at or below ``low`` to at or above ``high``.

    Example:
        >>> nice_ticks(0.13, 2.3)
        [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    """
    span = high - low or abs(high) or 1.0
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]


def whole_ticks(low: float, high: float) -> list[float]:
    """Return whole numbers for an axis of epochs: the first, the last and round ones between."""
    inner = [tick for tick in nice_ticks(low, high) if low < tick < high and tick == int(tick)]
    gap = (high - low) / 12
    return [low, *(tick for tick in inner if tick - low > gap and high - tick > gap), high]


def tick_labels(ticks: Sequence[float], text: Callable[[float], str]) -> list[str]:
    """Return what stands at each tick; with more digits than ``text`` gives where two would be the same.

    Example:
        >>> tick_labels([28.0, 28.5, 29.0], lambda value: f"{value:.0f}"), tick_labels([0.5, 1.0], percent)
        (['28.0', '28.5', '29.0'], ['50%', '100%'])
        >>> tick_labels([0.9991, 0.9992], percent)
        ['99.91%', '99.92%']
    """
    labels, digits = [text(tick) for tick in ticks], 0
    scale, unit = (100, "%") if labels[0].endswith("%") else (1, "")
    while len(set(labels)) < len(set(ticks)) and digits < 6:
        digits += 1
        labels = [f"{scale * tick:,.{digits}f}{unit}" for tick in ticks]
    return labels


def _quarters(edges: Sequence[float]) -> list[float]:
    return [edges[0] + (edges[-1] - edges[0]) * i / 4 for i in range(5)]


def _y_axis(frame: Frame, ticks: Sequence[float], *, text: Callable[[float], str]) -> Markup:
    parts = []
    for tick, label in zip(ticks, tick_labels(ticks, text), strict=True):
        x, y = frame.at(frame.x[0], tick)
        parts.append(
            Markup('<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/><text class="tick end" x="{}" y="{}">{}</text>')
            .format(x, y, WIDTH - RIGHT, y, x - 8, y + 4, label)
        )  # fmt: skip
    return Markup("").join(parts)


def _x_axis(
    frame: Frame, ticks: Sequence[float], *, label: str, text: Callable[[float], str] = lambda v: f"{v:.0f}"
) -> Markup:
    parts = []
    for tick, said in zip(ticks, tick_labels(ticks, text), strict=True):
        x, y = frame.at(tick, frame.y[0])
        place = "end" if x >= WIDTH - RIGHT else "start" if x <= LEFT else "middle"
        parts.append(Markup('<text class="tick {}" x="{}" y="{}">{}</text>').format(place, x, y + 16, said))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(Markup('<text class="label middle" x="{}" y="{}">{}</text>').format(middle, HEIGHT - 6, label))
    return Markup("").join(parts)


def _curve(
    frame: Frame, line: Line, *, x_label: str, x_format: Callable[[float], str], y_format: Callable[[float], str]
) -> Markup:
    places = [frame.at(x, y) for x, y in line.points]
    path = " ".join(f"{x},{y}" for x, y in places)
    parts = [Markup('<polyline class="curve {}" points="{}"/>').format(line.kind, path)]
    radius = 2.5 if len(places) <= 60 else 1.2
    for (x, y), (across, up) in zip(places, line.points, strict=True):
        parts.append(
            Markup('<circle class="dot {}" cx="{}" cy="{}" r="{}"><title>{}, {} {}: {}</title></circle>').format(
                line.kind, x, y, radius, line.name, x_label, x_format(across), y_format(up)
            )
        )
    return Markup("").join(parts)


def _mark(frame: Frame, best: tuple[float, str], *, at_top: bool) -> Markup:
    x, bottom = frame.at(best[0], frame.y[0])
    place = "end" if x > (LEFT + WIDTH) / 2 else "start"
    return Markup(
        '<line class="best" x1="{}" y1="{}" x2="{}" y2="{}"/><text class="note {}" x="{}" y="{}">{}</text>'
    ).format(x, TOP, x, bottom, place, x + (-6 if place == "end" else 6), TOP + 10 if at_top else bottom - 8, best[1])


def _figure(parts: Sequence[Markup], *, title: str, description: str) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}. {}">{}</svg>'
    ).format(WIDTH, HEIGHT, title, description, Markup("").join(parts))  # fmt: skip
